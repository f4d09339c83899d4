// A class's photos: a zip, a folder or files, sent in parts that a request can carry, into one batch.
// What was sent already is known to the service and not taken twice: a broken upload is simply sent again.

import { byId, el } from "./dom.js";
import { ask, Problem, say } from "./forms.js";

const TAKEN = /\.(jpe?g|png|webp|hei[cf]|mp4|m4v|mov|webm|mkv|avi|zip)$/i;
const FILES_A_PART = 50;
const form = byId("upload");
const sending = byId("sending");
// Room for what a form adds around the files.
const partBytes = Number(form.dataset.maxMb) * 1024 * 1024 * 0.9;

for (const id of ["files", "folder"]) {
  const input = byId(id);
  const sendChosen = () => send([...input.files].map((file) => ({ file, name: file.webkitRelativePath || file.name })));
  input.addEventListener("change", sendChosen);
  if (input.files.length) sendChosen(); // chosen before this module was there
}
for (const type of ["dragenter", "dragover"]) {
  document.addEventListener(type, (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    form.classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) form.classList.remove("over");
});
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  form.classList.remove("over");
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  send((await Promise.all(entries.map((entry) => walk(entry)))).flat());
});
form.addEventListener("submit", (event) => event.preventDefault());

/** The files of a dropped folder, with their paths: folders may be named after persons. */
async function walk(entry) {
  if (entry.isFile) return [{ file: await new Promise((done, fail) => entry.file(done, fail)), name: entry.fullPath.slice(1) }];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!some.length) break;
    found.push(...some);
  }
  return (await Promise.all(found.map(walk))).flat();
}

function* parts(files) {
  let part = [];
  let bytes = 0;
  for (const one of files) {
    if (part.length && (part.length === FILES_A_PART || bytes + one.file.size > partBytes)) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(one);
    bytes += one.file.size;
  }
  if (part.length) yield part;
}

async function send(all) {
  const files = all.filter(({ name }) => TAKEN.test(name));
  say(form, null);
  if (!files.length) {
    say(form, new Problem("There is no photo, clip or zip among these", "JPEG, PNG, WebP, HEIC, MP4, MOV, WebM, MKV and AVI are read."));
    return;
  }
  const bar = el("progress", { max: files.length, value: 0, "aria-label": "Sent" });
  const text = el("p", {}, `Sending ${files.length} ${files.length === 1 ? "file" : "files"} …`);
  sending.replaceChildren(text, bar);
  const sum = { new: 0, known: 0, left: [] };
  let batch = null;
  try {
    for (const part of parts(files)) {
      const body = new FormData();
      if (batch === null) body.append("assignment", form.dataset.assignment);
      for (const field of byId("known").querySelectorAll("select")) if (field.value) body.append(field.name, field.value);
      for (const { file, name } of part) body.append("files", file, name);
      const answer = await ask("POST", batch === null ? "/api/v1/batches" : `/api/v1/batches/${batch}/files`, body);
      batch = answer.id;
      sum.new += answer.new;
      sum.known += answer.known;
      sum.left.push(...answer.left);
      bar.value += part.length;
    }
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    say(form, new Problem(error.message, `${error.hint} What was sent is kept: send the same again to go on.`));
  }
  report(sum, files.length);
}

function report(sum, sent) {
  const said = [`${sum.new} new ${sum.new === 1 ? "file" : "files"}`];
  if (sum.known) said.push(`${sum.known} known already`);
  if (sum.left.length) said.push(`${sum.left.length} left out`);
  sending.replaceChildren(
    el("p", {}, el("strong", {}, `${said.join(", ")}.`)),
    sum.left.length ? el("ul", {}, ...sum.left.map(({ file, why }) => el("li", {}, `${file}: ${why}`))) : el("span"),
  );
  if (sum.new && !sum.left.length) location.reload();
  else if (sent) sending.append(el("p", { class: "buttons" }, el("button", { type: "button", class: "button small", onclick: () => location.reload() }, "Show the results")));
}
