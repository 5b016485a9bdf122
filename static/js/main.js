// One behaviour a module, bound by data-* attributes; every page works without any of them.
import "./times.js";
import "./toasts.js";
import "./dialogs.js";
import "./disclosures.js";
import "./keys.js";
import "./palette.js";
import "./live.js";
import "./focus.js";
import "./drafts.js";
import "./composer.js";
import "./nextline.js";
import "./files.js";
import "./zoom.js"; // brings charts.js
import "./copy.js";
import "./print.js";
import "./zones.js";
import "./groups.js";
