// The grade book that the instructor exported, filled in: first what would be written, then the file.

import { byId, el } from "./dom.js";
import { Problem, say } from "./forms.js";

const form = byId("gradebook");
const preview = byId("preview");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  preview.replaceChildren();
  say(form, null);
  try {
    show(await (await post("application/json")).json());
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    say(form, error);
  }
});

async function post(accept) {
  const body = new FormData();
  body.append("file", byId("book").files[0]);
  if (byId("column").value.trim()) body.append("column", byId("column").value.trim());
  body.append("feedback", String(byId("feedback").checked));
  let answer;
  try {
    answer = await fetch(form.dataset.api, { method: "POST", body, headers: { accept } });
  } catch {
    throw new Problem("No answer from the service", "Check the connection and try again.");
  }
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw new Problem(problem.title ?? `The service answered ${answer.status}`, problem.hint ?? "Try again in a moment.");
}

function show(found) {
  const kind = found.kind === "moodle" ? "Moodle worksheet" : "Canvas grade book";
  const lines = [
    `${found.filled} ${found.filled === 1 ? "grade" : "grades"} into the column “${found.column}”`,
    found.replaced ? `${found.replaced} of them in the place of another grade` : null,
    found.locked ? `${found.locked} rows take no grade` : null,
    found.without_grade.length ? `${found.without_grade.length} photos have no grade: those rows stay as they are` : null,
    found.not_found.length ? `${found.not_found.length} photos are of nobody in this file` : null,
  ].filter(Boolean);
  preview.replaceChildren(
    el("h3", {}, kind),
    el("ul", {}, ...lines.map((line) => el("li", {}, line))),
    el("p", { class: "buttons" }, el("button", { type: "button", class: "button primary", onclick: download }, "Get the file")),
  );
}

async function download() {
  try {
    const answer = await post("text/csv");
    const url = URL.createObjectURL(await answer.blob());
    el("a", { href: url, download: byId("book").files[0].name }).click();
    URL.revokeObjectURL(url);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    say(form, error);
  }
}
