// Other ways than a mouse in a current browser: by keyboard alone, without scripts, back and forward, twice in a hurry, in two
// tabs, with a session that ends, on paper; by the help beside a page; and who may only look.

import assert from "node:assert/strict";
import { test } from "node:test";

import { barriers, enable, overflow, scene, signIn } from "./browser.mjs";
import { furnish, PORTALS } from "./furnished.mjs";
import { eventually } from "./service.mjs";

const stage = scene({ portals: PORTALS }, async (scene) => {
  scene.made = await furnish(scene);
});

const as = (role, which = "busy") => ({ account: stage.made[which].account, role });
const home = (which = "busy") => `/accounts/${stage.made[which].account.slug}`;
const url = (page) => new URL(page.url());

/** What has the focus now. */
const focused = (page) => page.evaluate(() => {
  const element = document.activeElement;
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  return {
    id: [...document.querySelectorAll("*")].indexOf(element),
    what: element === document.body ? "" : element.outerHTML.slice(0, 120),
    isMarked: (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none",
    isSeen: box.width > 0 && box.height > 0 && box.left >= 0 && box.right <= innerWidth + 1,
  };
});

test("keyboard: the first stop skips to the content", async (t) => {
  await stage.browser.page(t, { as: as("manager") }, async (page) => {
    await page.goto(`${home()}/logs`);
    await page.keyboard.press("Tab");
    const skip = page.getByRole("link", { name: "Skip to the content" });
    assert.ok(await skip.evaluate((link) => link === document.activeElement));
    assert.ok(await skip.isVisible());
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    assert.ok(await page.evaluate(() => document.querySelector("main").contains(document.activeElement)));
  });
});

for (const screen of ["", "/connectors", "/fields", "/test", "/logs", "/replays", "/issues", "/transformation", "/settings"]) {
  test(`keyboard: Tab reaches everything, in order and to be seen, on ${screen || "/overview"}`, async (t) => {
    await stage.browser.page(t, { as: as("manager") }, async (page) => {
      await page.goto(`${home()}${screen}`);
      const reachable = await page.evaluate(() => {
        const all = [...document.querySelectorAll("*")];
        const takes = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
        // Of radio buttons only the chosen one is a stop.
        const isStop = (element) => element.checkVisibility() && !element.disabled && (element.type !== "radio" || element.checked);
        return all.filter((element) => element.matches(takes) && isStop(element)).map((element) => all.indexOf(element));
      });
      const stops = new Map();
      for (let step = 0; step < reachable.length * 4; step += 1) {
        await page.keyboard.press("Tab");
        const stop = await focused(page);
        if (stops.has(stop.id) && stop.id !== [...stops.keys()].at(-1)) break;
        // A date has stops of its own inside, which the browser marks itself.
        if (stop.what && !stops.has(stop.id)) stops.set(stop.id, stop);
      }
      const missed = reachable.filter((id) => !stops.has(id));
      const names = await page.evaluate((ids) => ids.map((id) => document.querySelectorAll("*")[id].outerHTML.slice(0, 120)), missed);
      assert.deepEqual(names, [], "Tab does not reach this");
      for (const stop of stops.values()) assert.ok(stop.isMarked && stop.isSeen, `nobody sees the focus on ${stop.what}`);
      const order = [...stops.keys()];
      assert.deepEqual(order, order.toSorted((a, b) => a - b), "the order is not that of the page");
    });
  });
}

test("keyboard: / searches, ? shows the keys, t changes the theme, g l goes to Logs, j and Enter open a lead", async (t) => {
  await stage.browser.page(t, { as: as("manager") }, async (page) => {
    await page.goto(home());
    await page.keyboard.press("g");
    await page.keyboard.press("l");
    await page.waitForURL(`**${home()}/logs`);

    await page.keyboard.press("/");
    assert.ok(await page.getByRole("searchbox").evaluate((box) => box === document.activeElement));
    await page.keyboard.type("t?gl");
    assert.equal(await page.getByRole("searchbox").inputValue(), "t?gl", "keys are not shortcuts while one types");
    await page.getByRole("searchbox").blur();

    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog", { name: "Keys" }).waitFor({ state: "hidden" });

    const before = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await page.keyboard.press("t");
    await eventually("the theme stays", async () => {
      const now = await page.evaluate(() => getComputedStyle(document.body).backgroundColor).catch(() => before);
      return now !== before;
    });
    await page.waitForLoadState();
    assert.equal(url(page).pathname, `${home()}/logs`);

    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await page.waitForURL(/logs\/evt_/);
  });
});

test("without scripts: sign in, read, filter, and sign out", async (t) => {
  await stage.browser.page(t, { javaScript: false }, async (page) => {
    await signIn(page, await stage.service.link(as("viewer")));
    assert.equal(url(page).pathname, home());
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Logs" }).click();
    await page.getByLabel("Name, e-mail, phone or lead id").fill("becker");
    await page.getByLabel("Outcome", { exact: true }).selectOption("Retrying");
    await page.getByRole("button", { name: "Filter" }).click();
    assert.equal(url(page).searchParams.get("text"), "becker");
    await page.getByRole("link", { name: "Tom Becker" }).click();
    await page.getByRole("heading", { level: 1, name: "Tom Becker" }).waitFor();
    await page.getByText("Robin Vale").first().click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.waitForURL(/sign-in/);
    await page.goto(home());
    assert.equal(url(page).pathname, "/sign-in");
  });
});

test("without scripts: connect HubSpot, and change the theme", async (t) => {
  const options = { as: as("manager", "unconnected"), javaScript: false, also: [stage.service.simulator] };
  await stage.browser.page(t, options, async (page) => {
    await page.goto(`${home("unconnected")}/connectors`);
    await page.getByRole("button", { name: "Switch to dark" }).click();
    await page.getByRole("button", { name: "Switch to light" }).waitFor();
    await page.getByRole("button", { name: "Connect to HubSpot" }).click();
    await page.getByRole("button", { name: "Connect to HubSpot" }).click();
    const portal = stage.service.portal("Cove Cars");
    await page.getByRole("combobox", { name: "Account" }).selectOption(String(portal.id));
    await page.getByRole("button", { name: "Allow" }).click();
    await page.getByRole("heading", { name: "Cove Cars is connected" }).waitFor();
  });
});

test("back and forward keep the filter", async (t) => {
  await stage.browser.page(t, { as: as("manager") }, async (page) => {
    await page.goto(`${home()}/logs`);
    await page.getByRole("searchbox").fill("becker");
    await page.getByRole("button", { name: "Filter" }).click();
    await page.waitForURL(/text=becker/);
    await page.getByRole("link", { name: "Tom Becker" }).click();
    await page.getByRole("heading", { level: 1, name: "Tom Becker" }).waitFor();
    // A part that was exchanged comes back by loading the page, which is not awaited by going there.
    const shows = (text) => eventually(`it does not show the filter ${text}`, async () => (await page.getByRole("searchbox").inputValue()) === text);
    await page.goBack();
    await shows("becker");
    assert.equal(await page.getByRole("link", { name: "Maya Lind" }).count(), 0);
    await page.goBack();
    await shows("");
    await page.getByRole("link", { name: "Maya Lind" }).first().waitFor();
    await page.goForward();
    await shows("becker");
  });
});

test("a double click makes one key", async (t) => {
  await stage.browser.page(t, { as: as("manager") }, async (page) => {
    await page.goto(`${home()}/settings`);
    await page.getByRole("region", { name: "API keys" }).getByLabel("Name").fill("reports");
    await page.getByRole("button", { name: "Make a key" }).dblclick();
    await page.getByText("It is shown this once").waitFor();
    const keys = await stage.service.cli("access", "key", "list", "--account", as("manager").account.slug);
    assert.equal(keys.filter(({ name }) => name === "reports").length, 1);
  });
});

test("a double click sends a lead once more, once", async (t) => {
  const { synced, busy } = stage.made;
  await stage.browser.page(t, { as: as("manager") }, async (page) => {
    await page.goto(`${home()}/logs/${synced}`);
    await page.getByRole("button", { name: "Send again" }).dblclick();
    await page.getByText("The replay has begun.").waitFor();
    const replays = await stage.service.cli("replay", "list", "--account", busy.account.slug);
    assert.equal(replays.length, 1);
  });
});

test("what was typed is not lost when the session ends under a form", async (t) => {
  const expected = [/responded with a status of 401/];
  await stage.browser.page(t, { expected }, async (page) => {
    await signIn(page, await stage.service.link(as("manager")));
    await page.goto(`${home()}/settings`);
    await page.getByRole("region", { name: "API keys" }).getByLabel("Name").fill("the weekly report");
    await page.context().clearCookies();
    await page.getByRole("button", { name: "Make a key" }).click();
    await page.getByRole("heading", { level: 1, name: "You were signed out" }).waitFor();
    await page.getByText("the weekly report").waitFor();
    assert.equal(await page.getByText(/^[0-9a-f]{32,}$/).count(), 0, "the token of the form is shown");
    await page.getByRole("link", { name: "How to sign in" }).click();
    await page.waitForURL(/sign-in/);
    const keys = await stage.service.cli("access", "key", "list", "--account", as("manager").account.slug);
    assert.ok(keys.every(({ name }) => name !== "the weekly report"), "somebody who is signed out made a key");
  });
});

test("of two tabs, the one that did not see the change is told so, keeps what was typed, and goes on", async (t) => {
  const expected = [/responded with a status of 412/];
  await stage.browser.page(t, { as: { role: "operator" }, expected }, async (page) => {
    const version = stage.made.versions.find(({ name }) => name === "default").id;
    const other = await page.context().newPage();
    for (const tab of [page, other]) await tab.goto(`${home()}/transformation/${version}`);
    await enable(stage.browser, t, page, `${home()}/transformation`, "a test");
    const despite = other.getByLabel("Why it is to be used although gates are closed");
    if (await despite.count()) await despite.fill("a test");
    const reason = other.getByLabel("Why", { exact: true });
    await reason.fill("the other tab");
    const press = () => other.getByRole("button", { name: /^(Ask to enable|Enable) default/ }).click();
    await press();
    await other.getByRole("alert").getByText("changed it meanwhile").waitFor();
    const beside = other.getByRole("region", { name: "By now, and yours" });
    await beside.getByRole("cell", { name: "the other tab" }).waitFor();
    assert.equal(await reason.inputValue(), "the other tab");
    // Whoever presses once more has seen what counts by now.
    await press();
    await other.getByText(/^(Enabled\. The next leads use it\.|Not enabled yet)/).waitFor();
  });
});

for (const screen of ["", "/logs", "/lead", "/fields", "/issues", "/help"]) {
  test(`on paper nothing is cut off, and nothing to click is in the way, on ${screen || "/overview"}`, async (t) => {
    // As wide as a sheet of A4.
    await stage.browser.page(t, { as: as("manager"), width: 794 }, async (page) => {
      const address = { "/lead": `${home()}/logs/${stage.made.warned}`, "/help": "/help/causes" }[screen] ?? `${home()}${screen}`;
      await page.goto(address);
      await page.emulateMedia({ media: "print" });
      assert.ok(await page.getByRole("heading", { level: 1 }).isVisible());
      assert.ok(!(await page.locator("nav").first().isVisible()) && !(await page.locator("form").first().isVisible()));
      assert.equal((await overflow(page)).join("\n"), "");
    });
  });
}

test("help opens beside a page, with the guide to it, and closes again", async (t) => {
  await stage.browser.page(t, { as: as("viewer") }, async (page) => {
    await page.goto(`${home()}/logs/${stage.made.synced}`);
    await page.getByRole("link", { name: "Help", exact: true }).click();
    const drawer = page.getByRole("dialog", { name: "Help" });
    await drawer.getByRole("heading", { name: "Lead", exact: true }).waitFor();
    assert.equal((await barriers(page)).join("\n"), "");
    await drawer.getByText("Support code: what to send along").click();
    const code = await drawer.locator("pre").innerText();
    assert.match(code, new RegExp(`screen lead\n.*\n.*\nlead ${stage.made.synced}, synced`));
    assert.doesNotMatch(code, /Maya|Lind|example\.com|ocean/i);
    await page.keyboard.press("Escape");
    await drawer.waitFor({ state: "hidden" });
    await page.keyboard.press("h");
    await drawer.waitFor();
    await drawer.getByRole("button", { name: "Close help" }).click();
    await drawer.waitFor({ state: "hidden" });
    assert.equal(url(page).pathname, `${home()}/logs/${stage.made.synced}`);
  });
});

test("what is copied for support is what was shown", async (t) => {
  await stage.browser.page(t, { as: as("manager") }, async (page) => {
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.goto(`${home()}/issues`);
    await page.getByRole("link", { name: "Help", exact: true }).click();
    const drawer = page.getByRole("dialog", { name: "Help" });
    await drawer.getByText("Support code: what to send along").click();
    await drawer.getByRole("button", { name: "Copy support code" }).click();
    await drawer.getByRole("button", { name: "Copied" }).waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), await drawer.locator("pre").innerText());
  });
});

test("without scripts: a cause leads to its article, and help to everything there is to read", async (t) => {
  await stage.browser.page(t, { as: as("viewer"), javaScript: false }, async (page) => {
    await page.goto(`${home()}/logs/${stage.made.refused}`);
    await page.getByRole("link", { name: "hubspot.refused" }).click();
    await page.getByRole("heading", { level: 1, name: "hubspot.refused" }).waitFor();
    await page.getByRole("article").getByRole("link", { name: "Replays" }).click();
    await page.getByRole("heading", { level: 1, name: "Replays" }).waitFor();
    await page.getByRole("link", { name: "Help", exact: true }).last().click();
    for (const name of ["Leads in HubSpot", "Causes", "What goes where", "When it is tried again"]) {
      await page.getByRole("link", { name, exact: true }).waitFor();
    }
  });
});

test("a viewer has no button that changes anything", async (t) => {
  await stage.browser.page(t, { as: as("viewer") }, async (page) => {
    // He may change how his own browser shows things, end his session, look for things, and copy them.
    const own = /^(◐?Switch to (dark|light|system)|Light|Dark|System|Single-letter keys|Jump to…|Robin Vale|Sign out|Search|Filter|Show|Count them|Count again|Copy.*|Close|Close help|Close the lead)$/;
    for (const screen of ["", "/connectors", "/fields", "/logs", `/logs/${stage.made.synced}`, "/issues", "/transformation", "/event-types", "/test", "/replays"]) {
      const answer = await page.goto(`${home()}${screen}`);
      assert.equal(answer.status(), 200, screen);
      const buttons = await page.locator("button").evaluateAll((all) => all.map((button) => button.ariaLabel ?? button.textContent.trim()));
      assert.deepEqual(buttons.filter((name) => !own.test(name)), [], screen);
      const posts = await page.locator("form[method=post]:has(button)").evaluateAll((all) => all.map((form) => new URL(form.action).pathname));
      assert.deepEqual(posts.filter((action) => !["/appearance", "/sign-out"].includes(action)), [], screen);
      assert.equal(await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Settings" }).count(), 0);
    }
  });
});

test("a viewer who posts all the same is refused", async (t) => {
  const expected = [/responded with a status of 403/];
  await stage.browser.page(t, { as: as("viewer"), expected }, async (page) => {
    await page.goto(home());
    const csrf = await page.locator("input[name=csrf]").first().inputValue();
    const post = (address, fields = {}) => page.evaluate(async ([address, fields]) => {
      const answer = await fetch(address, { method: "POST", body: new URLSearchParams(fields), redirect: "manual" });
      return answer.status;
    }, [address, { csrf, ...fields }]);
    const changes = [
      ["connectors/connect"],
      ["connectors/diagnose"],
      ["connectors/pause"],
      ["connectors/resume"],
      ["connectors/disconnect", { waiting: "discard" }],
      ["event-types", { name: "lead.captured.v1", on: "no" }],
      ["test/preview", { body: "{}" }],
      ["test/send", { body: "{}" }],
      ["replays", { state: "delivered", again: "yes" }],
      ["settings/sources", { name: "mine", rate: "0", tolerance_s: "300" }],
      ["fields/check"],
      ["fields/create", { sure: "yes" }],
      ["fields/use", { object_type: "0-1", planned: "vehicle_of_interest", name: "phone" }],
      ["fields/fill"],
      [`logs/${stage.made.synced}/replay`],
      [`logs/${stage.made.synced}/retry`],
      [`logs/${stage.made.synced}/read-back`],
      [`logs/${stage.made.synced}/delete-test-contact`],
      ["connectors/stay"],
      ["settings/keys", { name: "mine", right: "change" }],
      ["settings/people", { name: "Me", email: "me@example.com", role: "manager" }],
      ["transformation/rollback", { reason: "" }],
    ];
    for (const [address, fields] of changes) assert.equal(await post(`${home()}/${address}`, fields), 403, address);
    assert.equal(await post("/queue/pause", { pause: "yes" }), 403);
    assert.equal((await page.goto(`${home()}/settings`)).status(), 403);
    await page.getByRole("heading", { level: 1 }).waitFor();
  });
});
