// Forms that send JSON: <form data-send="POST /api/v1/courses" data-then="/courses/{id}">.
//
// data-then: where to afterwards, with fields of the answer in braces; "." loads the page again;
// without it the form gets the event "sent" with the answer. data-confirm asks first. A field's data-type:
// number, boolean, time; data-empty="omit" leaves it away where it is empty, else null is sent.

export class Problem extends Error {
  constructor(title, hint) {
    super(title);
    this.hint = hint;
  }
}

/** Sends `body` (an object as JSON, FormData as it is) and gives the answer's JSON; throws Problem. */
export async function ask(method, path, body = undefined) {
  const json = body !== undefined && !(body instanceof FormData);
  let answer;
  try {
    answer = await fetch(path, {
      method,
      body: json ? JSON.stringify(body) : body,
      headers: { accept: "application/json", ...(json ? { "content-type": "application/json" } : {}) },
    });
  } catch {
    throw new Problem("No answer from the service", "Check the connection and try again.");
  }
  if (answer.status === 204) return null;
  const content = await answer.json().catch(() => null);
  if (answer.ok) return content;
  throw new Problem(content?.title ?? `The service answered ${answer.status}`, content?.hint ?? "Try again in a moment.");
}

/** The fields of a form as the API takes them. */
export function values(form) {
  const out = {};
  for (const field of form.elements) {
    if (!field.name || field.disabled || (field.type === "radio" && !field.checked)) continue;
    const text = field.type === "password" ? field.value : field.value.trim();
    if (field.dataset.type === "boolean") out[field.name] = field.type === "checkbox" ? field.checked : text === "true";
    else if (text === "") {
      if (field.dataset.empty !== "omit") out[field.name] = field.dataset.empty === "text" ? "" : null;
    } else if (field.dataset.type === "number") out[field.name] = Number(text.replace(",", "."));
    else if (field.dataset.type === "time") out[field.name] = new Date(text).toISOString();
    else out[field.name] = text;
  }
  return out;
}

export function say(form, error) {
  const line = form.querySelector(".form-error");
  line.textContent = error ? `${error.message}. ${error.hint ?? ""}`.replace("..", ".") : "";
}

async function submit(event) {
  const form = event.target.closest("form[data-send]");
  if (!form) return;
  event.preventDefault();
  if (form.dataset.confirm && !window.confirm(form.dataset.confirm)) return;
  const [method, path] = form.dataset.send.split(" ");
  const buttons = [...form.querySelectorAll("button")];
  buttons.forEach((button) => (button.disabled = true));
  say(form, null);
  try {
    // A form whose fields are all left away still sends an object; one without fields sends nothing.
    const empty = method === "DELETE" || ![...form.elements].some((field) => field.name);
    const answer = await ask(method, path, empty ? undefined : values(form));
    const then = form.dataset.then;
    if (then === ".") location.reload();
    else if (then) location.assign(then.replace(/\{(\w+)\}/g, (_, name) => answer[name]));
    else form.dispatchEvent(new CustomEvent("sent", { detail: answer, bubbles: true }));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    say(form, error);
  } finally {
    buttons.forEach((button) => (button.disabled = false));
  }
}

document.addEventListener("submit", submit);
