// Chromium, and pages that fail their test on whatever no page of ours may do: an error in the console or of a script,
// something that the content policy forbids, a request to anybody else.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { after, before } from "node:test";

import { chromium } from "playwright-core";

import { PROJECT, start } from "./service.mjs";

/** Where people look when something failed, and at the screens. */
export const PICTURES = path.join(PROJECT, "target", "browser");

const FLAGS = [
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--font-render-hinting=none",
  "--force-color-profile=srgb",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** Enough for the slowest page of an unoptimised service; a test that waits longer would never end well. */
const PATIENCE_MS = 30_000;
/** What a trace has of every step: the page before and after it, and what went over the line. Films cost more than they tell. */
const TRACE = { snapshots: true, screenshots: false, sources: false };

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

function executable() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const found = execFileSync("sh", ["-c", "command -v chromium || true"], { encoding: "utf8" }).trim();
  if (!found || !existsSync(found)) throw new Error("there is no chromium: install it, or set CHROMIUM");
  return found;
}

export function launch() {
  // The sandbox of the browser needs a user; a container often has none but root.
  const args = process.getuid?.() === 0 ? [...FLAGS, "--no-sandbox"] : FLAGS;
  return chromium.launch({ executablePath: executable(), headless: true, args });
}

/** The service and the browser for the tests of one file. `furnish` makes what all of them look at. */
export function scene(options, furnish) {
  const scene = {};
  before(async () => {
    scene.service = await start(options);
    scene.browser = new Browser(await launch(), scene.service);
    await furnish?.(scene);
  });
  after(async () => {
    await scene.browser?.close();
    await scene.service?.stop();
  });
  return scene;
}

class Browser {
  #chromium;
  #service;
  /** Who is signed in already, or about to be, so that not every test has to. */
  #sessions = new Map();

  constructor(chromium, service) {
    this.#chromium = chromium;
    this.#service = service;
  }

  async close() {
    await this.#chromium.close();
  }

  /**
   * A page for one test. `as` is who is signed in, `{ account, role, name }`; nobody without it. `expected` are errors in the
   * console that belong to the test, `also` origins that it may go to. A page that is only opened and looked at need not be
   * `traced`: its picture tells as much, and a trace takes its time.
   */
  async page(t, { as, scheme = "light", width = 1280, javaScript = true, expected = [], also = [], traced = true }, body) {
    const context = await this.#chromium.newContext({
      baseURL: this.#service.url,
      colorScheme: scheme,
      javaScriptEnabled: javaScript,
      locale: "en-US",
      timezoneId: "UTC",
      storageState: as && (await this.#signedIn(as)),
      viewport: { width, height: 900 },
    });
    context.setDefaultTimeout(PATIENCE_MS);
    if (traced) await context.tracing.start(TRACE);
    const [problems, lines] = [[], []];
    const page = await context.newPage();
    const report = (problem) => {
      if (!expected.some((known) => known.test(problem))) problems.push(problem);
    };
    watch(context, [new URL(this.#service.url).origin, ...also], report, (line) => lines.push(line));
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        console.error(`forbidden by ${event.violatedDirective}: ${event.blockedURI} at ${event.sourceFile}:${event.lineNumber}`);
      });
    });
    try {
      await body(page);
      if (problems.length > 0) throw new Error(`the page did what it may not do:\n${problems.join("\n")}`);
      if (traced) await context.tracing.stop();
    } catch (error) {
      await keep(t.name, context, traced, problems, lines);
      throw error;
    } finally {
      await context.close();
    }
  }

  #signedIn(person) {
    const key = `${person.account?.slug ?? ""} ${person.role} ${person.name ?? ""}`;
    if (!this.#sessions.has(key)) {
      const session = this.#enter(person);
      this.#sessions.set(key, session);
      // The next test tries again.
      session.catch(() => this.#sessions.delete(key));
    }
    return this.#sessions.get(key);
  }

  async #enter({ account, role, name }) {
    const context = await this.#chromium.newContext();
    try {
      await signIn(await context.newPage(), await this.#service.link({ account, role, name }));
      return await context.storageState();
    } finally {
      await context.close();
    }
  }
}

/**
 * Enables the version of a page that shows its gates. Where one of them is closed it is only asked for, and somebody else
 * approves it on the page of the account's transformation.
 */
export async function enable(browser, t, page, address, why) {
  const despite = page.getByLabel("Why it is to be used although gates are closed");
  if ((await despite.count()) === 0) {
    await page.getByRole("button", { name: /^Enable / }).click();
    await page.getByText("Enabled. The next leads use it.").waitFor();
    return;
  }
  await despite.fill(why);
  await page.getByRole("button", { name: /^Ask to enable / }).click();
  await page.getByText("Not enabled yet").waitFor();
  await page.getByText("Somebody else of support has to approve it.").first().waitFor();
  await browser.page(t, { as: { role: "support", name: "Second Person" } }, async (second) => {
    await second.goto(address);
    await second.getByRole("button", { name: /^Approve and enable/ }).first().click();
    await second.getByText("Enabled. The next leads use it.").waitFor();
  });
}

/** Follows a link that signs in, and agrees. */
export async function signIn(page, link) {
  await page.goto(link);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((url) => !url.pathname.startsWith("/sign-in"));
}

/** `report` hears what no page may do, `note` every line of the console. */
function watch(context, origins, report, note) {
  context.on("console", (message) => {
    const said = `${message.text()} (${message.location().url})`;
    note(`${message.type()}: ${said}`);
    if (message.type() === "error") report(`console: ${said}`);
  });
  context.on("weberror", (error) => report(`script: ${error.error().stack}`));
  context.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol !== "data:" && !origins.includes(origin)) report(`request to somebody else: ${request.url()}`);
  });
}

/** Whether a picture of every screen is wanted: to be looked at by people, since no test compares them. */
const SHOTS = process.env.SHOTS && path.join(PICTURES, "shots");

/** The whole page as it is seen, where pictures are wanted. */
export async function shoot(page, name) {
  if (!SHOTS) return;
  await mkdir(SHOTS, { recursive: true });
  await page.screenshot({ path: path.join(SHOTS, `${fileName(name)}.png`), fullPage: true });
}

/** How many pages of a test were kept: where one person waits for another, the failure of the one fails the other too. */
const kept = new Map();

function place(name) {
  const number = (kept.get(name) ?? 0) + 1;
  kept.set(name, number);
  return path.join(PICTURES, number === 1 ? fileName(name) : `${fileName(name)}-${number}`);
}

/**
 * What a failed test leaves behind of each page that is open: its picture, its HTML, and what the console said; and the trace
 * of how they came there.
 */
async function keep(name, context, traced, problems, lines) {
  await mkdir(PICTURES, { recursive: true });
  const pages = context.pages().map((page) => ({ page, base: place(name) }));
  // First, so that its last step is the test's own.
  if (traced) await context.tracing.stop({ path: `${pages[0]?.base ?? place(name)}.trace.zip` }).catch(() => {});
  for (const { page, base } of pages) {
    await page.screenshot({ path: `${base}.png`, fullPage: true }).catch(() => {});
    await writeFile(`${base}.html`, await page.content().catch(String));
    await writeFile(`${base}.txt`, [page.url(), ...problems, "", "The console:", ...lines, ""].join("\n"));
  }
}

export function fileName(name) {
  return name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-|-$/g, "").slice(0, 120);
}

/** The findings of axe that keep somebody out, a line each. It is put in from outside, so that the content policy stays on. */
export async function barriers(page) {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, impact, nodes }) =>
      nodes.map((node) => `${impact} ${id}: ${node.target.join(" ")}: ${node.failureSummary.replaceAll(/\s+/g, " ")}`),
    );
}

/** What is wider than the window, innermost first; nothing where nobody has to scroll sideways. */
export function overflow(page) {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return [];
    // What is placed by itself is not held by a box that is not, though that one scrolls.
    const holder = (element) => (getComputedStyle(element).position === "absolute" ? element.offsetParent : element.parentElement);
    const isHeld = (element) => element !== null && (getComputedStyle(element).overflowX !== "visible" || isHeld(holder(element)));
    const sticksOut = (element) => element.getBoundingClientRect().right > clientWidth + 1 && !isHeld(holder(element));
    const wide = [...document.querySelectorAll("body *")].filter(sticksOut).reverse().slice(0, 3);
    return [`the page is ${scrollWidth} wide`, ...wide.map((element) => element.outerHTML.slice(0, 160))];
  });
}

/** Opens everything that is folded, but the menus, so that it is looked at too. */
export async function unfold(page) {
  await page.locator("main details:not(.menu)").evaluateAll((all) => all.forEach((details) => { details.open = true; }));
}
