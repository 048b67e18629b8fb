// The list of leads: it changes while somebody looks, and shows a lead beside itself.

import { REFUSED_MS, mainOf, relative, say } from "./leadline.js";

/** A list of leads whose rows change where they are. What is new is announced only, so nothing moves; nothing is asked
    for while nobody looks. Without this script the list is what it was when the page was loaded. */
class LiveList extends HTMLElement {
  /** What the server said of each cell: what stands there may have been put into other words since. */
  #said = new WeakMap();
  #came = new Set();
  #source;
  #later;
  /** What has its size by our hand, so that no new word moves what stands around it. */
  #held = new Set();
  #look = () => (document.hidden ? this.#rest() : this.#follow());
  #leave = () => this.#rest();
  #release = () => {
    for (const { style } of this.#held) style.width = style.height = style.minHeight = style.tableLayout = "";
    this.#held.clear();
  };

  connectedCallback() {
    this.since = new URL(this.getAttribute("src"), location).searchParams.get("since");
    for (const row of this.querySelectorAll("[data-row]")) this.#remember(row);
    document.addEventListener("visibilitychange", this.#look);
    window.addEventListener("pagehide", this.#leave);
    window.addEventListener("pageshow", this.#look);
    window.addEventListener("resize", this.#release);
    this.#look();
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.#look);
    window.removeEventListener("pagehide", this.#leave);
    window.removeEventListener("pageshow", this.#look);
    window.removeEventListener("resize", this.#release);
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
      this.#hold(row);
      const had = cell.contains(document.activeElement);
      cell.innerHTML = now;
      this.#said.set(cell, now);
      if (had) cell.querySelector("a, button")?.focus();
      relative(cell);
    }
    row.dispatchEvent(new Event("ll-changed", { bubbles: true }));
  }

  /** Columns keep their width and the row at least its height until the window has another size. */
  #hold(row) {
    if (this.#held.has(row)) return;
    const table = row.closest("table");
    const isTable = getComputedStyle(row).display === "table-row";
    if (isTable && !this.#held.has(table)) {
      const heads = [...table.tHead.rows[0].cells].map((head) => [head, head.getBoundingClientRect().width]);
      for (const [head, width] of heads) {
        head.style.width = `${width}px`;
        this.#held.add(head);
      }
      table.style.tableLayout = "fixed";
      this.#held.add(table);
    }
    row.style[isTable ? "height" : "minHeight"] = `${row.getBoundingClientRect().height}px`;
    this.#held.add(row);
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

/** A lead beside the list, where there is room: that of the row that was pressed, by mouse or by Space, and then of each
    row that gets the focus. The address names it, so it can be sent to somebody. */
class Beside extends HTMLElement {
  #row;
  #list;
  #hash = () => this.#open(this.#list.querySelector(`[id="${CSS.escape(location.hash.slice(1))}"][data-row]`));

  connectedCallback() {
    this.#list = this.closest("ll-live-list");
    this.#list.addEventListener("click", (event) => {
      const chose = !getSelection().isCollapsed || event.target.closest("a, button, input, label, summary");
      if (!chose && !this.contains(event.target)) this.#open(event.target.closest("[data-row]"));
    });
    this.#list.addEventListener("keydown", (event) => {
      const row = event.target.matches("td.who a") && event.target.closest("[data-row]");
      if (event.key === "Escape" && this.#row) this.#close();
      if (event.key !== " " || !row) return;
      event.preventDefault();
      if (row === this.#row) this.focus();
      else this.#open(row);
    });
    this.#list.addEventListener("focusin", (event) => {
      const row = event.target.closest("[data-row]");
      if (this.#row && row && row !== this.#row) this.#open(row);
    });
    this.#list.addEventListener("ll-changed", (event) => {
      if (event.target === this.#row && !this.contains(document.activeElement)) this.#read();
    });
    window.addEventListener("hashchange", this.#hash);
    this.#hash();
  }

  disconnectedCallback() {
    window.removeEventListener("hashchange", this.#hash);
  }

  #open(row) {
    if (!row || row === this.#row) return;
    const link = row.querySelector("td.who a");
    if (!matchMedia("(min-width: 1100px)").matches) return void (location.href = link.href);
    this.#row?.removeAttribute("aria-current");
    this.#row = row;
    row.setAttribute("aria-current", "true");
    if (this.hidden) window.dispatchEvent(new Event("resize"));
    this.hidden = false;
    history.replaceState(history.state, "", `#${row.id}`);
    this.querySelector("a").href = link.href;
    this.querySelector("button").onclick = () => this.#close();
    this.#read();
  }

  async #read() {
    const row = this.#row;
    const body = this.querySelector("div");
    // What is there by then never shows that it waits.
    const waits = setTimeout(() => body.classList.add("waits"), 300);
    const main = await mainOf(this.querySelector("a").href);
    clearTimeout(waits);
    if (row !== this.#row) return;
    body.classList.remove("waits");
    if (!main) return void (location.href = this.querySelector("a").href);
    main.querySelector("header nav")?.remove();
    const title = document.createElement("h2");
    title.append(...main.querySelector("h1").childNodes);
    main.querySelector("h1").replaceWith(title);
    body.replaceChildren(...main.children);
    relative(body);
    say(`${title.textContent} is shown beside the list`, "sr");
  }

  #close() {
    const row = this.#row;
    this.#row = undefined;
    this.hidden = true;
    this.querySelector("div").replaceChildren();
    window.dispatchEvent(new Event("resize"));
    history.replaceState(history.state, "", location.pathname + location.search);
    row.removeAttribute("aria-current");
    row.querySelector("td.who a").focus();
  }
}

customElements.define("ll-beside", Beside);
