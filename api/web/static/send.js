// One upload: progress out, an answer or an error in words back, never a wait without an end.

const TIMEOUT_MS = 180_000;

export class Refusal extends Error {
  constructor(title, hint, code) {
    super(title);
    this.hint = hint;
    this.code = code;
  }
}

/** Posts the form to `path`; `onProgress` gets the share sent, 0..1. Resolves to the JSON. */
export function send(path, form, onProgress, signal, timeoutMs = TIMEOUT_MS) {
  return new Promise((resolve, reject) => {
    // XMLHttpRequest, because fetch does not tell how much of an upload has gone.
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.responseType = "json";
    request.timeout = timeoutMs;
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    });
    request.addEventListener("load", () => {
      const answer = request.response;
      if (request.status < 300 && answer) resolve(answer);
      else reject(refusal(answer, request.status));
    });
    request.addEventListener("error", () =>
      reject(new Refusal("No answer from the service", "Check the connection and send the photo again.", "offline")),
    );
    request.addEventListener("timeout", () =>
      reject(new Refusal("The service took too long", "Try again on a better connection.", "timeout")),
    );
    request.addEventListener("abort", () => reject(new Refusal("Stopped", "The photo was not graded.", "stopped")));
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

function refusal(answer, status) {
  if (answer && answer.title) return new Refusal(answer.title, answer.hint ?? "", answer.code);
  const hint = status === 503 ? "Many photos are being graded. Try again in a moment." : "Try again in a moment.";
  return new Refusal(`The service answered ${status}`, hint, `http_${status}`);
}
