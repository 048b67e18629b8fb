// Small conveniences. Every page can be read, and every form sent, without them.

const typing = (element) => element.closest("input, textarea, select, [contenteditable]");

/** Times are shown in the reader's words beside the exact ones that the server wrote. */
function relative(root) {
  const format = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto", style: "long" });
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  for (const time of root.querySelectorAll("time[data-relative]")) {
    const seconds = (Date.parse(time.dateTime) - Date.now()) / 1000;
    const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
    if (Math.abs(seconds) < 7 * 86400) time.textContent = format.format(Math.round(seconds / size), unit);
  }
}

/** A button that puts a text on the clipboard. */
class Copy extends HTMLElement {
  connectedCallback() {
    const button = this.querySelector("button");
    if (!button || !navigator.clipboard) return this.setAttribute("hidden", "");
    const label = button.textContent;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(this.getAttribute("text"));
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = label; }, 1500);
    });
  }
}

customElements.define("ll-copy", Copy);

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.documentElement.dataset.keys === "off") return;
  const act = {
    "/": () => document.querySelector("input[type=search]")?.focus(),
    "?": () => document.getElementById("keys")?.showModal(),
    h: () => document.querySelector("a[data-help]")?.click(),
    t: () => document.querySelector("[data-theme-switch] button")?.click(),
    j: () => step(1),
    k: () => step(-1),
    o: () => document.querySelector("[data-open]")?.click(),
    c: () => document.querySelector("ll-copy button")?.click(),
    r: () => document.querySelector("[data-retry]")?.focus(),
    "[": () => document.querySelector("[rel=prev]")?.click(),
    "]": () => document.querySelector("[rel=next]")?.click(),
  }[event.key];
  if (going) {
    going = false;
    const link = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
    if (link) { event.preventDefault(); link.click(); }
    return;
  }
  if (event.key === "g") { going = true; setTimeout(() => { going = false; }, 1000); return; }
  if (act) { event.preventDefault(); act(); }
});

let going = false;

/** The next or previous row of a list has the focus. */
function step(by) {
  const rows = [...document.querySelectorAll("[data-row] a")].filter((link) => link.closest("td.who"));
  const at = rows.indexOf(document.activeElement);
  rows[Math.max(0, Math.min(rows.length - 1, at + by))]?.focus();
}

/** Help opens beside the page, which stays as it is. Where it cannot be had, the link leads there. */
async function helpBeside(link) {
  const drawer = document.getElementById("help");
  try {
    const answer = await fetch(link.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const shown = page.getElementById("main");
    if (!answer.ok || !shown) throw new Error(`help was answered with ${answer.status}`);
    drawer.querySelector("div").replaceChildren(...shown.children);
    drawer.showModal();
  } catch {
    location.href = link.href;
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-help]");
  if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  helpBeside(link);
});
document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll("details.menu[open]")) if (!open.contains(event.target)) open.open = false;
});
document.addEventListener("keyup", (event) => {
  if (event.key === "Escape") for (const open of document.querySelectorAll("details.menu[open]")) open.open = false;
});
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (button && !event.defaultPrevented) setTimeout(() => { button.disabled = true; });
});
window.addEventListener("pageshow", () => { for (const button of document.querySelectorAll("button:disabled:not([data-off])")) button.disabled = false; });

relative(document);
setInterval(() => relative(document), 30000);
document.addEventListener("htmx:after:swap", () => relative(document));
