// The first page: a photo comes in by camera, file, drop or paste. For who is signed in it is handed in
// and the page goes on to its result; a visitor gets the assessment here, and nothing is kept.

import { calibration } from "./calibrate.js";
import { byId, el } from "./dom.js";
import { result } from "./result.js";
import { Refusal, send } from "./send.js";

const form = byId("form");
const drop = byId("drop");
const again = byId("again");
const keeps = "keep" in document.body.dataset;
// What stays the same from one evening to the next.
const REMEMBERED = ["hand", "suture_size", "technique", "kit"];
const maxBytes = Number(document.body.dataset.maxUploadMb) * 1024 * 1024;

/** What is graded now: the photo, the points tapped on it, and how to stop. */
const state = { file: null, points: null, stop: null };

for (const id of ["camera", "file"]) {
  byId(id).addEventListener("change", (event) => {
    take(event.target.files);
    event.target.value = ""; // choosing the same photo again shall grade it again
  });
}
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (state.file) grade();
});
form.addEventListener("change", sayOptions);

for (const type of ["dragenter", "dragover"]) {
  document.addEventListener(type, (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    drop.classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) drop.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  take(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) take(event.clipboardData.files);
});

function take(files) {
  if (!files.length) return;
  state.file = files[0];
  state.points = null; // they belong to the photo before
  grade();
}

async function grade() {
  state.stop?.abort();
  const stop = new AbortController();
  state.stop = stop;
  const { file } = state;
  clear();
  try {
    if (file.size > maxBytes) {
      throw new Refusal(
        `The photo is larger than ${document.body.dataset.maxUploadMb} MB`,
        "Send it as the phone saved it (JPEG or HEIC).",
        "upload_too_large",
      );
    }
    busy("Sending the photo", 0, stop);
    const path = keeps ? "/api/v1/submissions" : "/grade";
    const answer = await send(path, body(file), (share) => busy("Sending the photo", share, stop), stop.signal);
    if (state.stop !== stop) return;
    if (keeps) location.assign(`/work/${answer.submission.id}`);
    else show(answer, file);
  } catch (error) {
    if (state.stop === stop) fail(error);
  } finally {
    if (state.stop === stop) {
      state.stop = null;
      again.hidden = false;
    }
  }
}

function body(file) {
  const data = new FormData();
  data.append("file", file, file.name || "photo");
  for (const [name, value] of new FormData(form)) {
    if (typeof value === "string" && value.trim()) data.append(name, value.trim());
  }
  if (state.points) data.append("points", state.points);
  return data;
}

function clear() {
  byId("alert").replaceChildren();
  byId("status").replaceChildren();
  byId("result").hidden = true;
  byId("result").replaceChildren();
}

function busy(text, share, stop) {
  const status = byId("status");
  const sent = share >= 1;
  if (!status.firstChild) {
    status.append(
      el(
        "div",
        { class: "panel busy" },
        el("span", { class: "spinner", "aria-hidden": "true" }),
        el("span", { class: "busy-text" }),
        el("button", { type: "button", class: "button small", onclick: () => stop.abort() }, "Stop"),
      ),
    );
    status.scrollIntoView({ block: "nearest" });
  }
  const line = status.querySelector(".busy-text");
  const words = sent ? "Measuring the stitches …" : `${text} …`;
  if (line.textContent !== words) line.textContent = words; // told once, not at every per cent
}

function show({ assessment, overlay }, file) {
  const target = byId("result");
  const askForPoints = (view) => {
    const before = state.points ? state.points.split(",").map(Number) : null;
    const holder = el("div");
    photoSource(file, assessment.image, view.image).then((source) =>
      holder.append(
        calibration(assessment.image, source, before, (points) => {
          state.points = points;
          grade();
        }),
      ),
    );
    return holder;
  };
  document.body.classList.add("wide"); // the tables go beside the picture
  target.append(result(assessment, overlay, { points: askForPoints }));
  target.hidden = false;
  const count = assessment.wounds.reduce((sum, wound) => sum + wound.stitches.length, 0);
  byId("status").replaceChildren(el("p", { class: "visually-hidden" }, `Done: ${count} stitches found.`));
  target.focus({ preventScroll: true });
  target.scrollIntoView({ block: "start" });
}

function fail(error) {
  byId("status").replaceChildren();
  const refusal = error instanceof Refusal ? error : new Refusal("The page made a mistake", "Load it again.", "page");
  if (refusal !== error) console.error(error);
  if (refusal.code === "stopped") return;
  byId("alert").replaceChildren(
    el(
      "div",
      { class: "panel alert" },
      el("p", { class: "lead" }, refusal.message),
      el("p", {}, refusal.hint),
    ),
  );
  byId("alert").scrollIntoView({ block: "nearest" });
}

/** The photo itself where this browser can show it upright, else the drawn picture. */
async function photoSource(file, image, overlayImage) {
  const source = new Image();
  source.src = URL.createObjectURL(file);
  try {
    await source.decode();
    if (source.naturalWidth === image.width && source.naturalHeight === image.height) return source;
  } catch {
    // such as HEIC outside Safari
  }
  URL.revokeObjectURL(source.src);
  return overlayImage;
}

function sayOptions() {
  const fields = byId("options").querySelectorAll("select, input");
  const set = [...fields].filter((field) => field.value.trim()).length;
  byId("options-set").textContent = set ? `(${set} set)` : "";
}

if (keeps) {
  for (const name of REMEMBERED) {
    const before = localStorage.getItem(`assessor.${name}`);
    if (before !== null) byId(name).value = before;
    byId(name).addEventListener("change", () => localStorage.setItem(`assessor.${name}`, byId(name).value));
  }
}
// A photo may be chosen before this module is there.
for (const id of ["camera", "file"]) take(byId(id).files);
// A browser that comes back to this page keeps the fields as they were.
sayOptions();
