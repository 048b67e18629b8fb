// The list of leads while somebody looks at it: rows change where they are, new ones are announced, nothing is asked for
// while the page is hidden, and a lost connection is said and mended. And what is done with many leads at once.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { scene } from "./browser.mjs";
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

const manager = () => ({ account: stage.made.account, role: "manager" });
const logs = () => `/accounts/${stage.made.account.slug}/logs`;
const row = (page, name) => page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });
const isLive = (page) => page.getByText("Live", { exact: true }).waitFor();
const order = (page) => page.locator("[data-row]").evaluateAll((rows) => rows.map((row) => row.id));

/** The tab is behind another, or in front again. */
const hide = (page, hidden) => page.evaluate((hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}, hidden);

test("live: a row changes where it is, and new leads are announced without moving any", async (t) => {
  await stage.service.fault({ match: { body: LATE }, then: { status: 503 } });
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
  await stage.service.fault({ match: { body: LATE }, then: { status: 503 } });
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
