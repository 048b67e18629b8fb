// Screens in states that somebody brings about, light and dark, wide and narrow: held to the same as every screen.

import assert from "node:assert/strict";
import { test } from "node:test";

import { at, furnished, look, manager, operator, stock, support, TWO_VIEWS } from "./look.mjs";

const stage = furnished();

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
 * errors that belong to it. In their order, because some change what others look at.
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
  ["choice, somebody was quicker", () => support, (made) => at(made, `transformation/${stock(made, "default")}`), async (page) => {
    await page.locator("input[name=expected]").evaluate((field) => { field.value = "bnd_0"; });
    await page.getByLabel("Why", { exact: true }).fill("to see who was quicker");
    const despite = page.getByLabel("Why it is to be used although gates are closed");
    if (await despite.count()) await despite.fill("a test");
    await page.getByRole("button", { name: /^(Ask to enable|Enable) default/ }).click();
    await page.getByRole("alert").getByText("changed it meanwhile").waitFor();
  }, [/responded with a status of 412/]],
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
  ["fields, one is there already", of("fresh"), (made) => at(made, "fields", "fresh"), async (page) => {
    const property = { name: "vehicle_interest", label: "Vehicle interest", groupName: "contactinformation", type: "string", fieldType: "text" };
    await stage.service.act("Bay Motors", { act: "add_property", object_type: "0-1", property });
    await press(page, "Check again");
    await page.getByText("You already have “Vehicle interest”").waitFor();
    await page.getByRole("button", { name: /^Use that one/ }).waitFor();
  }],
  ["fields, one in place of another", of("fresh"), (made) => at(made, "fields", "fresh"), async (page) => {
    await page.getByRole("button", { name: /^Use that one/ }).click();
    await page.getByText("in place of vehicle_of_interest").waitFor();
    await page.getByRole("button", { name: "Use vehicle_of_interest again" }).waitFor();
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
