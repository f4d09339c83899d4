// What the camera sees, before anything is measured: light, pictures a second, level.

const SMALL = [64, 48];
const DARK = 50;
const BURNT = 250;
const MOST_BURNT = 0.03;
// Tremor to 12 Hz needs this many pictures a second (docs/motion.md).
const LEAST_FPS = 27;
const RATE_OVER_MS = 2000;
const LEVEL_DEG = 8;
// Beyond this the camera is meant to look from the side.
const SIDE_DEG = 45;

const canvas = document.createElement("canvas");
[canvas.width, canvas.height] = SMALL;

/** `{ok, text}` about the light in the video's present picture. */
export function light(video) {
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  context.drawImage(video, 0, 0, ...SMALL);
  const { data } = context.getImageData(0, 0, ...SMALL);
  let sum = 0;
  let burnt = 0;
  for (let i = 0; i < data.length; i += 4) {
    const grey = 0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2];
    sum += grey;
    burnt += grey >= BURNT;
  }
  const count = data.length / 4;
  if (sum / count < DARK) return { ok: false, text: "Too dark: bring a lamp" };
  if (burnt / count > MOST_BURNT) return { ok: false, text: "Burnt out: softer light" };
  return { ok: true, text: "Light is good" };
}

/** Pictures a second from their capture times. */
export class Rate {
  #times = [];

  seen(captureMs) {
    this.#times.push(captureMs);
    while (this.#times[0] < captureMs - RATE_OVER_MS) this.#times.shift();
  }

  /** Pictures a second; null while it is too early to say. */
  get fps() {
    const span = this.#times.at(-1) - this.#times[0];
    return span > RATE_OVER_MS / 2 ? ((this.#times.length - 1) * 1000) / span : null;
  }
}

/** `{ok, text}` about the camera's `Rate` and, in a session, that of the pictures which got to the service (else null). */
export function rateHint(camera, sent, bright) {
  if (camera.fps === null) return null;
  if (camera.fps < LEAST_FPS) {
    const mend = bright ? "close other programs, or choose another camera" : "bring a lamp";
    return { ok: false, text: `${Math.floor(camera.fps)} pictures a second are too few: ${mend}` };
  }
  const text = `${Math.round(camera.fps)} pictures a second`;
  if (sent === null || sent.fps === null || sent.fps >= LEAST_FPS) return { ok: true, text };
  return { ok: false, text: `Only ${Math.floor(sent.fps)} of ${text} get through: the service or the network is slow` };
}

/** Asks for the phone's tilt (where a browser wants to be asked, only on a tap) and tells `onHint` of it. */
export async function watchLevel(onHint) {
  if (typeof DeviceOrientationEvent === "undefined") return;
  try {
    if ((await DeviceOrientationEvent.requestPermission?.()) === "denied") return;
  } catch {
    return; // not on a tap
  }
  addEventListener("deviceorientation", ({ beta, gamma }) => {
    if (beta === null || gamma === null) return;
    const down = Math.cos((beta * Math.PI) / 180) * Math.cos((gamma * Math.PI) / 180);
    const tilt = (Math.acos(Math.min(1, Math.abs(down))) * 180) / Math.PI;
    if (tilt > SIDE_DEG) onHint(null);
    else if (tilt <= LEVEL_DEG) onHint({ ok: true, text: "Camera is level" });
    else onHint({ ok: false, text: `Camera tilted by ${Math.round(tilt)}°: lengths read short` });
  });
}
