// Every screen as it is found, light and dark, wide and narrow: nobody is kept out, nothing sticks out, nothing complains.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { at, furnished, look, manager, operator, stock, support } from "./look.mjs";

/** So many pages that change nothing are looked at beside each other: while the one is drawn, the other is judged. */
const BESIDE = 2;

const stage = furnished();

/** A state of a screen: its name, who looks at it, and where. */
const SCREENS = [
  ["accounts", () => operator, () => "/accounts"],
  ["accounts, none found", () => operator, () => "/accounts?text=nobody"],
  ["all issues", () => operator, () => "/issues"],
  ["transformations", () => operator, () => "/transformations"],
  ["compare two versions", () => operator, () => "/transformations/compare"],
  ["notes", () => operator, (made) => at(made, "notes")],
  ["delete an account", () => operator, (made) => at(made, "delete", "unconnected")],
  ["delete an account, connected", () => operator, (made) => at(made, "delete")],
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
  ["lead, masked", () => support, (made) => at(made, `logs/${made.synced}`)],
  ["issues", manager, (made) => at(made, "issues")],
  ["issues, none", (made) => manager(made, "fresh"), (made) => at(made, "issues", "fresh")],
  ["alerts, without mail", manager, (made) => at(made, "alerts")],
  ["transformation", manager, (made) => at(made, "transformation")],
  ["transformation, for support", () => support, (made) => at(made, "transformation")],
  ["choice, in use", () => operator, (made) => at(made, `transformation/${stock(made, "default")}`)],
  ["test bench", () => support, (made) => at(made, `transformation/${stock(made, "default")}/bench`)],
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

describe("every screen", { concurrency: BESIDE }, () => {
  for (const [name, as, where, status = 200] of SCREENS) {
    test(`screen: ${name}`, async (t) => {
      const expected = status === 200 ? [] : [new RegExp(`responded with a status of ${status}`)];
      await stage.browser.page(t, { as: as(stage.made), expected, traced: false }, async (page) => {
        const answer = await page.goto(where(stage.made));
        assert.equal(answer.status(), status);
        await look(page, name);
      });
    });
  }
});

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
