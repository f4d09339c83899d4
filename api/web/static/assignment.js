// The assignment's form: one list of rubrics stands for two fields, and times are the reader's own.

import { byId } from "./dom.js";
import "./forms.js";

const form = byId("assignment");
const rubric = byId("rubric");
const due = byId("due_at");

function spread() {
  const [kind, value] = rubric.value.split(":");
  form.elements.rubric_id.value = kind === "own" ? value : "";
  form.elements.builtin_rubric.value = kind === "builtin" ? value : "";
}

rubric.addEventListener("change", spread);
spread();
if (due.dataset.utc) {
  const when = new Date(due.dataset.utc);
  due.value = new Date(when.getTime() - when.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
