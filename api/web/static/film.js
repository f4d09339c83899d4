// A clip is handed in: sent with its progress, then on to its page, where it is measured.

import { byId } from "./dom.js";
import { Problem, say } from "./forms.js";
import { Refusal, send } from "./send.js";

// A large clip over a slow line takes as long as it takes; the service ends what trickles.
const PATIENCE_MS = 3_600_000;
const form = byId("film");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const file = byId("clip").files[0];
  const button = form.querySelector("button");
  say(form, null);
  if (file.size > Number(form.dataset.maxMb) * 1024 * 1024) {
    say(form, new Problem(`The clip is larger than ${form.dataset.maxMb} MB`, "Cut it to the exercise."));
    return;
  }
  const body = new FormData();
  body.append("file", file, file.name || "clip");
  for (const [name, value] of new FormData(form)) {
    if (typeof value === "string" && value.trim()) body.append(name, value.trim().replace(",", "."));
  }
  button.disabled = true;
  const told = (share) => (byId("sent").textContent = `Sending the clip … ${Math.round(share * 10) * 10} %`);
  try {
    const answer = await send("/api/v1/submissions/clips", body, told, new AbortController().signal, PATIENCE_MS);
    location.assign(`/work/${answer.id}`);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    byId("sent").textContent = "";
    say(form, error);
    button.disabled = false;
  }
});
