// A recorded clip: sent, then asked for until it is assessed.

import { Refusal } from "./send.js";

const CLIPS = "/api/v1/clips";
const ASK_MS = 1000;

/** `{assessment, plotUrl}`; `onState(text)` hears how far it is. Refusal in words. */
export async function sendClip(file, fields, onState) {
  const body = new FormData();
  body.append("file", file, file.name || "clip");
  for (const [name, value] of Object.entries(fields)) if (value.trim()) body.append(name, value.trim());
  onState("Sending the recording …");
  let job = await asked(fetch(CLIPS, { method: "POST", body }));
  const url = `${CLIPS}/${job.id}`;
  while (job.state === "queued" || job.state === "running") {
    onState(job.state === "queued" ? "Waiting for its turn …" : "Measuring the recording …");
    await new Promise((resolve) => setTimeout(resolve, ASK_MS));
    job = await asked(fetch(url));
  }
  const plot = await fetch(url, { headers: { accept: "image/png" } });
  return { assessment: job, plotUrl: plot.ok ? URL.createObjectURL(await plot.blob()) : null };
}

async function asked(request) {
  let answer;
  try {
    answer = await request;
  } catch {
    throw new Refusal("No answer from the service", "Check the connection and send the recording again.", "offline");
  }
  const document = await answer.json().catch(() => null);
  if (answer.ok && document) return document;
  throw new Refusal(document?.title ?? `The service answered ${answer.status}`, document?.hint ?? "Try again.", document?.code);
}
