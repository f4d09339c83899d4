// Rolling curves with uPlot, which is served from here; without it the numbers stand alone.

const KEEP_S = 30;
const HEIGHT_PX = 150;
const LOW_HZ = 2;
const HIGH_HZ = 15;

const colour = (name) => () => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** `{amplitude(t, rms, floor), spectrum({freq_hz, density, floor}), unit(text), clear()}` on two elements. */
export async function curves(amplitudeHost, spectrumHost) {
  const { default: UPlot } = await import("/vendor/uPlot.js");
  const rolling = [[], [], []];
  const amplitude = plot(UPlot, amplitudeHost, rolling, {
    x: { time: false, range: (_, low, high) => [Math.max(low, high - KEEP_S), Math.max(high, KEEP_S)] },
    xLabel: "s",
  });
  const spectrum = plot(UPlot, spectrumHost, [[], [], []], {
    x: { time: false, range: () => [LOW_HZ, HIGH_HZ] },
    xLabel: "Hz",
  });
  return {
    amplitude(t, rms, floor) {
      rolling.forEach((column, i) => column.push([t, rms, floor][i]));
      while (rolling[0][0] < t - KEEP_S) rolling.forEach((column) => column.shift());
      amplitude.setData(rolling);
    },
    spectrum({ freq_hz: hz, density, floor }) {
      spectrum.setData([hz, density, floor]);
    },
    clear() {
      rolling.forEach((column) => column.splice(0));
      amplitude.setData(rolling);
      spectrum.setData([[], [], []]);
    },
  };
}

export function plot(UPlot, host, data, { x, xLabel }) {
  const axis = { stroke: colour("--quiet"), font: "12px system-ui", grid: { stroke: colour("--line"), width: 1 } };
  const chart = new UPlot(
    {
      width: host.clientWidth,
      height: HEIGHT_PX,
      cursor: { show: false },
      legend: { show: false },
      scales: { x, y: { range: (_, low, high) => [0, high > 0 ? high * 1.15 : 1] } },
      axes: [
        { ...axis, ticks: { show: false }, size: 26, values: (_, ticks) => ticks.map((v, i) => (i ? v : `${v} ${xLabel}`)) },
        { ...axis, ticks: { show: false }, size: 44 },
      ],
      series: [
        {},
        { stroke: colour("--accent"), width: 2, points: { show: false }, spanGaps: false },
        { stroke: colour("--quiet"), width: 1.5, dash: [5, 4], points: { show: false } },
      ],
    },
    data,
    host,
  );
  new ResizeObserver(() => chart.setSize({ width: host.clientWidth, height: HEIGHT_PX })).observe(host);
  return chart;
}
