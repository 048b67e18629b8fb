// Every screen in its states, light and dark, wide and narrow: nobody is kept out, nothing sticks out, nothing complains.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";

import { barriers, fileName, overflow, PICTURES, scene, unfold } from "./browser.mjs";
import { furnish, PORTALS } from "./furnished.mjs";

const SHOTS = path.join(PICTURES, "shots");
const WIDTHS = [1280, 390];
/** What axe looks at in each: between the two only colours differ. */
const SCHEMES = { light: undefined, dark: ["color-contrast", "link-in-text-block"] };
/** The narrowest phone; only its width is looked at. */
const NARROWEST = 320;

const stage = scene({ portals: PORTALS }, async (scene) => {
  scene.made = await furnish(scene);
  await mkdir(SHOTS, { recursive: true });
});

const manager = (made, which = "busy") => ({ account: made[which].account, role: "manager" });
const operator = { role: "operator" };
const at = (made, screen = "", which = "busy") => `/accounts/${made[which].account.slug}${screen && `/${screen}`}`;
const stock = (made, name) => made.versions.find((version) => version.name === name).id;

/** A state of a screen: its name, who looks at it, and where. */
const SCREENS = [
  ["accounts", () => operator, () => "/accounts"],
  ["accounts, none found", () => operator, () => "/accounts?text=nobody"],
  ["all issues", () => operator, () => "/issues"],
  ["transformations", () => operator, () => "/transformations"],
  ["compare two versions", () => operator, () => "/transformations/compare"],
  ["notes", () => operator, (made) => at(made, "notes")],
  ["version", () => operator, (made) => `/versions/${stock(made, "default")}`],
  ["queue", () => operator, () => "/queue"],
  ["fleet", () => operator, () => "/fleet"],
  ["guests", () => operator, () => "/guests"],
  ["refused requests", () => operator, () => "/rejected"],
  ["refused requests, none fits", () => operator, () => "/rejected?class=schema"],
  ["keys and app", () => operator, () => "/keys"],
  ["system", () => operator, () => "/system"],
  ["log", () => operator, () => "/system/log"],
  ["support bundle", () => operator, () => "/system/bundle"],
  ["style guide", () => operator, () => "/styleguide"],
  ["overview, busy", manager, (made) => at(made)],
  ["overview, over a day", manager, (made) => `${at(made)}?period=day`],
  ["overview, empty", (made) => manager(made, "fresh"), (made) => at(made, "", "fresh")],
  ["overview, not connected", (made) => manager(made, "unconnected"), (made) => at(made, "", "unconnected")],
  ["set up", manager, (made) => at(made, "setup")],
  ["set up, not connected", (made) => manager(made, "unconnected"), (made) => at(made, "setup", "unconnected")],
  ["connectors, connected", manager, (made) => at(made, "connectors")],
  ["connectors, not connected", (made) => manager(made, "unconnected"), (made) => at(made, "connectors", "unconnected")],
  ["fields, one archived", manager, (made) => at(made, "fields")],
  ["fields, missing", (made) => manager(made, "fresh"), (made) => at(made, "fields", "fresh")],
  ["fields, not connected", (made) => manager(made, "unconnected"), (made) => at(made, "fields", "unconnected")],
  ["mapping", manager, (made) => at(made, "fields/mapping")],
  ["deals", manager, (made) => at(made, "deals")],
  ["logs, busy", manager, (made) => at(made, "logs")],
  ["logs, empty", (made) => manager(made, "fresh"), (made) => at(made, "logs", "fresh")],
  ["logs, filtered", manager, (made) => `${at(made, "logs")}?outcome=retrying&text=becker`],
  ["logs, filtered to nothing", manager, (made) => `${at(made, "logs")}?text=nobody&from=2020-01-01`],
  ["logs, by cause", manager, (made) => `${at(made, "logs")}?group=cause`],
  ["logs, chosen", manager, (made) => `${at(made, "logs/chosen")}?lead=${made.skipped}&lead=${made.retrying}`],
  ["logs, nothing chosen", manager, (made) => at(made, "logs/chosen")],
  ["lead, synced", manager, (made) => at(made, `logs/${made.synced}`)],
  ["lead, with warnings", manager, (made) => at(made, `logs/${made.warned}`)],
  ["lead, retrying", manager, (made) => at(made, `logs/${made.retrying}`)],
  ["lead, refused", manager, (made) => at(made, `logs/${made.refused}`)],
  ["lead, skipped", manager, (made) => at(made, `logs/${made.skipped}`)],
  ["lead, masked", () => ({ role: "support" }), (made) => at(made, `logs/${made.synced}`)],
  ["issues", manager, (made) => at(made, "issues")],
  ["issues, none", (made) => manager(made, "fresh"), (made) => at(made, "issues", "fresh")],
  ["alerts, without mail", manager, (made) => at(made, "alerts")],
  ["transformation", manager, (made) => at(made, "transformation")],
  ["transformation, for support", () => ({ role: "support" }), (made) => at(made, "transformation")],
  ["choice, in use", () => operator, (made) => at(made, `transformation/${stock(made, "default")}`)],
  ["test bench", () => ({ role: "support" }), (made) => at(made, `transformation/${stock(made, "default")}/bench`)],
  ["choice, deals", () => operator, (made) => at(made, `transformation/${stock(made, "deals")}`)],
  ["privacy", manager, (made) => at(made, "privacy")],
  ["privacy, with a preview", manager, (made) => `${at(made, "privacy")}?days=1`],
  ["privacy, nothing yet", (made) => manager(made, "fresh"), (made) => at(made, "privacy", "fresh")],
  ["certificate", manager, (made) => at(made, `privacy/erasures/${made.erased}`)],
  ["settings", manager, (made) => at(made, "settings")],
  ["help", manager, () => "/help"],
  ["help, for nobody", () => undefined, () => "/help"],
  ["help, the general guide", manager, () => "/help/help"],
  ["help, a guide", manager, (made) => `/help/logs?at=${at(made, "logs")}`],
  ["help, causes", manager, () => "/help/causes"],
  ["help, an article", manager, () => "/help/codes/property.missing"],
  ["help, an article for nobody", () => undefined, () => "/help/codes/not_found"],
  ["help, mapping", manager, () => "/help/mapping"],
  ["sign in", () => undefined, () => "/sign-in"],
  ["sign in, link is over", () => undefined, () => "/sign-in/nonsense", 410],
  ["not found", manager, (made) => at(made, "logs/nonsense"), 404],
  ["of somebody else", (made) => manager(made, "fresh"), (made) => at(made), 404],
];

for (const [name, as, where, status = 200] of SCREENS) {
  test(`screen: ${name}`, async (t) => {
    const expected = status === 200 ? [] : [new RegExp(`responded with a status of ${status}`)];
    await stage.browser.page(t, { as: as(stage.made), expected }, async (page) => {
      const answer = await page.goto(where(stage.made));
      assert.equal(answer.status(), status);
      await look(page, name);
    });
  });
}

for (const [name, email] of [["privacy, found", "maya.lind@example.com"], ["privacy, nothing held", "nobody@example.com"]]) {
  test(`screen: ${name}`, async (t) => {
    await stage.browser.page(t, { as: manager(stage.made) }, async (page) => {
      await page.goto(at(stage.made, "privacy"));
      await page.getByLabel("E-mail").fill(email);
      await page.getByRole("button", { name: "Find" }).click();
      await page.getByRole("form", { name: "Erase" }).waitFor();
      await look(page, name);
    });
  });
}

test("screen: whatever else the navigation leads to", async (t) => {
  const known = new Set(SCREENS.map(([, , where]) => where(stage.made)));
  await stage.browser.page(t, { as: operator }, async (page) => {
    await page.goto(at(stage.made));
    const links = page.getByRole("navigation", { name: "Main" }).getByRole("link");
    const hrefs = await links.evaluateAll((all) => all.map((link) => link.getAttribute("href")));
    assert.ok(hrefs.length > 0, "the navigation leads nowhere");
    for (const href of hrefs.filter((href) => !known.has(href))) {
      const answer = await page.goto(href);
      assert.equal(answer.status(), 200, href);
      await look(page, href);
    }
  });
});

/** Everything that holds for every screen. Failures are gathered, so that one run tells all of them. */
async function look(page, name) {
  const findings = new Set();
  const title = await page.title();
  if (!/^\S.* · Leadline$/.test(title)) findings.add(`title: ${title}`);
  const headings = page.getByRole("heading", { level: 1 });
  if ((await headings.count()) !== 1 || !(await headings.first().isVisible())) findings.add("there is not one visible first heading");
  await unfold(page);
  for (const [scheme, rules] of Object.entries(SCHEMES)) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      for (const barrier of await barriers(page, rules)) findings.add(`${barrier} [${scheme}]`);
      for (const wide of await overflow(page)) findings.add(`sticks out at ${width}: ${wide}`);
      await page.screenshot({ path: path.join(SHOTS, `${fileName(name)}-${scheme}-${width}.png`), fullPage: true });
    }
  }
  await page.setViewportSize({ width: NARROWEST, height: 900 });
  for (const wide of await overflow(page)) findings.add(`sticks out at ${NARROWEST}: ${wide}`);
  assert.equal([...findings].join("\n"), "");
}
