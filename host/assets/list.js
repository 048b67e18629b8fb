// The list of leads: it changes while somebody looks, and shows a lead beside itself.

import { REFUSED_MS, mainOf, relative, say, typing } from "./leadline.js";

/** New leads that are counted; the server names no more. */
const NEW_MAX = 1000;

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

  /** The retry of a row is asked for from here, and its row says what came of it. A refusal is read on the lead's page. */
  #retry = async (event) => {
    const button = event.target.closest("button[form=retry]");
    if (!button) return;
    event.preventDefault();
    const body = new URLSearchParams(new FormData(button.form));
    const answer = await fetch(button.formAction, { method: "POST", body }).catch(() => undefined);
    if (answer?.ok && new URL(answer.url).searchParams.get("done") === "retried") say("It is tried now.");
    else location.href = button.closest("[data-row]").querySelector("td.who a").href;
  };

  connectedCallback() {
    this.since = new URL(this.getAttribute("src"), location).searchParams.get("since");
    for (const row of this.querySelectorAll("[data-row]")) this.#remember(row);
    document.addEventListener("visibilitychange", this.#look);
    window.addEventListener("pagehide", this.#leave);
    window.addEventListener("pageshow", this.#look);
    window.addEventListener("resize", this.#release);
    this.addEventListener("click", this.#retry);
    this.#look();
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.#look);
    window.removeEventListener("pagehide", this.#leave);
    window.removeEventListener("pageshow", this.#look);
    window.removeEventListener("resize", this.#release);
    this.removeEventListener("click", this.#retry);
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
    let hasChanged = false;
    for (const [at, cell] of [...row.cells].entries()) {
      const now = fresh.cells[at]?.innerHTML;
      // What somebody chose stays chosen.
      if (now === undefined || now === this.#said.get(cell) || cell.matches(".pick")) continue;
      hasChanged = true;
      this.#hold(row);
      const had = cell.contains(document.activeElement);
      cell.innerHTML = now;
      this.#said.set(cell, now);
      if (had) cell.querySelector("a, button")?.focus();
      relative(cell);
    }
    if (hasChanged) row.dispatchEvent(new Event("ll-changed", { bubbles: true }));
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
    for (const id of ids) if (this.#came.size < NEW_MAX) this.#came.add(id);
    const link = this.querySelector("[data-live-new]");
    if (!link || !this.#came.size) return;
    const words = `${this.#came.size.toLocaleString("en")}${this.#came.size < NEW_MAX ? "" : "+"} new: show`;
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
  /** An older answer may come later: it is not taken then. */
  #asked = 0;
  /** The lead changed while somebody worked with what is shown of it. */
  #isOld = false;
  #room = matchMedia("(min-width: 1100px)");
  #hash = () => this.#open(this.#list.querySelector(`[id="${CSS.escape(location.hash.slice(1))}"][data-row]`));

  connectedCallback() {
    this.#list = this.closest("ll-live-list");
    this.#list.addEventListener("click", (event) => {
      const row = event.target.closest("[data-row]");
      const isElse = !getSelection().isCollapsed || event.target.closest("a, button, input, label, summary");
      if (isElse || !row || this.contains(row)) return;
      this.#open(row);
      // Where the keys go on from.
      row.querySelector("td.who a").focus({ preventScroll: true });
    });
    this.#list.addEventListener("keydown", (event) => {
      const row = event.target.matches("td.who a") && event.target.closest("[data-row]");
      if (event.key !== " " || !row) return;
      event.preventDefault();
      if (row === this.#row) this.focus();
      else this.#open(row);
    });
    this.#list.addEventListener("focusin", (event) => {
      const row = event.target.closest("[data-row]");
      if (this.#row && row && this.#room.matches) this.#open(row);
    });
    this.#list.addEventListener("ll-changed", (event) => {
      if (event.target !== this.#row) return;
      this.#isOld = this.contains(document.activeElement);
      if (!this.#isOld) this.#read();
    });
    this.addEventListener("focusout", (event) => {
      if (this.#isOld && !this.contains(event.relatedTarget)) this.#read();
    });
    window.addEventListener("hashchange", this.#hash);
    document.addEventListener("keydown", this.#escape);
    this.#hash();
  }

  disconnectedCallback() {
    window.removeEventListener("hashchange", this.#hash);
    document.removeEventListener("keydown", this.#escape);
  }

  /** What is open in front of the lead, or typed into it, is left first. */
  #escape = (event) => {
    const isElse = typing(event.target) || document.querySelector("dialog[open], details.menu[open]");
    if (event.key === "Escape" && this.#row && !isElse) this.#close();
  };

  async #open(row) {
    if (!row || row === this.#row) return;
    const { href } = row.querySelector("td.who a");
    if (!this.#room.matches) return void (location.href = href);
    this.#row?.removeAttribute("aria-current");
    this.#row = row;
    row.setAttribute("aria-current", "true");
    if (this.hidden) window.dispatchEvent(new Event("resize"));
    this.hidden = false;
    history.replaceState(history.state, "", `#${row.id}`);
    this.querySelector("a").href = href;
    this.querySelector("button").onclick = () => this.#close();
    this.scrollTop = 0;
    const title = await this.#read();
    if (title) say(`${title} is shown beside the list`, "sr");
    else if (title === "") location.href = href;
  }

  /** Shows the lead in hand as it is. Says whose it is: nobody's where it cannot be read, and then what is shown stays;
      nothing where another one is in hand by then. */
  async #read() {
    this.#isOld = false;
    const asked = ++this.#asked;
    const body = this.querySelector("div");
    const waits = setTimeout(() => body.classList.add("waits"), 300);
    const main = await mainOf(this.querySelector("a").href);
    clearTimeout(waits);
    if (asked !== this.#asked) return undefined;
    body.classList.remove("waits");
    if (!main) return "";
    main.querySelector("header nav")?.remove();
    const title = document.createElement("h2");
    title.append(...main.querySelector("h1").childNodes);
    main.querySelector("h1").replaceWith(title);
    body.replaceChildren(...main.children);
    relative(body);
    return title.textContent;
  }

  #close() {
    const row = this.#row;
    this.#row = undefined;
    this.#asked += 1;
    this.hidden = true;
    this.querySelector("div").replaceChildren();
    window.dispatchEvent(new Event("resize"));
    history.replaceState(history.state, "", location.pathname + location.search);
    row.removeAttribute("aria-current");
    row.querySelector("td.who a").focus();
  }
}

customElements.define("ll-beside", Beside);
