// What is shown once: invitation links and keys, to be copied and handed over.

import { el } from "./dom.js";
import "./forms.js";

document.addEventListener("sent", ({ target, detail }) => {
  if (!("invite" in target.dataset)) return;
  const secret = detail.link ?? detail.key;
  if (!secret) {
    location.reload(); // somebody who was known already: in the list now
    return;
  }
  const host = target.closest("section").querySelector(".invited") ?? document.querySelector(".invited");
  const box = el("input", { readonly: true, value: secret, "aria-label": detail.link ? "Link to hand over" : "The key" });
  const what = detail.link
    ? `Hand this link to ${detail.person.name}. It works once, for seven days, and is shown only now.`
    : "Copy the key now: it is not shown again.";
  host.replaceChildren(
    el("div", { class: "notice" }, el("p", {}, what), box),
    el("p", { class: "buttons" }, el("button", { type: "button", class: "button small", onclick: () => location.reload() }, "Done")),
  );
  box.focus();
  box.select();
  host.scrollIntoView({ block: "nearest" });
});
