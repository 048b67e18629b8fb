// What people come for, from its beginning to its end in HubSpot. Everything is found by its role and its name.

import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";

import { enable, scene } from "./browser.mjs";
import { eventually, lead, PROJECT } from "./service.mjs";

const PORTALS = [
  "bare=Alder Motors",
  "ready=Birch Cars",
  "ready=Cedar Honda",
  "ready=Dogwood Ford",
  "ready=Elm Toyota",
  "ready=Fir Autos",
  "ready=Gum Kia",
  "deals=Hazel Volvo",
  "ready=Ivy Mazda",
  "ready=Juniper Fiat",
  "ready=Kea Seat",
  "ready=Larch Skoda",
  "ready=Maple Mini",
  "ready=Nutmeg Opel",
  "ready=Oak Audi",
];
const CLIENT = "leadline-sim";

const stage = scene({ portals: PORTALS });

const manager = (account) => ({ account, role: "manager" });
const at = (account, screen = "") => `/accounts/${account.slug}${screen && `/${screen}`}`;
/** HubSpot's own page is part of the way. */
const through = () => ({ also: [stage.service.simulator] });

/** From our page to HubSpot's and back: the person there chooses the portal, and agrees. */
async function agree(page, portal) {
  await page.getByRole("button", { name: "Connect to HubSpot" }).click();
  await page.getByRole("combobox", { name: "Account" }).selectOption({ label: `${portal} (${stage.service.portal(portal).id})` });
  await page.getByRole("button", { name: "Allow" }).click();
  const connected = page.getByRole("heading", { name: /is connected$/ });
  await connected.or(page.getByText("HubSpot agreed.")).first().waitFor();
}

const row = (page, name) => page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });

/** Loads the list until the row of this person says so. */
async function told(page, account, name, ...words) {
  await eventually(`${name} is not ${words}`, async () => {
    await page.goto(at(account, "logs"));
    const text = (await row(page, name).allInnerTexts()).join("\n");
    return words.every((word) => text.includes(word));
  });
}

/** Over the whole width of a test: a page for its manager. */
function journey(name, portal, body, { connected = true, ...options } = {}) {
  test(`journey: ${name}`, async (t) => {
    const account = await stage.service.account(portal);
    if (connected) await stage.service.connect(account, portal);
    const source = await stage.service.source(account);
    await stage.browser.page(t, { as: manager(account), ...through(), ...options }, (page) => body(page, { account, source, portal, t }));
    await stage.service.mend();
  });
}

journey("connect, create the properties, and the test lead and the first one are green", "Alder Motors", async (page, { account, source, portal }) => {
  await page.goto(at(account));
  await page.getByRole("link", { name: "Connect to HubSpot" }).click();
  await page.getByRole("button", { name: "Connect to HubSpot" }).click();
  await agree(page, portal);
  await page.goto(at(account, "fields"));
  await page.getByRole("button", { name: "Ask for permission to create properties" }).click();
  await agree(page, portal);
  await page.goto(at(account, "fields"));
  await page.getByRole("button", { name: "Create the missing ones" }).click();
  await page.getByRole("heading", { name: "This is what will be created" }).waitFor();
  await page.getByRole("button", { name: "Create them" }).click();
  await page.getByRole("heading", { name: "What was done" }).waitFor();
  await page.goto(at(account, "fields"));
  await page.getByText("Every property is there.").waitFor();
  await page.goto(at(account, "event-types"));
  await page.getByRole("switch", { name: "Lead Captured", checked: true }).waitFor();
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Test" }).click();
  await page.getByRole("button", { name: "Preview only" }).click();
  await page.getByRole("region", { name: "What it would do" }).or(page.getByRole("status", { name: "What it would do" })).waitFor();
  assert.equal((await contacts(portal)).length, 0, "a preview sends nothing");
  await page.getByRole("button", { name: "Send test lead" }).click();
  await page.waitForURL(/logs\/evt_/);
  const testLead = page.url();
  await told(page, account, "Test Lead", "test", "Synced");
  await page.goto(testLead);
  await page.getByRole("button", { name: "Read back from HubSpot" }).click();
  await page.getByText("Everything is in HubSpot as it was sent.").waitFor();
  await page.getByRole("region", { name: "Test lead" }).getByRole("row", { name: /vehicle_of_interest.*same/ }).waitFor();
  await page.getByRole("button", { name: "Delete test contact" }).click();
  await page.getByText("The test contact is taken out of HubSpot.").waitFor();
  await page.getByRole("button", { name: "Read back from HubSpot" }).click();
  await page.getByText("no longer there").waitFor();
  await stage.service.send(source, { name: "Rosa Delgado", email: "rosa@example.com" });
  await told(page, account, "Rosa Delgado", "Synced", "Created in HubSpot");
  const [contact] = await contacts(portal, "rosa@example.com");
  assert.equal(contact.vehicle_of_interest, "2026 Honda Accord Touring");
}, { connected: false });

journey("an admin connects by a link that somebody else made", "Birch Cars", async (page, { account, portal, t }) => {
  await page.goto(at(account, "connectors"));
  await page.getByRole("button", { name: "Make a link for the admin" }).click();
  const link = await page.getByText(`${stage.service.url}/connect/`).innerText();
  const notice = page.getByRole("status", { name: "The admin's link" });
  await notice.getByText("Waiting for the admin.").waitFor();
  await page.evaluate(() => { globalThis.same = true; });
  await stage.browser.page(t, through(), async (admin) => {
    await admin.goto(link);
    await agree(admin, portal);
  });
  // Nobody touches the dealer's own page, which looks every few seconds.
  await notice.getByText("The admin is done.").waitFor();
  await page.getByRole("region", { name: "Steps" }).getByText(`Connected to ${portal}`).waitFor();
  assert.ok(await page.evaluate(() => globalThis.same), "the page was loaded anew");
  await page.goto(at(account, "connectors"));
  await page.getByRole("region", { name: "HubSpot CRM" }).getByText("Connected", { exact: true }).first().waitFor();
}, { connected: false });

journey("HubSpot is away: the lead says when it is tried again, and gets through", "Cedar Honda", async (page, { account, source, portal }) => {
  // Long enough to be seen, short enough to wait for.
  const then = { status: 503, headers: { "retry-after": "10" } };
  await stage.service.fault({ match: { portal: stage.service.portal(portal).id, path: "/crm/objects/" }, times: 1, then });
  const event = await stage.service.send(source, { name: "Noor Haddad", email: "noor@example.com" });
  await told(page, account, "Noor Haddad", "Retrying", "Next try");
  await page.goto(at(account, `logs/${event}`));
  await page.getByText("Next attempt").waitFor();
  await stage.service.until(event, "delivered");
  await told(page, account, "Noor Haddad", "Synced");
  assert.equal((await contacts(portal, "noor@example.com")).length, 1);
});

journey("the permission is gone: reconnecting sends what waited, in its order", "Dogwood Ford", async (page, { account, source, portal }) => {
  await page.goto(at(account, "connectors"));
  await page.getByRole("button", { name: "Connect to HubSpot" }).click();
  await agree(page, portal);
  await stage.service.act(portal, { act: "uninstall_app", client_id: CLIENT });
  const names = ["First Comer", "Second Comer", "Third Comer"];
  const events = [];
  for (const name of names) {
    events.push(await stage.service.send(source, { name, email: `${name.split(" ")[0].toLowerCase()}@example.com` }));
    await stage.service.until(events.at(-1), "blocked", "held");
  }
  await told(page, account, "First Comer", "Needs attention", "Waiting for you");
  await page.goto(at(account));
  await page.getByRole("link", { name: "See what to do" }).click();
  await page.getByRole("link", { name: "Go to Connectors" }).first().click();
  await page.getByText("Reconnect required").first().waitFor();
  await page.getByRole("button", { name: "Re-authorize" }).click();
  await agree(page, portal);
  for (const event of events) await stage.service.until(event, "delivered");
  const held = (await contacts(portal)).filter((contact) => contact.lastname === "Comer");
  const order = held.sort((a, b) => Number(a.hs_object_id) - Number(b.hs_object_id)).map((contact) => contact.firstname);
  assert.deepEqual(order, ["First", "Second", "Third"]);
}, { connected: false });

journey("a property is deleted: a warning, the property again, and what was missing is filled in", "Elm Toyota", async (page, { account, source, portal }) => {
  await stage.service.act(portal, { act: "archive_property", object_type: "0-1", name: "dealership_slug" });
  await stage.service.until(await stage.service.send(source, { name: "Iris Wong", email: "iris@example.com" }), "delivered");
  await told(page, account, "Iris Wong", "Synced with warnings", "dealership_slug");
  await page.getByRole("link", { name: "Iris Wong" }).click();
  await page.getByRole("row").filter({ hasText: "dealership_slug" }).getByText("left out").waitFor();
  // That HubSpot refused it makes the service read the portal again, a moment after the lead.
  const create = page.getByRole("button", { name: "Create the missing ones" });
  await eventually("nobody offers to create it", async () => {
    await page.goto(at(account, "fields"));
    return create.isVisible();
  });
  await create.click();
  // HubSpot brings back what was deleted, with its old values, so that is asked for by itself.
  await page.getByRole("heading", { name: "This needs your word first" }).waitFor();
  await page.getByRole("button", { name: /^Restore it…/ }).click();
  await page.getByRole("heading", { name: "This is what will be created" }).waitFor();
  await page.getByRole("button", { name: "Restore it", exact: true }).click();
  await page.getByRole("heading", { name: "What was done" }).waitFor();
  await page.goto(at(account, "fields"));
  await page.getByText("Every property is there.").waitFor();
  await page.getByRole("button", { name: "Fill in earlier contacts…" }).click();
  await page.getByRole("heading", { name: "This is what would be filled in" }).waitFor();
  assert.equal((await contacts(portal, "iris@example.com"))[0].dealership_slug, undefined, "nothing is written yet");
  await page.getByRole("button", { name: "Fill in these" }).click();
  await page.getByRole("heading", { name: "What was filled in" }).waitFor();
  assert.equal((await contacts(portal, "iris@example.com"))[0].dealership_slug, "ocean-honda");
});

journey("no address, twice, and a failed call between: one contact", "Fir Autos", async (page, { account, source, portal }) => {
  const data = { id: "lead_without_address", name: "Sam Okafor", email: null };
  await stage.service.fault({ match: { portal: stage.service.portal(portal).id, body: "Okafor" }, times: 1, then: { apply: true, end: "close" } });
  for (const _ of ["once", "twice"]) await stage.service.until(await stage.service.send(source, data), "delivered");
  await page.goto(at(account, "logs"));
  assert.equal(await row(page, "Sam Okafor").count(), 2);
  assert.equal((await contacts(portal)).filter((contact) => contact.lastname === "Okafor").length, 1);
});

journey("a customer stays a customer", "Gum Kia", async (page, { account, source, portal }) => {
  const properties = { email: "lena@example.com", firstname: "Lena", lifecyclestage: "customer" };
  await stage.service.act(portal, { act: "create_record", object_type: "0-1", properties });
  await stage.service.until(await stage.service.send(source, { name: "Lena Fischer", email: "lena@example.com" }), "delivered");
  await told(page, account, "Lena Fischer", "Synced", "Updated existing contact");
  const [contact] = await contacts(portal, "lena@example.com");
  assert.deepEqual([contact.lifecyclestage, contact.lastname], ["customer", "Fischer"]);
});

test("journey: deals are uploaded, compared, enabled, seen, and rolled back", async (t) => {
  const portal = "Hazel Volvo";
  const { account, source } = await stage.service.dealership(portal);
  const send = async (email) => stage.service.until(await stage.service.send(source, { name: "Deal Maker", email }), "delivered");
  await send("before@example.com");
  await stage.browser.page(t, { as: { role: "support" } }, async (page) => {
    await page.goto("/transformations");
    await page.getByLabel("Component").setInputFiles(path.join(PROJECT, "host", "components", "guest_deals.wasm"));
    await page.getByLabel("Name", { exact: true }).fill("our-deals");
    await page.getByRole("button", { name: "Upload and check" }).click();
    await page.getByRole("heading", { name: "our-deals@1" }).waitFor();

    await page.goto(at(account, "transformation"));
    await page.getByRole("link", { name: "Choose our-deals@1" }).click();
    await page.getByLabel("Pipeline").selectOption("new-vehicles");
    await page.getByLabel("Stage").selectOption("new-lead");
    await page.getByRole("button", { name: "Check these settings" }).click();
    const choice = page.url();
    await page.getByRole("link", { name: "Test bench" }).click();
    await page.getByLabel("A sample").selectOption("plain-lead");
    await page.getByRole("button", { name: "Load" }).first().click();
    await page.getByLabel("Event, as JSON").press("Control+Enter");
    await page.getByText("It would write: contact, deal, note.").waitFor();
    await page.getByRole("region", { name: "deal", exact: true }).getByText("new-lead").waitFor();
    assert.equal((await stage.service.records(portal, "0-3")).length, 0, "the bench writes nothing");
    await page.goto(choice);
    await page.getByRole("button", { name: "Compare on the last leads" }).click();
    await page.getByText("1 of 1 leads change, 0 stay the same, 0 fail.").waitFor();
    await enable(stage.browser, t, page, at(account, "transformation"), "the portal of this test is new");

    await send("with@example.com");
    assert.equal((await stage.service.records(portal, "0-3")).length, 1);

    await page.goto("/transformations/compare");
    await page.getByLabel("This version").selectOption("default@1");
    await page.getByLabel("beside this one").selectOption("our-deals@1");
    await page.getByLabel("On the last leads of").fill(account.slug);
    await page.getByRole("button", { name: "Compare", exact: true }).click();
    await page.getByRole("heading", { name: "our-deals@1 beside default@1" }).waitFor();

    await page.goto(at(account, "transformation"));
    await page.getByRole("button", { name: "Back to default@1" }).click();
    await page.getByText("Rolled back.").waitFor();
    await send("after@example.com");
    assert.equal((await stage.service.records(portal, "0-3")).length, 1);
  });
});

test("journey: a trapping and a greedy guest harm nobody else", async (t) => {
  const trap = await stage.service.dealership("Maple Mini");
  const greedy = await stage.service.dealership("Nutmeg Opel");
  const well = await stage.service.dealership("Oak Audi");
  await stage.browser.page(t, { as: { role: "support" } }, async (page) => {
    for (const [file, { account }] of [["trap", trap], ["greedy", greedy]]) {
      await page.goto("/transformations");
      await page.getByLabel("Component").setInputFiles(path.join(PROJECT, "tests", "browser", "guests", `${file}.wasm`));
      await page.getByLabel("Name", { exact: true }).fill(file);
      await page.getByLabel("Account", { exact: true }).fill(account.slug);
      await page.getByRole("button", { name: "Upload and check" }).click();
      await page.getByRole("heading", { name: `${file}@1` }).waitFor();
      await page.getByRole("region", { name: "The check" }).getByRole("row", { name: /failed First example/ }).waitFor();
      await page.goto(at(account, "transformation"));
      await page.getByRole("link", { name: `Choose ${file}@1` }).click();
      await enable(stage.browser, t, page, at(account, "transformation"), "to see whom it harms");
    }
    const send = ({ source }, name) => stage.service.send(source, { name, email: `${name.toLowerCase().replace(" ", ".")}@example.com` });
    const held = [await send(trap, "Tess Trap"), await send(greedy, "Greta Greed")];
    await stage.service.until(await send(well, "Willa Well"), "delivered");
    for (const event of held) await stage.service.until(event, "held");
    // Support sees people masked, so a lead is told by its row alone.
    const says = (account, words) =>
      eventually(`the lead of ${account.slug} is not ${words}`, async () => {
        await page.goto(at(account, "logs"));
        return (await page.getByRole("row").filter({ hasText: words }).count()) > 0;
      });
    await says(well.account, "Synced");
    await page.goto(at(well.account, "issues"));
    await page.getByRole("heading", { name: "Nothing stands in the way" }).waitFor();
    for (const [{ account }, title] of [
      [trap, "The transformation crashed"],
      [greedy, "The transformation asked for too much memory"],
    ]) {
      await says(account, "Needs attention");
      await page.goto(at(account, "issues"));
      const issue = page.getByRole("article").filter({ has: page.getByRole("heading", { name: title }) });
      await issue.getByText(/after (trap|greedy)@1 was enabled/).waitFor();
      await issue.getByRole("button", { name: /^Back to default@1/ }).click();
      await page.getByText("Rolled back.").waitFor();
      await says(account, "Synced");
      await page.goto(at(account, "issues"));
      await page.getByRole("region", { name: "Over" }).getByText("1 lead went on by itself").waitFor();
    }
  });
});

journey("disconnecting can hold what waits until HubSpot is connected again", "Ivy Mazda", async (page, { account, source, portal }) => {
  await page.goto(at(account, "connectors"));
  await page.getByRole("button", { name: "Connect to HubSpot" }).click();
  await agree(page, portal);
  await page.goto(at(account, "connectors"));
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByText("Paused. Leads are taken in and wait.").waitFor();
  const event = await stage.service.send(source, { name: "Held Over", email: "held@example.com" });
  await stage.service.until(event, "blocked", "held", "pending");
  await page.goto(at(account, "connectors"));
  await page.getByText("Disconnect…").click();
  await page.getByRole("radio", { name: "are held until it is connected again" }).check();
  await page.getByRole("button", { name: "Disconnect", exact: true }).click();
  // Somebody thinks better of it.
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByText("HubSpot stays connected, as it was.").waitFor();
  await page.getByText("Disconnect…").click();
  await page.getByRole("radio", { name: "are held until it is connected again" }).check();
  await page.getByRole("button", { name: "Disconnect", exact: true }).click();
  await page.getByText("is being disconnected").waitFor();
  await page.getByText("Not connected").first().waitFor({ timeout: 30_000 });
  await page.getByRole("button", { name: "Connect to HubSpot" }).click();
  await agree(page, portal);
  await stage.service.until(event, "delivered");
  await told(page, account, "Held Over", "Synced");
}, { connected: false });

journey("five hundred leads are sent once more, and stopped on the way", "Kea Seat", async (page, { account, source, portal }) => {
  const leads = 500;
  // Without a connection they are skipped at once.
  const send = (index) => stage.service.send(source, { name: `Lead ${index}`, email: `lead${index}@example.com` });
  for (let index = 0; index < leads; index += 20) await Promise.all(Array.from({ length: 20 }, (_, next) => send(index + next)));
  await eventually("not every lead is skipped", async () => {
    await page.goto(at(account, "logs"));
    return (await page.getByRole("link", { name: "Skipped", exact: false }).innerText()).includes(String(leads));
  });
  await stage.service.connect(account, portal);
  await page.goto(at(account, "replays"));
  await page.getByLabel("That are", { exact: true }).selectOption("skipped");
  await page.getByLabel("Leads a second").fill("5");
  await page.getByRole("button", { name: "Count them" }).click();
  await page.getByText("500 would be sent on their way, 0 left out").waitFor();
  assert.equal((await contacts(portal)).length, 0, "counting sends nothing");
  await page.getByRole("button", { name: "Send them" }).click();
  await page.getByText("The replay has begun.").waitFor();
  await eventually("no lead is sent once more", async () => (await contacts(portal)).length > 0);
  await page.goto(at(account, "replays"));
  await page.getByText(/^[1-9]\d* of 500/).waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("row").filter({ hasText: "cancelled" }).waitFor();
  assert.ok((await contacts(portal)).length < leads);
}, { connected: false });

journey("a shopper is erased, and a replay brings nobody back", "Larch Skoda", async (page, { account, source, portal }) => {
  const email = "leadline-test+vera@example.com";
  await stage.service.until(await stage.service.send(source, { name: "Vera Nilsson", email }), "delivered");
  await stage.service.until(await stage.service.send(source, { name: "Otto Falk", email: "otto@example.com" }), "delivered");
  await page.goto(at(account));
  await page.getByRole("link", { name: "Privacy" }).click();
  await page.getByLabel("E-mail").fill("Leadline-Test+Vera@Example.com");
  await page.getByRole("button", { name: "Find" }).click();
  await page.getByRole("heading", { name: "What we hold, and where it went" }).waitFor();
  await page.getByRole("link", { name: "Vera Nilsson" }).waitFor();
  assert.ok(!page.url().includes("vera"), "no shopper stands in an address");
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download" }).click()]);
  assert.equal(file.suggestedFilename(), `shopper-${account.slug}.json`);
  const form = page.getByRole("form", { name: "Erase" });
  await form.getByLabel("Why").fill("request 4711");
  await form.getByLabel("Type the address or the number again").fill("somebody@example.com");
  await form.getByRole("button", { name: "Erase" }).click();
  await page.getByRole("alert").getByText("It cannot be done").waitFor();
  await form.getByLabel("Type the address or the number again").fill(email);
  await form.getByLabel("Ask HubSpot to delete").check();
  await form.getByRole("button", { name: "Erase" }).click();
  await eventually("the erasure is not done", async () => {
    await page.goto(page.url().split("?")[0]);
    return (await page.locator("#main").innerText()).includes("deleted for good");
  });
  await page.getByRole("heading", { name: "Certificate of erasure" }).waitFor();
  assert.ok(!(await page.content()).includes("vera"), "the certificate does not say whose it is");
  assert.deepEqual(await addresses(portal), ["otto@example.com"]);
  const calls = (await stage.service.calls(portal)).length;

  await page.goto(at(account, "replays"));
  await page.getByLabel("That are", { exact: true }).selectOption("skipped");
  await page.getByRole("button", { name: "Count them" }).click();
  await page.getByText("Nothing would be sent.").waitFor();
  await stage.service.send(source, { name: "Vera Nilsson", email });
  await eventually("what she sends now is not removed", async () => {
    await page.goto(`${at(account, "logs")}?outcome=removed`);
    return (await page.getByRole("row").filter({ hasText: "Removed" }).count()) === 2;
  });
  assert.equal((await stage.service.calls(portal)).length, calls, "HubSpot hears nothing of her");
  assert.deepEqual(await addresses(portal), ["otto@example.com"]);
}, { expected: [/responded with a status of 400/] });

journey("one id sent twice is one row, and a wrong signature is none", "Juniper Fiat", async (page, { account, source }) => {
  const event = lead({ name: "Only Once", email: "once@example.com" });
  const answers = [];
  for (const _ of ["once", "twice"]) answers.push(await stage.service.post(source, event, { id: "msg_the_same" }));
  assert.deepEqual(answers.map(({ status, duplicate }) => [status, duplicate]), [[202, false], [202, true]]);
  const forged = await stage.service.post(source, lead({ name: "Not Theirs" }), { secret: "whsec_bm90IHRoZSBzZWNyZXQgb2YgdGhpcyBzb3VyY2U=" });
  assert.deepEqual([forged.status, forged.code], [401, "ingest.forged"]);
  await told(page, account, "Only Once", "Synced");
  assert.equal(await row(page, "Only Once").count(), 1);
  assert.equal(await page.getByText("Not Theirs").count(), 0);
  const rejected = await stage.service.cli("source", "rejected", "--source", source.id);
  assert.match(JSON.stringify(rejected), /forged/);
});

/** Whoever can still be told in the portal. */
async function addresses(portal) {
  return (await contacts(portal)).map((contact) => contact.email).filter(Boolean);
}

test("journey: a wrong signature is seen by the operator, by source and by reason", async (t) => {
  const account = await stage.service.account("Sorrel Seat");
  const source = await stage.service.source(account);
  const id = "msg_not_ours";
  await stage.service.post(source, lead({ name: "Not Theirs" }), { id, secret: "whsec_bm90IHRoZSBzZWNyZXQgb2YgdGhpcyBzb3VyY2U=" });
  await stage.browser.page(t, { as: { role: "operator" } }, async (page) => {
    await page.goto("/fleet");
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Refused requests" }).click();
    await page.getByRole("searchbox", { name: "Source" }).fill(source.id);
    await page.getByRole("button", { name: "Filter" }).click();
    const found = page.getByRole("row").filter({ hasText: id });
    await found.getByText("compare the sender's secret").waitFor();
    assert.equal(await page.getByText("Not Theirs").count(), 0, "bodies are not shown");
    await page.getByRole("combobox", { name: "Reason" }).selectOption("forged");
    await page.getByRole("button", { name: "Filter" }).click();
    await found.waitFor();
    assert.match(page.url(), /class=forged/);
  });
});

/** The properties of the portal's contacts, or of those with this address. */
async function contacts(portal, email) {
  const all = (await stage.service.records(portal)).map((record) => record.properties);
  return email ? all.filter((contact) => contact.email === email) : all;
}
