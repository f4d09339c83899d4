// A kept clip: its measures from the API, and its curves; looks again while it is being measured.

import { byId } from "./dom.js";
import { ask, Problem } from "./forms.js";
import { curvesOf } from "./motion-charts.js";
import { motionResult } from "./motion-result.js";

const LOOK_AGAIN_MS = 4000;
const target = byId("result");
const refusal = byId("refusal");
const id = (target ?? refusal)?.dataset.submission;

if (byId("waiting")) setTimeout(() => location.reload(), LOOK_AGAIN_MS);
if (id) {
  ask("GET", `/api/v1/submissions/${id}/motion`).then(show, fail);
}

async function show(assessment) {
  if (refusal) {
    refusal.textContent = assessment.error.text;
    byId("refusal-hint").textContent = assessment.error.hint;
    return;
  }
  byId("status").replaceChildren();
  target.append(motionResult(assessment));
  target.hidden = false;
  if (assessment.tips.some((tip) => tip.spectrum)) {
    byId("charts").hidden = false;
    await curvesOf(assessment, byId("charts"));
  }
}

function fail(error) {
  if (!(error instanceof Problem)) throw error;
  byId("status")?.replaceChildren();
  (byId("alert") ?? refusal).textContent = `${error.message}. ${error.hint}`;
}
