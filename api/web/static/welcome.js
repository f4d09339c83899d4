// The link's secret stands behind the # of the address; it goes into the form and out of the address bar.

import "./forms.js";
import { byId } from "./dom.js";

const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
byId("token").value = token;
if (!token) {
  byId("welcome").querySelector(".form-error").textContent = "This link is not whole. Open it as it was given to you.";
}
