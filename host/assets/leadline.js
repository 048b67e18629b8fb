// Small conveniences. Every page can be read, and every form sent, without them.

const typing = (element) => element.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");

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

/** How long a list waits that was refused, before it asks again. */
const REFUSED_MS = 10000;

/** A list of leads whose rows change where they are. What is new is announced only, so nothing moves; nothing is asked
    for while nobody looks. Without this script the list is what it was when the page was loaded. */
class LiveList extends HTMLElement {
  /** What the server said of each cell: what stands there may have been put into other words since. */
  #said = new WeakMap();
  #came = new Set();
  #source;
  #later;
  #look = () => (document.hidden ? this.#rest() : this.#follow());

  connectedCallback() {
    this.since = new URL(this.getAttribute("src"), location).searchParams.get("since");
    for (const row of this.querySelectorAll("[data-row]")) this.#remember(row);
    document.addEventListener("visibilitychange", this.#look);
    window.addEventListener("pagehide", () => this.#rest());
    window.addEventListener("pageshow", this.#look);
    this.#look();
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.#look);
    window.removeEventListener("pageshow", this.#look);
    this.#rest();
  }

  #follow() {
    if (this.#source) return;
    const address = new URL(this.getAttribute("src"), location);
    address.searchParams.set("since", this.since);
    const source = new EventSource(address);
    this.#source = source;
    source.addEventListener("open", () => this.#say("live", "Live"));
    source.addEventListener("error", () => {
      if (this.#source !== source) return;
      this.#say("lost", "The connection is lost. Trying again…");
      // A refusal ends it, and does not say why: the page itself does.
      if (source.readyState === EventSource.CLOSED) this.#again();
    });
    const hear = (name, act) => source.addEventListener(name, (event) => {
      if (event.lastEventId) this.since = event.lastEventId;
      act(event.data);
    });
    hear("row", (html) => this.#change(rowOf(html)));
    hear("new", (ids) => this.#announce(JSON.parse(ids)));
    hear("reset", () => this.#read());
  }

  #rest() {
    clearTimeout(this.#later);
    this.#source?.close();
    this.#source = undefined;
    this.#say("", "");
  }

  #again() {
    this.#source = undefined;
    clearTimeout(this.#later);
    this.#later = setTimeout(async () => {
      if (await this.#read()) this.#look();
      else this.#again();
    }, REFUSED_MS);
  }

  /** Reads the page once more, and brings the rows that are here up to date. */
  async #read() {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => undefined);
    if (!answer?.ok) return false;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const list = page.querySelector("ll-live-list");
    if (!list) {
      this.#say("lost", "You are signed out. Load the page again.");
      return true;
    }
    const rows = [...list.querySelectorAll("[data-row]")];
    const newest = this.querySelector("[data-row]")?.id ?? "";
    for (const row of rows) this.#change(row);
    this.#announce(rows.map((row) => row.id).filter((id) => id > newest));
    this.since = new URL(list.getAttribute("src"), location).searchParams.get("since");
    return true;
  }

  #remember(row) {
    for (const cell of row.cells) this.#said.set(cell, cell.innerHTML);
  }

  /** Puts what is new of a row into the row that is here. */
  #change(fresh) {
    const row = fresh && document.getElementById(fresh.id);
    if (!row || !this.contains(row)) return;
    for (const [at, cell] of [...row.cells].entries()) {
      const now = fresh.cells[at]?.innerHTML;
      // What somebody chose stays chosen.
      if (now === undefined || now === this.#said.get(cell) || cell.matches(".pick")) continue;
      const had = cell.contains(document.activeElement);
      cell.innerHTML = now;
      this.#said.set(cell, now);
      if (had) cell.querySelector("a, button")?.focus();
      relative(cell);
    }
  }

  #announce(ids) {
    if (!this.hasAttribute("data-first")) return;
    for (const id of ids) this.#came.add(id);
    const link = this.querySelector("[data-live-new]");
    if (!link || !this.#came.size) return;
    const words = `${this.#came.size} new: show`;
    if (link.textContent !== words) link.textContent = words;
    link.hidden = false;
  }

  #say(state, words) {
    const says = this.querySelector("[data-live-says]");
    if (!says) return;
    says.className = state;
    if (says.textContent !== words) says.textContent = words;
    says.hidden = !words;
  }
}

/** The row of a text that the server wrote as it writes those of a page. */
function rowOf(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.querySelector("tr");
}

customElements.define("ll-live-list", LiveList);

/** Says how many are chosen. */
function choose() {
  const chosen = document.querySelectorAll("[data-row] input[name=lead]:checked").length;
  const says = document.querySelector("[data-chosen]");
  if (says) says.textContent = chosen ? `${chosen} chosen` : "";
  const button = document.querySelector("[data-choice]");
  if (button) button.disabled = !chosen;
}

document.addEventListener("change", (event) => { if (event.target.matches("[data-row] input[name=lead]")) choose(); });

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
    x: () => document.activeElement.closest("[data-row]")?.querySelector("input[name=lead]")?.click(),
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
  const rows = [...document.querySelectorAll("[data-row] td.who a")];
  const here = document.activeElement.closest("[data-row]");
  const at = rows.findIndex((link) => link.closest("[data-row]") === here);
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
window.addEventListener("pageshow", () => { for (const button of document.querySelectorAll("button:disabled:not([data-off])")) button.disabled = false; choose(); });

/** A text is tried with Ctrl Enter. */
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.closest("[data-run]")) event.target.form?.requestSubmit();
});

/** What is over at a time is shown as it is then. */
for (const notice of document.querySelectorAll("[data-reload-at]")) {
  const left = Date.parse(notice.dataset.reloadAt) - Date.now();
  setTimeout(() => location.reload(), Math.max(left, 0) + 2000);
}

relative(document);
setInterval(() => relative(document), 30000);
document.addEventListener("htmx:after:swap", () => relative(document));
