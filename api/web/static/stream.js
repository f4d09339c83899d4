// The live protocol (docs/service.md): frames with their capture times out, scores in, never a queue.

import { Refusal } from "./send.js";

const HEADER_BYTES = 24;
const VERSION = 1;
const JPEG_QUALITY = 0.9;

/** One session. `on` has ready(), score(message, roundTripMs), summary(assessment), fail(Refusal). */
export class Stream {
  #socket;
  #on;
  #credit = 0;
  #inFlight = new Map(); // seq -> when it was taken up
  #seq = 0;
  #sending = Promise.resolve();
  #canvas = document.createElement("canvas");
  #refusal = null;
  #over = false;

  constructor(options, on) {
    this.#on = on;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.#socket = new WebSocket(`${scheme}//${location.host}/api/v1/live`);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.addEventListener("open", () => this.#command({ type: "start", ...options }));
    this.#socket.addEventListener("message", (event) => this.#receive(JSON.parse(event.data)));
    this.#socket.addEventListener("close", () => this.#closed());
  }

  /** Whether it takes pictures: between `ready` and `stop`. */
  get open() {
    return this.#credit > 0;
  }

  /** The part `{x, y, width, height}` of the video's present picture, taken at `captureMs`; dropped without credit (false). */
  offer(video, captureMs, part) {
    if (this.#inFlight.size >= this.#credit) return false;
    const seq = this.#seq++;
    this.#inFlight.set(seq, performance.now());
    const full = [video.videoWidth, video.videoHeight];
    this.#canvas.width = part.width;
    this.#canvas.height = part.height;
    const context = this.#canvas.getContext("2d", { alpha: false, willReadFrequently: true });
    context.drawImage(video, part.x, part.y, part.width, part.height, 0, 0, part.width, part.height);
    const picture = new Promise((resolve) => this.#canvas.toBlob(resolve, "image/jpeg", JPEG_QUALITY));
    // One after the other: a small picture may be encoded before the one taken earlier.
    this.#sending = this.#sending.then(async () => {
      const jpeg = await (await picture).arrayBuffer();
      const message = new Uint8Array(HEADER_BYTES + jpeg.byteLength);
      const head = new DataView(message.buffer);
      head.setUint8(0, VERSION);
      head.setUint32(4, seq, true);
      head.setBigUint64(8, BigInt(Math.round(captureMs * 1000)), true);
      [part.x, part.y, ...full].forEach((value, i) => head.setUint16(16 + 2 * i, value, true));
      message.set(new Uint8Array(jpeg), HEADER_BYTES);
      if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(message);
    });
    return true;
  }

  tip(x, y) {
    this.#command({ type: "tip", x, y });
  }

  /** Asks for the summary; the frames that are under way go first. */
  stop() {
    this.#credit = 0;
    this.#sending = this.#sending.then(() => this.#command({ type: "stop" }));
  }

  #command(fields) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(fields));
  }

  #receive(message) {
    if (message.type === "score") {
      const taken = this.#inFlight.get(message.seq);
      this.#inFlight.delete(message.seq);
      if (this.#credit) this.#credit = message.credit;
      this.#on.score(message, performance.now() - taken);
    } else if (message.type === "ready") {
      this.#credit = message.credit;
      this.#on.ready();
    } else if (message.type === "summary") {
      this.#over = true;
      this.#on.summary(message);
    } else if (message.type === "error") this.#refusal = new Refusal(message.title, message.hint, message.code);
  }

  #closed() {
    if (this.#over) return;
    this.#over = true;
    const lost = new Refusal("The connection to the service broke", "Check it and start again.", "offline");
    this.#on.fail(this.#refusal ?? lost);
  }
}
