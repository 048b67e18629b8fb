// The list of leads while somebody looks at it: rows change where they are, new ones are announced, nothing is asked for
// while the page is hidden, and a lost connection is said and mended. One lead beside the list, and what is done with many
// at once.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { barriers, scene } from "./browser.mjs";
import { eventually } from "./service.mjs";

const PORTAL = "Ocean Honda";
/** HubSpot does not answer about this one, at first. */
const LATE = "late@example.com";

const stage = scene({ portals: [`ready=${PORTAL}`] }, async (scene) => {
  scene.made = await scene.service.dealership(PORTAL);
  for (const name of ["Maya Lind", "Tom Becker"]) await send(scene, name);
});

async function send({ service, made }, name, email = `${name.split(" ")[0].toLowerCase()}@example.com`, fate = "delivered") {
  const event = await service.send(made.source, { name, email });
  if (fate) await service.until(event, fate);
  return event;
}

/** HubSpot does not answer about one person, and asks for time enough to look at the page, however slow the machine is. */
const keepWaiting = () => stage.service.fault({ match: { body: LATE }, then: { status: 503, headers: { "retry-after": "10" } } });
const manager = () => ({ account: stage.made.account, role: "manager" });
const logs = () => `/accounts/${stage.made.account.slug}/logs`;
const row = (page, name) => page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });
const beside = (page) => page.getByRole("region", { name: "The lead in hand" });
const head = (page, name) => beside(page).getByRole("heading", { name, exact: true });
const isLive = (page) => page.getByText("Live", { exact: true }).waitFor();
const order = (page) => page.locator("[data-row]").evaluateAll((rows) => rows.map((row) => row.id));

/** The tab is behind another, or in front again. */
const hide = (page, hidden) => page.evaluate((hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}, hidden);

test("live: a row changes where it is, and new leads are announced without moving any", async (t) => {
  await keepWaiting();
  await send(stage, "Lena Late", LATE, null);
  await stage.browser.page(t, { as: manager() }, async (page) => {
    await page.goto(logs());
    await isLive(page);
    const before = await order(page);
    const place = await row(page, "Lena Late").boundingBox();
    await row(page, "Lena Late").getByText("Retrying").waitFor();
    await send(stage, "Ana Silva");
    await send(stage, "Ben Okafor");
    const announced = page.getByRole("link", { name: "2 new: show" });
    await announced.waitFor();
    assert.ok(await announced.evaluate((link) => link.closest("[role=status]") !== null), "it is not announced");
    await stage.service.mend();
    await row(page, "Lena Late").getByText("Synced").waitFor();
    assert.deepEqual(await order(page), before, "the rows moved");
    assert.equal((await row(page, "Lena Late").boundingBox()).y, place.y, "the row moved");
    await announced.click();
    await row(page, "Ben Okafor").waitFor();
    assert.equal((await order(page)).length, before.length + 2);
  });
});

test("live: a page that is hidden asks for nothing, and catches up", async (t) => {
  await stage.browser.page(t, { as: manager() }, async (page) => {
    const asked = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.goto(logs());
    await isLive(page);
    await hide(page, true);
    await page.getByText("Live", { exact: true }).waitFor({ state: "hidden" });
    asked.length = 0;
    await send(stage, "Carla Hidden");
    assert.deepEqual(asked, []);
    assert.equal(await page.getByRole("link", { name: /new: show/ }).count(), 0);
    await hide(page, false);
    await page.getByRole("link", { name: "1 new: show" }).waitFor();
  });
});

test("live: a connection that is lost is said, and goes on with the next process", async (t) => {
  await stage.browser.page(t, { as: manager(), expected: [/net::ERR_/] }, async (page) => {
    await page.goto(logs());
    await isLive(page);
    const restarted = stage.service.restart();
    await page.getByText("The connection is lost. Trying again…").waitFor();
    await restarted;
    await send(stage, "Dora Later");
    await isLive(page);
    await page.getByRole("link", { name: "1 new: show" }).waitFor();
  });
});

test("live: without scripts the list is read, and leads are chosen, all the same", async (t) => {
  await stage.browser.page(t, { as: manager(), javaScript: false }, async (page) => {
    await page.goto(logs());
    assert.equal(await page.getByText("Live", { exact: true }).isVisible(), false);
    await row(page, "Maya Lind").getByRole("checkbox").check();
    await page.getByRole("button", { name: "Send chosen again…" }).click();
    await page.getByText("1 lead is chosen.").waitFor();
  });
});

test("beside: a row shows its lead by mouse, the next ones by keys, and the address names it", async (t) => {
  await stage.browser.page(t, { as: manager() }, async (page) => {
    await page.goto(logs());
    await row(page, "Maya Lind").getByText("Synced").click();
    await head(page, "Maya Lind").waitFor();
    assert.match(page.url(), /#evt_/);
    assert.deepEqual(await barriers(page), []);
    assert.equal(await row(page, "Maya Lind").getAttribute("aria-current"), "true");
    // The keys go on from where the mouse was.
    await page.keyboard.press("k");
    await head(page, "Tom Becker").waitFor();
    await page.keyboard.press("j");
    await head(page, "Maya Lind").waitFor();
    const address = page.url();
    await page.keyboard.press("Space");
    assert.ok(await beside(page).evaluate((panel) => panel === document.activeElement), "Space once more goes there");
    await page.keyboard.press("Escape");
    await beside(page).waitFor({ state: "hidden" });
    assert.equal(new URL(page.url()).hash, "");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Maya Lind");
    await page.goto(address);
    await page.reload();
    await head(page, "Maya Lind").waitFor();
    await beside(page).getByRole("link", { name: "Open as a page" }).click();
    await page.getByRole("heading", { level: 1, name: "Maya Lind" }).waitFor();
  });
});

test("beside: what becomes of the lead is shown there as it happens", async (t) => {
  await keepWaiting();
  await send(stage, "Lars Late", LATE, null);
  await stage.browser.page(t, { as: manager() }, async (page) => {
    await page.goto(logs());
    await isLive(page);
    await row(page, "Lars Late").getByText("Retrying").click();
    await beside(page).getByText("Retrying").first().waitFor();
    await stage.service.mend();
    await beside(page).getByText("Synced").first().waitFor();
  });
});

test("beside: where there is no room, a row leads to the page of its lead", async (t) => {
  await stage.browser.page(t, { as: manager() }, async (page) => {
    await page.setViewportSize({ width: 900, height: 800 });
    await page.goto(logs());
    await row(page, "Maya Lind").getByText("Synced").click();
    await page.getByRole("heading", { level: 1, name: "Maya Lind" }).waitFor();
  });
});

test("beside: rows that are about to go turn grey when the next ones take long, and not before", async (t) => {
  await stage.browser.page(t, { as: manager() }, async (page) => {
    let answer;
    const held = new Promise((resolve) => { answer = resolve; });
    await page.goto(logs());
    await page.route("**/logs?*text=lind*", async (route) => { await held; await route.continue(); });
    // Its link is hidden by then, so its role does not find it.
    const cell = page.locator("[data-row]", { hasText: "Tom Becker" }).locator("td.what");
    const color = () => cell.evaluate((cell) => getComputedStyle(cell).color);
    const usual = await color();
    await page.getByRole("searchbox").fill("lind");
    await page.getByRole("button", { name: "Filter", exact: true }).click();
    assert.equal(await color(), usual, "it came at once");
    await eventually("the rows do not say that they are about to go", async () => (await color()) === "rgba(0, 0, 0, 0)");
    answer();
    await row(page, "Tom Becker").waitFor({ state: "hidden" });
    await row(page, "Maya Lind").waitFor();
  });
});

test("live: who waits for a form sees its lead come, and go through", async (t) => {
  await stage.browser.page(t, { as: manager() }, async (page) => {
    await page.goto(`/accounts/${stage.made.account.slug}/test/watch`);
    await page.getByText("Waiting for a lead").waitFor();
    await send(stage, "Wanda Widget", "wanda@example.com", null);
    await page.waitForURL(/logs\/evt_[^/]+\?watch=yes$/);
    await page.getByRole("region", { name: "Outcome" }).getByText("Created in HubSpot").waitFor();
  });
});

test("live: a lead that waits is tried again from its row, by mouse and by key, and the list stays", async (t) => {
  await keepWaiting();
  await send(stage, "Lina Late", LATE, null);
  await stage.browser.page(t, { as: manager() }, async (page) => {
    await page.goto(logs());
    await isLive(page);
    const waiting = row(page, "Lina Late");
    await waiting.getByText("Retrying").waitFor();
    await waiting.getByRole("button", { name: "Retry Lina Late" }).click();
    await page.getByText("It is tried now.").waitFor();
    await page.getByText("It is tried now.").waitFor({ state: "hidden" });
    await stage.service.mend();
    await waiting.getByRole("link", { name: "Lina Late" }).focus();
    await page.keyboard.press("r");
    await waiting.getByText("Synced").waitFor();
    assert.equal(new URL(page.url()).pathname, logs());
  });
});

test("many: leads are chosen by keyboard, counted, and sent", async (t) => {
  await stage.browser.page(t, { as: manager() }, async (page) => {
    await page.goto(logs());
    assert.ok(await page.getByRole("button", { name: "Send chosen again…" }).isDisabled());
    for (const key of ["j", "x", "j", "x"]) await page.keyboard.press(key);
    await page.getByText("2 chosen").waitFor();
    await page.keyboard.press("k");
    await page.keyboard.press("x");
    await page.getByText("1 chosen").waitFor();
    await page.getByRole("button", { name: "Send chosen again…" }).click();
    await page.getByText("1 lead is chosen.").waitFor();
    await page.getByRole("checkbox", { name: /Also those that are in HubSpot/ }).check();
    await page.getByRole("button", { name: "Count again" }).click();
    await page.getByText("1 would be sent on their way").waitFor();
    await page.getByRole("button", { name: "Send them" }).click();
    await page.getByText("The replay has begun.").waitFor();
    await page.goto(logs());
    await page.getByRole("button", { name: /^All \d+ that match…$/ }).click();
    await page.getByText(/^\d+ leads are chosen\./).waitFor();
  });
});

test("many: the filter is taken as a table, saved under a name, and shown by cause", async (t) => {
  await stage.browser.page(t, { as: manager() }, async (page) => {
    await page.goto(`${logs()}?text=lind`);
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Export CSV" }).click()]);
    const table = await readFile(await download.path(), "utf8");
    assert.equal(table.trim().split("\r\n").length, 2, table);
    assert.match(table, /Maya Lind/);
    await page.getByText("Save this filter").click();
    await page.getByLabel("Name of the view").fill("Maya");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("The view is saved.").waitFor();
    await page.goto(logs());
    await page.getByRole("navigation", { name: "Saved views" }).getByRole("link", { name: "Maya" }).click();
    await eventually("the view does not filter", async () => (await order(page)).length === 1);
    await page.getByRole("link", { name: "By cause" }).click();
    await page.getByText("Nothing stands in the way of these leads.").waitFor();
  });
});

test("live: nothing on the page moves when a row changes and new ones are announced", async (t) => {
  await keepWaiting();
  await send(stage, "Lena Later", LATE, null);
  await stage.browser.page(t, { as: manager() }, async (page) => {
    await page.goto(logs());
    await isLive(page);
    await row(page, "Lena Later").getByText("Retrying").waitFor();
    await page.evaluate(() => {
      globalThis.shifts = [];
      new PerformanceObserver((list) => {
        for (const { value, hadRecentInput, sources } of list.getEntries()) {
          globalThis.shifts.push({ value, hadRecentInput, what: sources.map(({ node }) => node?.outerHTML?.slice(0, 120) ?? node?.textContent) });
        }
      }).observe({ type: "layout-shift" });
    });
    await send(stage, "Emil New");
    await page.getByRole("link", { name: "1 new: show" }).waitFor();
    await stage.service.mend();
    await row(page, "Lena Later").getByText("Synced").waitFor();
    // Shifts are told with the next frame.
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    const shifts = await page.evaluate(() => globalThis.shifts);
    const sum = shifts.reduce((sum, { value }) => sum + value, 0);
    assert.ok(sum === 0, JSON.stringify(shifts, null, 1));
  });
});
