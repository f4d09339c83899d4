// The live picture with the tips drawn over it; a tap on it gives the picture's pixel.

// Okabe and Ito, as on the photos' overlay.
const COLOURS = ["#56b4e9", "#e69f00"];
const TRAIL = 45;

/** `{tips(list), mark(x, y), clear()}`; `onTap(x, y)` in pixels of the video. */
export function stage(video, canvas, onTap) {
  let trails = new Map();
  let marked = [];
  let newest = [];

  canvas.addEventListener("click", (event) => {
    if (!video.videoWidth) return;
    const box = canvas.getBoundingClientRect();
    onTap(
      ((event.clientX - box.left) / box.width) * video.videoWidth - 0.5,
      ((event.clientY - box.top) / box.height) * video.videoHeight - 0.5,
    );
  });

  function draw() {
    const [width, height] = [video.videoWidth, video.videoHeight];
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    const unit = Math.max(width, height) / 640;
    context.lineCap = context.lineJoin = "round";
    for (const [id, trail] of trails) {
      context.strokeStyle = COLOURS[id % COLOURS.length];
      context.lineWidth = 1.5 * unit;
      context.globalAlpha = 0.7;
      context.beginPath();
      trail.forEach(([x, y], i) => context[i ? "lineTo" : "moveTo"](x + 0.5, y + 0.5));
      context.stroke();
    }
    context.globalAlpha = 1;
    for (const { id, x, y } of newest) ring(context, x, y, unit, COLOURS[id % COLOURS.length], []);
    for (const [x, y] of marked) ring(context, x, y, unit, "#ffffff", [4 * unit, 4 * unit]);
  }

  return {
    tips(tips) {
      for (const id of trails.keys()) if (!tips.some((tip) => tip.id === id)) trails.delete(id);
      for (const { id, x, y } of tips) {
        const trail = trails.get(id) ?? [];
        trail.push([x, y]);
        if (trail.length > TRAIL) trail.shift();
        trails.set(id, trail);
        marked = marked.filter(([mx, my]) => Math.hypot(mx - x, my - y) > 24);
      }
      newest = tips;
      draw();
    },
    mark(x, y) {
      marked = [...marked, [x, y]].slice(-2);
      draw();
    },
    clear() {
      trails = new Map();
      marked = newest = [];
      draw();
    },
  };
}

function ring(context, x, y, unit, colour, dash) {
  for (const [style, wide] of [["rgba(0, 0, 0, 0.6)", 5], [colour, 2.5]]) {
    context.strokeStyle = style;
    context.lineWidth = wide * unit;
    context.setLineDash(dash);
    context.beginPath();
    context.arc(x + 0.5, y + 0.5, 11 * unit, 0, 2 * Math.PI);
    context.stroke();
  }
  context.setLineDash([]);
}
