// Loaded before the page: a form that a script sends is never sent by the browser itself, which would put
// its fields, a password too, into the address. What is sent before that script is there waits for it.

const early = [];
const byBrowser = (form) => form.getAttribute("method") === "get";

function hold(event) {
  if (byBrowser(event.target)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (!early.some(([form]) => form === event.target)) early.push([event.target, event.submitter]);
}

document.addEventListener("submit", hold, true);
// Modules without an await of their own have run by now.
document.addEventListener("DOMContentLoaded", () => {
  document.removeEventListener("submit", hold, true);
  document.addEventListener("submit", (event) => byBrowser(event.target) || event.preventDefault());
  for (const [form, button] of early) form.requestSubmit(button);
});
