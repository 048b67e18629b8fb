// Every screen in its states, light and dark, wide and narrow: nobody is kept out, nothing sticks out, nothing complains.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";

import { barriers, fileName, overflow, PICTURES, scene, unfold } from "./browser.mjs";
import { furnish, MORE_PORTALS, PORTALS, unsettle } from "./furnished.mjs";

const SHOTS = path.join(PICTURES, "shots");
/** By all of axe's rules, or by these, where only colours differ from a view before. */
const COLOURS = ["color-contrast", "link-in-text-block"];
const VIEWS = [["light", 1280], ["light", 390], ["dark", 1280, COLOURS], ["dark", 390, COLOURS]];
/** Of a state that differs from others of its screen in what it says: each width and each theme once. */
const TWO_VIEWS = [["light", 1280], ["dark", 390]];
/** The narrowest phone; only its width is looked at. */
const NARROWEST = 320;

const stage = scene({ portals: [...PORTALS, ...MORE_PORTALS] }, async (scene) => {
  scene.made = await furnish(scene);
  Object.assign(scene.made, await unsettle(scene));
  await mkdir(SHOTS, { recursive: true });
});

const manager = (made, which = "busy") => ({ account: made[which].account, role: "manager" });
const operator = { role: "operator" };
const support = { role: "support" };
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

const of = (which) => (made) => manager(made, which);
const press = (page, name) => page.getByRole("button", { name, exact: true }).click();

/** HubSpot serves nobody about this portal any more. */
const away = () => stage.service.fault({ match: { portal: stage.service.portal("Bay Motors").id }, then: { status: 503 } });

/** As far as the words that come before anything archived is brought back. */
async function askToRestore(page) {
  await press(page, "Create the missing ones");
  await page.getByRole("heading", { name: "This needs your word first" }).waitFor();
}

/**
 * States that are brought about on the page, or are told from others by what they say: name, who looks, where, how, and the
 * errors that belong to it. Last, and in their order, because some change what others look at.
 */
const STATES = [
  ["connectors, reconnect required", of("shutOut"), (made) => at(made, "connectors", "shutOut"), async (page) => {
    await page.getByRole("status", { name: "Reconnect required" }).waitFor();
  }],
  ["overview, reconnect required", of("shutOut"), (made) => at(made, "", "shutOut"), async (page) => {
    await page.getByText("Reconnect required").first().waitFor();
  }],
  ["lead, waits for somebody", of("shutOut"), (made) => at(made, `logs/${made.waiting}`, "shutOut"), async (page) => {
    await page.getByText("Needs attention").first().waitFor();
  }],
  ["connectors, paused", of("sending"), (made) => at(made, "connectors", "sending"), async (page) => {
    await press(page, "Pause");
    await page.getByText("Paused. Leads are taken in and wait.").waitFor();
  }],
  ["connectors, disconnecting", of("sending"), (made) => at(made, "connectors", "sending"), async (page) => {
    await page.getByText("Disconnect…").click();
    await press(page, "Disconnect");
    await page.getByRole("button", { name: "Undo" }).waitFor();
    await page.getByRole("button", { name: "Hold the rest, and end now" }).waitFor();
  }],
  ["logs, crowded", of("crowded"), (made) => at(made, "logs", "crowded"), async (page) => {
    await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Older" }).waitFor();
  }],
  ["replays, estimated", of("crowded"), (made) => `${at(made, "replays", "crowded")}?state=skipped`, async (page) => {
    await page.getByText("would be sent on their way").waitFor();
  }],
  ["replays, running", of("crowded"), (made) => `${at(made, "replays", "crowded")}?state=skipped&rate=1`, async (page) => {
    await press(page, "Send them");
    await page.getByText("The replay has begun.").waitFor();
    await page.getByRole("button", { name: "Pause" }).waitFor();
  }],
  ["mapping, a draft", manager, (made) => at(made, "fields/mapping"), async (page) => {
    await page.getByRole("combobox", { name: /^When phone/i }).selectOption("always");
    await press(page, "Preview on the last leads");
    await page.getByRole("status", { name: "What the draft changes" }).getByText(/of the last \d+ leads would change/).waitFor();
  }],
  ["test bench, a run", () => support, (made) => at(made, `transformation/${stock(made, "default")}/bench`), async (page) => {
    await press(page, "Run");
    await page.getByRole("status", { name: "What it would do" }).waitFor();
  }],
  ["test bench, all samples", () => support, (made) => at(made, `transformation/${stock(made, "default")}/bench`), async (page) => {
    await press(page, "Run all samples");
    await page.getByRole("status", { name: "All samples" }).waitFor();
  }],
  ["transformation, asked for", () => support, (made) => at(made, "transformation/trap@1"), async (page) => {
    await page.getByLabel("Why it is to be used although gates are closed").fill("to see whom it harms");
    await press(page, "Ask to enable trap@1");
    await page.getByText("Somebody else of support has to approve it.").first().waitFor();
  }],
  ["transformation, to be approved", () => ({ ...support, name: "Second Person" }), (made) => at(made, "transformation"), async (page) => {
    await page.getByRole("button", { name: /^Approve and enable/ }).waitFor();
  }],
  ["fields, needs a word", manager, (made) => at(made, "fields"), askToRestore],
  ["fields, restored", manager, (made) => at(made, "fields"), async (page) => {
    await askToRestore(page);
    await page.getByRole("button", { name: /^Restore it…/ }).click();
    await press(page, "Restore it");
    await page.getByRole("heading", { name: "What was done" }).waitFor();
  }],
  ["fields, to be filled in", manager, (made) => at(made, "fields"), async (page) => {
    await press(page, "Fill in earlier contacts…");
    await page.getByRole("heading", { name: "This is what would be filled in" }).waitFor();
  }],
  ["fields, to be created", of("fresh"), (made) => at(made, "fields", "fresh"), async (page) => {
    await press(page, "Create the missing ones");
    await page.getByRole("heading", { name: "This is what will be created" }).waitFor();
  }],
  ["connectors, diagnosed", of("fresh"), (made) => at(made, "connectors", "fresh"), async (page) => {
    await press(page, "Diagnose");
    await page.getByRole("region", { name: "Diagnosis" }).getByText("HubSpot accepts our token.").first().waitFor();
  }],
  ["connectors, HubSpot is away", of("fresh"), (made) => at(made, "connectors", "fresh"), async (page) => {
    await away();
    await press(page, "Diagnose");
    await page.getByRole("region", { name: "Diagnosis" }).getByText("HubSpot could not be asked").first().waitFor();
  }],
  ["fields, HubSpot is away", of("fresh"), (made) => at(made, "fields", "fresh"), async (page) => {
    await away();
    await press(page, "Check again");
    await page.getByRole("alert").getByText("nothing was changed").waitFor();
  }, [/responded with a status of 502/]],
];

for (const [name, as, where, bring, expected] of STATES) {
  test(`screen: ${name}`, async (t) => {
    await stage.browser.page(t, { as: as(stage.made), expected }, async (page) => {
      const answer = await page.goto(where(stage.made));
      assert.equal(answer.status(), 200);
      await bring(page);
      await look(page, name, TWO_VIEWS);
    });
  });
}

for (const [name, as, where] of [
  ["overview, read-only", manager, (made) => at(made)],
  ["system, read-only", () => operator, () => "/system"],
]) {
  test(`screen: ${name}`, async (t) => {
    await stage.browser.page(t, { as: as(stage.made) }, async (page) => {
      await stage.service.cli("read-only", "on", "--reason", "The database moves until 14:00.");
      try {
        await page.goto(where(stage.made));
        await page.getByRole("status", { name: "Read-only mode" }).waitFor();
        await look(page, name, TWO_VIEWS);
      } finally {
        await stage.service.cli("read-only", "off");
      }
    });
  });
}

/** Everything that holds for every screen. Failures are gathered, so that one run tells all of them. */
async function look(page, name, views = VIEWS) {
  // A page that nobody sees does not exchange itself, which some would do while they are looked at.
  await page.evaluate(() => { Object.defineProperty(document, "hidden", { value: true, configurable: true }); });
  const findings = new Set();
  const title = await page.title();
  if (!/^\S.* · Leadline$/.test(title)) findings.add(`title: ${title}`);
  const headings = page.getByRole("heading", { level: 1 });
  if ((await headings.count()) !== 1 || !(await headings.first().isVisible())) findings.add("there is not one visible first heading");
  await unfold(page);
  for (const [scheme, width, rules] of views) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize({ width, height: 900 });
    for (const barrier of await barriers(page, rules)) findings.add(`${barrier} [${scheme}]`);
    for (const wide of await overflow(page)) findings.add(`sticks out at ${width}: ${wide}`);
    await page.screenshot({ path: path.join(SHOTS, `${fileName(name)}-${scheme}-${width}.png`), fullPage: true });
  }
  await page.setViewportSize({ width: NARROWEST, height: 900 });
  for (const wide of await overflow(page)) findings.add(`sticks out at ${NARROWEST}: ${wide}`);
  assert.equal([...findings].join("\n"), "");
}
