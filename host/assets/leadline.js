// Small conveniences. Every page can be read, and every form sent, without them.

export const typing = (element) => element.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");

/** Times are shown in the reader's words beside the exact ones that the server wrote. */
export function relative(root) {
  const format = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto", style: "long" });
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  for (const time of root.querySelectorAll("time[data-relative]")) {
    const seconds = (Date.parse(time.dateTime) - Date.now()) / 1000;
    const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
    if (Math.abs(seconds) < 7 * 86400) time.textContent = format.format(Math.round(seconds / size), unit);
  }
  // The exact time of a step stands in a hint, which only a mouse finds: on a lead's timeline each can have the focus too,
  // and shows it then. In tables that would be a stop more for each row; there the row in hand shows its own (see the
  // styles).
  for (const time of root.querySelectorAll(".timeline time[title]")) time.tabIndex = 0;
}

/** How long one waits who was refused, before one asks again. */
export const REFUSED_MS = 10000;

const ask = (address) => fetch(address, { headers: { accept: "text/html" } }).catch(() => undefined);

async function mainIn(answer) {
  if (!answer?.ok || answer.redirected) return undefined;
  return new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("main");
}

/** The content of another page. Nothing where it cannot be had, or where somebody has to sign in first. */
export const mainOf = async (address) => mainIn(await ask(address));

/** Tells of something that happened: to be seen for a while too, unless it can be seen anyway. */
export function say(words, look = "toast") {
  const note = document.createElement("p");
  note.className = look;
  note.textContent = words;
  const says = document.getElementById("says");
  says?.replaceChildren(note);
  setTimeout(() => note.remove(), 3000);
}

/** A button that puts a text on the clipboard. What the text is stands beside it, and stays where there is no clipboard. */
class Copy extends HTMLElement {
  connectedCallback() {
    const button = this.querySelector("button");
    if (!button) return;
    if (!navigator.clipboard) return void (button.hidden = true);
    const label = button.textContent;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(this.getAttribute("text"));
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = label; }, 1500);
    });
  }
}

customElements.define("ll-copy", Copy);

/** Says how many are chosen. */
function choose() {
  const chosen = document.querySelectorAll("[data-row] input[name=lead]:checked").length;
  const says = document.querySelector("[data-chosen]");
  if (says) says.textContent = chosen ? `${chosen} chosen` : "";
  const button = document.querySelector("[data-choice]");
  if (button) button.disabled = !chosen;
}

document.addEventListener("change", (event) => { if (event.target.matches("[data-row] input[name=lead]")) choose(); });

/** The row that has the focus, or else what the page is about. What another row offers is not meant then. */
function inHand(selector) {
  const row = document.activeElement.closest("[data-row]");
  if (row) return row.querySelector(selector);
  return [...document.querySelectorAll(selector)].find((found) => !found.closest("[data-row]"));
}

/** The id of the row or of the lead in hand goes onto the clipboard. */
async function copyId() {
  const row = document.activeElement.closest("[data-row]");
  const id = row ? row.id : location.pathname.match(/\/logs\/(evt_[^/]+)/)?.[1];
  if (!id) return inHand("main ll-copy button")?.click();
  await navigator.clipboard?.writeText(id);
  if (navigator.clipboard) say(`Copied ${id}`);
}

/** The retry of a lead stands in its row where it waits, and else on its page. */
function toRetry() {
  const beside = document.querySelector("ll-beside:not([hidden]) [data-retry]");
  if (beside) return beside.focus();
  const row = document.activeElement.closest("[data-row]");
  const button = row?.querySelector("button[form=retry]");
  const lead = row?.id && row.querySelector("td.who a");
  if (button) button.click();
  else if (lead) location.href = `${lead.href}#retry`;
  else document.querySelector("[data-retry]")?.focus();
}

const KEYS = {
  "/": () => document.querySelector("main input[type=search]")?.focus(),
  "?": () => document.getElementById("keys")?.showModal(),
  h: () => document.querySelector("a[data-help]")?.click(),
  t: () => document.querySelector("[data-theme-switch] button")?.click(),
  j: () => step(1),
  k: () => step(-1),
  o: () => inHand("[data-open]")?.click(),
  c: copyId,
  r: toRetry,
  x: () => document.activeElement.closest("[data-row]")?.querySelector("input[name=lead]")?.click(),
  "[": () => document.querySelector("[rel~=prev]")?.click(),
  "]": () => document.querySelector("[rel~=next]")?.click(),
};

/** After `g`, for a second: the next letter is a place. */
let going = false;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.documentElement.dataset.keys === "off") return;
  if (typing(event.target) || document.querySelector("dialog[open]")) return;
  // Holding a capital letter presses Shift first.
  if (event.key === "Shift") return;
  const place = going && document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
  const act = going ? place && (() => place.click()) : KEYS[event.key];
  going = !going && event.key === "g";
  if (going) setTimeout(() => { going = false; }, 1000);
  if (!act) return;
  event.preventDefault();
  act();
});

/** The next or previous row of a list has the focus. */
function step(by) {
  const rows = [...document.querySelectorAll("[data-row] td.who a")];
  const here = document.activeElement.closest("[data-row]");
  const at = rows.findIndex((link) => link.closest("[data-row]") === here);
  rows[Math.max(0, Math.min(rows.length - 1, at + by))]?.focus();
}

if (location.hash === "#retry") document.querySelector("[data-retry]")?.focus();

/** Jumps to a screen, an account or a lead by a few letters: from what the navigation has, by plain links. */
class CommandPalette extends HTMLElement {
  #dialog;
  #input;
  #list;
  #at = 0;

  connectedCallback() {
    const button = this.querySelector("button");
    this.#dialog = this.querySelector("dialog");
    this.#input = this.querySelector("input");
    this.#list = this.querySelector("[role=listbox]");
    button.hidden = false;
    button.addEventListener("click", () => this.open());
    this.#input.addEventListener("input", () => this.#offer());
    this.#input.addEventListener("keydown", (event) => this.#press(event));
    this.#list.addEventListener("click", (event) => this.#go(event.target.closest("[role=option]")));
    this.#dialog.addEventListener("click", (event) => { if (event.target === this.#dialog) this.#dialog.close(); });
  }

  open() {
    for (const other of document.querySelectorAll("dialog[open]")) other.close();
    this.#input.value = "";
    this.#offer();
    this.#dialog.showModal();
    this.#input.focus();
  }

  /** What fits the letters, screens first. */
  #places() {
    const text = this.#input.value.trim();
    const words = text.toLowerCase().split(/\s+/);
    const links = [...document.querySelectorAll(".side a")].map((link) => ({
      href: link.href,
      label: link.firstChild.textContent.trim(),
      about: link.dataset.go ? `g ${link.dataset.go}` : "",
    }));
    const places = links.filter(({ label }) => words.every((word) => label.toLowerCase().includes(word)));
    const search = (name, label) => {
      const list = this.getAttribute(name);
      if (list && text) places.push({ href: `${list}?${new URLSearchParams({ text })}`, label: `${label} “${text}”`, about: "" });
    };
    search("leads", "Leads with");
    search("accounts", "Accounts with");
    return places;
  }

  #offer() {
    this.#list.replaceChildren(...this.#places().map(({ href, label, about }, index) => {
      const option = document.createElement("li");
      option.id = `place-${index}`;
      option.role = "option";
      option.dataset.href = href;
      option.append(label);
      if (about) {
        const hint = document.createElement("kbd");
        hint.ariaHidden = "true";
        hint.textContent = about;
        option.append(hint);
      }
      return option;
    }));
    this.#choose(0);
  }

  #choose(at) {
    const options = [...this.#list.children];
    this.#at = options.length === 0 ? 0 : (at + options.length) % options.length;
    for (const [index, option] of options.entries()) option.ariaSelected = String(index === this.#at);
    const chosen = options[this.#at];
    this.#input.setAttribute("aria-activedescendant", chosen?.id ?? "");
    this.#input.ariaExpanded = String(options.length > 0);
    chosen?.scrollIntoView({ block: "nearest" });
  }

  #press(event) {
    const act = {
      ArrowDown: () => this.#choose(this.#at + 1),
      ArrowUp: () => this.#choose(this.#at - 1),
      Enter: () => this.#go(this.#list.children[this.#at]),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  #go(option) {
    if (!option) return;
    this.#dialog.close();
    location.href = option.dataset.href;
  }
}

customElements.define("ll-command-palette", CommandPalette);

document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
  event.preventDefault();
  document.querySelector("ll-command-palette")?.open();
});

/** Help opens beside the page, which stays as it is. Where it cannot be had, the link leads there. */
async function helpBeside(link) {
  const drawer = document.getElementById("help");
  const shown = await mainOf(link.href);
  if (!shown) return void (location.href = link.href);
  drawer.querySelector("div").replaceChildren(...shown.children);
  drawer.showModal();
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

/** What is over at a time is shown as it is then: what the page says of it by then takes its place, or that of all of the
    page where it has no id. So nothing is sent twice that the page came from, and what was typed beside it stays. */
function lookAgain(root) {
  for (const notice of root.querySelectorAll("[data-reload-at]")) {
    const left = Date.parse(notice.dataset.reloadAt) - Date.now();
    setTimeout(() => renew(notice), Math.max(left, 0) + 2000);
  }
}

async function renew(notice) {
  if (!notice.isConnected) return;
  const answer = document.hidden ? undefined : await ask(notice.dataset.reloadTo ?? location.href);
  // What it waited for is there, or somebody has to sign in.
  if (answer?.redirected) return void location.assign(answer.url);
  const main = await mainIn(answer);
  const fresh = notice.id ? main?.querySelector(`#${notice.id}`) : main;
  if (!fresh) return void setTimeout(() => renew(notice), REFUSED_MS);
  remember();
  (notice.id ? notice : document.getElementById("main")).replaceWith(fresh);
  settle();
  lookAgain(fresh.parentElement);
}

// Some pages exchange what is inside `main` only. Whoever works by keyboard stays where he was, and is told what came.

/** A way to find again, in what comes, what had the focus. */
function whereabouts(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  const nav = element.closest("nav.segments[aria-label]");
  if (nav) return `nav[aria-label="${CSS.escape(nav.ariaLabel)}"] [aria-current]`;
  return element.closest("form[role=search]") ? "form[role=search] button" : "#main";
}

let held = "";

/** Before something is exchanged. */
function remember() {
  const inside = document.activeElement?.closest("#main");
  held = inside ? whereabouts(document.activeElement) : "";
}

/** After it. */
function settle() {
  const main = document.getElementById("main");
  relative(main);
  choose();
  if (held) (main.querySelector(held) ?? main).focus({ preventScroll: true });
}

document.addEventListener("htmx:before:response", (event) => {
  const { request, response } = event.detail.ctx;
  if (response.raw.ok && !response.raw.redirected) return;
  // A session that is over, or a problem, is a page of its own.
  event.preventDefault();
  location.assign(request.action);
});
document.addEventListener("htmx:error", (event) => {
  const action = event.detail.ctx?.request?.action;
  if (action) location.assign(action);
});
document.addEventListener("htmx:before:swap", remember);
document.addEventListener("htmx:after:swap", () => {
  settle();
  const rows = document.querySelectorAll("[data-row]").length;
  say(`${document.querySelector("h1").textContent}: ${rows === 1 ? "1 row" : `${rows} rows`}`, "sr");
});
// Where one comes back to is where one is, which may have changed since the page came.
document.addEventListener("submit", (event) => {
  if (event.target.matches("[action='/appearance']")) event.target.elements.back.value = location.pathname + location.search;
});

// By then other scripts have seen the words of the server.
document.addEventListener("DOMContentLoaded", () => { lookAgain(document); relative(document); });
setInterval(() => relative(document), 30000);
