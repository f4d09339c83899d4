// Amplitude over time and spectrum of a measured clip, with uPlot, which is served from here.

import { plot } from "./curves.js";
import { el } from "./dom.js";

/** Two curves for each tip of a MotionAssessment into `host`; what the camera cannot see is dashed. */
export async function curvesOf(assessment, host) {
  const { default: UPlot } = await import("/vendor/uPlot.js");
  for (const tip of assessment.tips.filter((one) => one.spectrum)) {
    const unit = tip.tremor.unit === "um" ? "\u00b5m" : "px";
    const hand = tip.hand === "unknown" ? "" : `${tip.hand[0].toUpperCase()}${tip.hand.slice(1)} hand: `;
    const [amplitude, spectrum] = [`${hand}amplitude over time, ${unit} rms`, `${hand}spectrum, ${unit} per root Hz`].map((text) => {
      const curve = el("div", { class: "curve", role: "img", "aria-label": text });
      host.append(el("h3", {}, text), curve);
      return curve;
    });
    const ends = [0, Math.max(assessment.video.duration_s, 1)];
    plot(UPlot, amplitude, windowsOf(assessment, tip), { x: { time: false, range: () => ends }, xLabel: "s" });
    const { freq_hz: hz, density, floor } = tip.spectrum;
    plot(UPlot, spectrum, [hz, density, floor], { x: { time: false, range: () => [hz[0], hz.at(-1)] }, xLabel: "Hz" });
  }
}

/** Times, amplitudes and floors: level within each still moment, nothing between them. */
function windowsOf({ windows }, tip) {
  const rows = windows
    .filter((window) => window.tip === tip.id)
    .flatMap(({ t0_s: t0, t1_s: t1, tremor }) => {
      const values = [tremor.rms_um ?? tremor.rms_px ?? null, tremor.noise_floor];
      return [[t0, ...values], [t1, ...values], [t1 + 1e-3, null, null]];
    });
  return [0, 1, 2].map((column) => rows.map((row) => row[column]));
}
