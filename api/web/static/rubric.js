// The rubric's editor writes the same TOML file that the command line reads (docs/rubrics.md).

import { byId } from "./dom.js";
import { ask, Problem, say } from "./forms.js";

const form = byId("rubric");
const targets = byId("targets");
const add = byId("add");
const upload = byId("import");

form.addEventListener("click", (event) => {
  if (!event.target.closest(".take-out")) return;
  event.target.closest(".target").remove();
  offer();
});
add.addEventListener("change", () => {
  if (!add.value) return;
  const node = byId("blank").content.firstElementChild.cloneNode(true);
  const label = add.selectedOptions[0].textContent;
  for (const part of node.querySelectorAll("[id], label")) {
    for (const name of ["id", "for"]) if (part.hasAttribute(name)) part.setAttribute(name, part.getAttribute(name).replace("METRIC", add.value));
  }
  node.dataset.metric = add.value;
  node.querySelector("legend").textContent = label;
  targets.append(node);
  offer();
  node.querySelector("input").focus();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  send(form, toml());
});
upload?.addEventListener("change", async () => {
  const [file] = byId("file").files;
  if (file) await send(upload, await file.text());
});
offer();

/** Only measures that are not there yet can be added. */
function offer() {
  const there = new Set([...targets.querySelectorAll(".target")].map((node) => node.dataset.metric));
  for (const option of add.options) option.hidden = option.disabled = there.has(option.value);
  add.value = "";
}

async function send(host, text) {
  say(host, null);
  try {
    await ask("POST", `/api/v1/courses/${form.dataset.course}/rubrics`, { text });
    location.assign(`/courses/${form.dataset.course}`);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    say(host, error);
  }
}

function toml() {
  const quoted = (text) => JSON.stringify(text); // TOML's basic strings escape as JSON does
  const lines = ["name", "version", "title", "summary"].map((name) => `${name} = ${quoted(form.elements[name].value.trim())}`);
  for (const field of form.querySelectorAll("[data-list]")) {
    const words = field.value.split(",").filter(Boolean);
    if (words.length || field.dataset.list === "techniques") lines.push(`${field.dataset.list} = [${words.map(quoted).join(", ")}]`);
  }
  for (const node of targets.querySelectorAll(".target")) {
    lines.push("", `[targets.${node.dataset.metric}]`);
    for (const field of node.querySelectorAll("[data-key]")) {
      const text = field.value.trim();
      if (!text) continue;
      const number = Number(text.replace(",", "."));
      const plain = !["evidence", "source"].includes(field.dataset.key) && Number.isFinite(number);
      lines.push(`${field.dataset.key} = ${plain ? number : quoted(text)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}
