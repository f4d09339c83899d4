// Which part of a large picture is sent: all of it until the tips are held, then a window around them.

const WINDOW = { width: 640, height: 480 };
// Held for this many answers in a row before the window closes in: half a second.
const HELD = 15;
// The window follows when a tip comes this near to its edge; it then has that much again on every side.
const MARGIN_PX = 64;
// JPEG's blocks stay where they are on the picture when the window moves.
const GRID_PX = 16;

export class Crop {
  #held = 0;
  #ids = "";
  #tips = [];
  #part = null;

  /** The tips of an answer, full-picture pixels. */
  seen(tips) {
    const ids = tips.map((tip) => tip.id).join();
    this.#held = tips.length && ids === this.#ids ? this.#held + 1 : 0;
    this.#ids = ids;
    this.#tips = tips;
  }

  /** `{x, y, width, height}` to send of a picture of that size. */
  part(width, height) {
    const whole = { x: 0, y: 0, width, height };
    if (width <= WINDOW.width || height <= WINDOW.height || this.#held < HELD) return (this.#part = whole);
    const box = bounds(this.#tips);
    if (this.#part === null || this.#part.width === width || !inside(box, this.#part)) this.#part = around(box, whole);
    return this.#part;
  }
}

function bounds(tips) {
  const xs = tips.map((tip) => tip.x);
  const ys = tips.map((tip) => tip.y);
  return { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
}

function inside(box, part) {
  return (
    box.left >= part.x + MARGIN_PX &&
    box.right <= part.x + part.width - MARGIN_PX &&
    box.top >= part.y + MARGIN_PX &&
    box.bottom <= part.y + part.height - MARGIN_PX
  );
}

function around(box, whole) {
  const [x, width] = span(box.left, box.right, WINDOW.width, whole.width);
  const [y, height] = span(box.top, box.bottom, WINDOW.height, whole.height);
  return { x, y, width, height };
}

function span(low, high, least, most) {
  const size = Math.min(most, Math.max(least, Math.ceil((high - low + 4 * MARGIN_PX) / GRID_PX) * GRID_PX));
  const from = Math.round(((low + high) / 2 - size / 2) / GRID_PX) * GRID_PX;
  const start = Math.min(Math.max(0, from), most - size);
  return [start - (start % GRID_PX), size];
}
