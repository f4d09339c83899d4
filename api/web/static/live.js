// The live page: camera on, start, hands at work, stop, summary; or a recording instead.

import { byId, el } from "./dom.js";
import { pointTool } from "./calibrate.js";
import { cameraId, cameras, closeCamera, openCamera, watchFrames } from "./camera.js";
import { sendClip } from "./clip.js";
import { Crop } from "./crop.js";
import { curves } from "./curves.js";
import { light, Rate, rateHint, watchLevel } from "./hints.js";
import { motionResult } from "./motion-result.js";
import { amount, liveSentence, motionStatus, peakText, percent, rmsOf, tremorText, unitText } from "./motion-words.js";
import { Refusal } from "./send.js";
import { stage } from "./stage.js";
import { Stream } from "./stream.js";
import { points } from "./words.js";

const SAY_MS = 1000;
const LOOK_MS = 500;

const video = byId("video");
const picture = stage(video, byId("overlay"), tapped);
/**
 * `stream` while a session runs; `rate` is the camera's, `sent` that of what the stream took, `offered` and `taken` count
 * pictures; `taps` are tips pointed at before it; `newest` is the last score; `light`, `rateSign` what `look` saw.
 */
const state = {
  stream: null, crop: null, rate: new Rate(), sent: null, offered: 0, taken: 0, taps: [], newest: null, light: null,
  rateSign: null, awake: null,
};
let charts = null;

byId("camera-on").addEventListener("click", () => {
  watchLevel((hint) => say("hint-level", hint));
  turnOn(null);
});
byId("camera").addEventListener("change", (event) => turnOn(event.target.value));
byId("size").addEventListener("change", () => video.srcObject && turnOn(cameraId(video)));
byId("start").addEventListener("click", start);
byId("stop").addEventListener("click", stop);
byId("scale-open").addEventListener("click", openScale);
byId("clip").addEventListener("change", (event) => {
  if (event.target.files.length) assess(event.target.files[0]);
  event.target.value = "";
});
video.addEventListener("resize", () => {
  byId("view").style.aspectRatio = `${video.videoWidth} / ${video.videoHeight}`;
  // A turned phone gives another picture: what was measured until then is summed up.
  if (state.stream) stop();
});
addEventListener("pagehide", () => closeCamera(video));
setInterval(look, LOOK_MS);
setInterval(speak, SAY_MS);
curves(byId("amplitude"), byId("spectrum")).then(
  (made) => (charts = made),
  () => (byId("curves").hidden = true),
);

async function turnOn(deviceId) {
  show("busy");
  complain(null);
  try {
    await openCamera(video, deviceId, byId("size").value.split("x").map(Number));
  } catch (error) {
    show("off");
    complain(error);
    return;
  }
  state.rate = new Rate();
  state.taps = [];
  picture.clear();
  watchFrames(video, onFrame);
  await listCameras();
  show("ready");
}

async function listCameras() {
  const found = await cameras();
  const chosen = cameraId(video);
  byId("camera").replaceChildren(
    ...found.map((device, i) =>
      el("option", { value: device.deviceId, selected: device.deviceId === chosen }, device.label || `Camera ${i + 1}`),
    ),
  );
  byId("camera-field").hidden = found.length < 2;
}

function onFrame(captureMs) {
  state.rate.seen(captureMs);
  if (!state.stream?.open) return;
  state.offered += 1;
  if (!state.stream.offer(video, captureMs, state.crop.part(video.videoWidth, video.videoHeight))) return;
  state.taken += 1;
  state.sent.seen(captureMs);
}

function tapped(x, y) {
  if (state.stream) state.stream.tip(x, y);
  else state.taps = [...state.taps, [x, y]].slice(-2);
  picture.mark(x, y);
}

function start() {
  const scale = Number(byId("mm_per_px").value.replace(",", "."));
  if (byId("mm_per_px").value.trim() && !(scale > 0)) {
    complain(new Refusal("The scale is no number", "Give millimetres per pixel such as 0.05, or leave it empty.", "scale"));
    byId("mm_per_px").focus();
    return;
  }
  complain(null);
  byId("result").replaceChildren();
  charts?.clear();
  state.newest = null;
  state.crop = new Crop();
  state.sent = new Rate();
  state.offered = state.taken = 0;
  const task = byId("task").value;
  byId("zone").hidden = task !== "hold";
  byId("steady-note").textContent = scale > 0 ? "of 100" : "of 100, needs a scale";
  for (const unit of document.querySelectorAll(".unit")) unit.textContent = unitText(scale > 0 ? "um" : "px");
  show("starting");
  state.stream = new Stream(
    { task, hand: byId("hand").value, ...(scale > 0 ? { mm_per_px: scale } : {}) },
    { ready: begun, score: scored, summary: ended, fail: broken },
  );
}

function begun() {
  state.taps.forEach(([x, y]) => state.stream.tip(x, y));
  state.taps = [];
  show("running");
  // Phones dim their screen, and with it the camera, when nobody touches them.
  navigator.wakeLock?.request("screen").then((lock) => (state.awake = lock), () => {});
}

function scored(message, roundTripMs) {
  state.newest = message;
  state.crop.seen(message.tips);
  picture.tips(message.tips);
  byId("live").dataset.roundTripMs = roundTripMs.toFixed(1);
  if (!("spectrum" in message)) return; // the same estimate as before
  const { tremor } = message;
  byId("tremor").textContent = tremor ? tremorText(tremor) : "–";
  byId("tremor-note").textContent = tremor ? note(tremor) : "rms, 4 to 12 Hz";
  byId("peak").textContent = tremor ? peakText(tremor) : "–";
  byId("steady").textContent = message.score === null ? "–" : points(message.score);
  byId("zone-share").textContent = percent(message.zone_share);
  const measured = tremor && ["measured", "below_floor"].includes(tremor.status);
  charts?.amplitude(message.estimated_s ?? 0, measured ? rmsOf(tremor) : null, tremor?.noise_floor ?? null);
  if (message.spectrum) charts?.spectrum(message.spectrum);
}

function note(tremor) {
  const floor = tremor.noise_floor === null ? "" : `, camera ${amount(tremor.noise_floor, tremor.unit)}`;
  return tremor.status === "measured" ? `rms, 4 to 12 Hz${floor}` : motionStatus(tremor.status);
}

function stop() {
  show("ending");
  state.stream.stop();
}

function ended({ type, ...assessment }) {
  over();
  present(motionResult(assessment, { lost: state.offered ? 1 - state.taken / state.offered : 0 }));
}

function broken(refusal) {
  over();
  complain(refusal);
}

function over() {
  state.stream = null;
  state.awake?.release();
  picture.clear();
  show(video.srcObject ? "ready" : "off");
}

async function assess(file) {
  complain(null);
  byId("result").replaceChildren();
  const fields = { task: byId("task").value, hand: byId("hand").value, mm_per_px: byId("mm_per_px").value };
  const line = byId("clip-status");
  try {
    const { assessment, plotUrl } = await sendClip(file, fields, (text) => (line.textContent = text));
    present(motionResult(assessment, { plotUrl }));
  } catch (error) {
    complain(error);
  } finally {
    line.textContent = "";
  }
}

function present(node) {
  const target = byId("result");
  target.replaceChildren(node);
  target.hidden = false;
  target.focus({ preventScroll: true });
  target.scrollIntoView({ block: "start" });
}

/** What the camera sees, told twice a second. */
function look() {
  if (!video.srcObject || video.readyState < 2) return;
  state.light = light(video);
  state.rateSign = rateHint(state.rate, state.stream && state.sent, state.light.ok);
  say("hint-light", state.light);
  say("hint-rate", state.rateSign);
}

/** The score as a sentence, told once a second. */
function speak() {
  if (!state.stream || !state.newest) return;
  const text = liveSentence(state.newest, state.light, state.rateSign);
  const line = byId("score-line");
  if (line.textContent !== text) line.textContent = text;
}

function say(id, hint) {
  const line = byId(id);
  line.hidden = hint === null;
  if (!hint) return;
  line.textContent = hint.text;
  line.classList.toggle("ok", hint.ok);
}

function show(phase) {
  byId("live").dataset.phase = phase;
  byId("camera-on").disabled = phase === "busy";
  for (const id of ["camera", "size", "task", "hand", "mm_per_px", "scale-open"]) {
    byId(id).disabled = ["starting", "running", "ending"].includes(phase);
  }
  const lines = {
    off: "Turn on the camera to begin.",
    ready: "Start, then hold the tip still now and then.",
    starting: "Getting ready …",
    running: "Looking for instrument tips.",
    ending: "Summing up …",
  };
  byId("score-line").textContent = lines[phase] ?? "";
}

function complain(error) {
  const host = byId("alert");
  if (error === null) {
    host.replaceChildren();
    return;
  }
  const refusal = error instanceof Refusal ? error : new Refusal("The page made a mistake", "Load it again.", "page");
  if (refusal !== error) console.error(error);
  host.replaceChildren(
    el("div", { class: "panel alert" }, el("p", { class: "lead" }, refusal.message), el("p", {}, refusal.hint)),
  );
  host.scrollIntoView({ block: "nearest" });
}

/** Two points on a still of the picture give millimetres a pixel. */
async function openScale() {
  if (!video.srcObject) {
    complain(new Refusal("The camera is off", "Turn it on first, with a ruler where the tips will be.", "camera_off"));
    return;
  }
  complain(null);
  const [width, height] = [video.videoWidth, video.videoHeight];
  const canvas = el("canvas", { width, height });
  canvas.getContext("2d").drawImage(video, 0, 0);
  const still = new Image();
  still.src = URL.createObjectURL(await new Promise((resolve) => canvas.toBlob(resolve, "image/png")));
  await still.decode();
  const close = () => {
    URL.revokeObjectURL(still.src);
    byId("scale-tool").replaceChildren();
    byId("scale-open").focus();
  };
  const done = (text) => {
    const [x0, y0, x1, y1, mm] = text.split(",").map(Number);
    byId("mm_per_px").value = String(Number((mm / Math.hypot(x1 - x0, y1 - y0)).toPrecision(4)));
    close();
  };
  byId("scale-tool").replaceChildren(pointTool({ width, height }, still, null, done, close, "Use this scale"));
}

show("off");
