// How pages look and listen as somebody needs it: magnified, narrow, without motion, in the colours of a system, light or
// dark; by keys, or without those of single letters; and how much of the line a page takes.

import assert from "node:assert/strict";
import { test } from "node:test";

import { barriers, overflow, scene } from "./browser.mjs";
import { furnish, PORTALS } from "./furnished.mjs";

/** Of everything that a page loads, fonts included, as it comes over the line. */
const PAGE_BYTES_MAX = 60_000;
const SCRIPT_BYTES_MAX = 40_000;

const stage = scene({ portals: PORTALS }, async (scene) => {
  scene.made = await furnish(scene);
});

const manager = () => ({ account: stage.made.busy.account, role: "manager" });
const operator = { role: "operator" };
const home = () => `/accounts/${stage.made.busy.account.slug}`;
const MAIN = {
  overview: () => home(),
  connectors: () => `${home()}/connectors`,
  fields: () => `${home()}/fields`,
  logs: () => `${home()}/logs`,
  lead: () => `${home()}/logs/${stage.made.warned}`,
  issues: () => `${home()}/issues`,
  settings: () => `${home()}/settings`,
};
const url = (page) => new URL(page.url());
const row = (page, name) => page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });

for (const [name, where] of Object.entries(MAIN)) {
  test(`looks: ${name} magnified to 200 %, and on 320 pixels, is read without scrolling sideways`, async (t) => {
    await stage.browser.page(t, { as: manager() }, async (page) => {
      await page.goto(where());
      // A window of 1280 pixels that is magnified twice has room for 640.
      for (const width of [640, 320]) {
        await page.setViewportSize({ width, height: 512 });
        assert.equal((await overflow(page)).join("\n"), "", `at ${width}`);
        assert.ok(await page.getByRole("heading", { level: 1 }).isVisible());
      }
    });
  });

  test(`looks: ${name} stands still for whoever wants no motion, and shows its states in the colours of a system`, async (t) => {
    await stage.browser.page(t, { as: manager() }, async (page) => {
      await page.emulateMedia({ reducedMotion: "reduce" });
      await page.goto(where());
      const moving = await page.evaluate(() => [...document.querySelectorAll("*")].filter((element) => {
        const { transitionDuration, animationName } = getComputedStyle(element);
        return animationName !== "none" || transitionDuration.split(", ").some((time) => parseFloat(time) > 0);
      }).map((element) => element.outerHTML.slice(0, 80)));
      assert.deepEqual(moving, []);
      assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
      await page.emulateMedia({ forcedColors: "active" });
      // What is chosen, or here, has a line: its ground is gone.
      const bare = await page.evaluate(() => [...document.querySelectorAll(".chip, [aria-current]:not([aria-current=false], [aria-current=step])")].filter((element) => {
        const { outlineStyle, borderStyle } = getComputedStyle(element);
        return element.checkVisibility() && outlineStyle === "none" && borderStyle === "none";
      }).map((element) => element.outerHTML.slice(0, 80)));
      assert.deepEqual(bare, []);
      assert.equal((await barriers(page)).join("\n"), "");
    });
  });

  test(`looks: ${name} is light on the line`, async (t) => {
    await stage.browser.page(t, { as: manager() }, async (page) => {
      const loaded = [];
      page.on("requestfinished", async (request) => {
        if (request.resourceType() !== "eventsource") loaded.push(request.sizes().then(({ responseBodySize }) => [request.url(), responseBodySize]));
      });
      await page.goto(where());
      await page.evaluate(() => document.fonts.ready);
      const sizes = await Promise.all(loaded);
      const sum = (of) => of.reduce((sum, [, size]) => sum + size, 0);
      const told = sizes.map(([address, size]) => `${size} ${address}`).join("\n");
      t.diagnostic(`${name}: ${sum(sizes)} bytes, scripts ${sum(sizes.filter(([address]) => address.endsWith(".js")))}`);
      assert.ok(sizes.length > 4 && sum(sizes) < PAGE_BYTES_MAX, `${sum(sizes)} bytes:\n${told}`);
      assert.ok(sum(sizes.filter(([address]) => address.endsWith(".js"))) < SCRIPT_BYTES_MAX, told);
    });
  });
}

test("looks: light, dark, and back to what the system says", async (t) => {
  const ground = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await stage.browser.page(t, { as: manager(), scheme: "dark" }, async (page) => {
    await page.goto(`${home()}/settings`);
    const dark = await ground(page);
    const appearance = page.getByRole("region", { name: "Appearance" });
    const choose = async (name) => {
      await appearance.getByRole("button", { name }).click();
      await appearance.getByRole("button", { name, pressed: true }).waitFor();
    };
    await choose("Light");
    const light = await ground(page);
    assert.notEqual(light, dark);
    await choose("Dark");
    assert.equal(await ground(page), dark);
    await choose("System");
    assert.equal(await ground(page), dark);
    await page.emulateMedia({ colorScheme: "light" });
    assert.equal(await ground(page), light);
    await page.emulateMedia({ colorScheme: "dark" });
    // By key it goes round: dark, light, system.
    for (const expected of ["dark", "light", null]) {
      await page.keyboard.press("t");
      await page.waitForFunction((theme) => document.documentElement.getAttribute("data-theme") === theme && document.readyState === "complete", expected);
    }
  });
});

test("keys: letters do what the list says", async (t) => {
  await stage.browser.page(t, { as: operator }, async (page) => {
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.goto(`${home()}/logs`);
    await page.keyboard.press("?");
    const keys = page.getByRole("dialog", { name: "Keys" });
    for (const key of ["Ctrl K", "Ctrl Enter", "[ ]", "g t", "g i", "g T", "g I", "g a", "g f", "g q"]) {
      assert.equal(await keys.getByText(key, { exact: true }).count(), 1, key);
    }
    assert.equal((await barriers(page)).join("\n"), "");
    await page.keyboard.press("Escape");
    await page.keyboard.press("j");
    await page.keyboard.press("c");
    const first = await page.locator("[data-row]").first().getAttribute("id");
    await page.getByRole("status").getByText(`Copied ${first}`).waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), first);
    for (const [keys, heading] of [["ga", "Accounts"], ["gI", "Issues"], ["gT", "Transformations"], ["gq", "Queue"], ["gf", "Fleet"]]) {
      for (const key of keys) await page.keyboard.press(key);
      await page.getByRole("heading", { level: 1, name: heading }).waitFor();
    }
  });
});

test("keys: of a row, its contact is opened, and its retry is reached", async (t) => {
  await stage.browser.page(t, { as: manager() }, async (page) => {
    await page.goto(`${home()}/logs?outcome=synced`);
    await page.locator("[data-row] a[target=_blank]").first().evaluate((link) => link.addEventListener("click", (event) => {
      event.preventDefault();
      globalThis.opened = (globalThis.opened ?? []).concat(link.href);
    }));
    await page.keyboard.press("o");
    await page.keyboard.press("j");
    await page.keyboard.press("o");
    const opened = await page.evaluate(() => globalThis.opened);
    assert.equal(opened.length, 1, "without a row in hand nothing is opened");
    assert.match(opened[0], /0-1/);
    await page.keyboard.press("r");
    await page.waitForURL(/logs\/evt_.*#retry$/);
    await page.waitForFunction(() => document.activeElement?.matches("[data-retry]"));
  });
});

test("keys: single letters are turned off, and on again, without scripts too", async (t) => {
  await stage.browser.page(t, { as: manager() }, async (page) => {
    await page.goto(`${home()}/settings`);
    const keys = page.getByRole("region", { name: "Appearance" }).getByRole("switch", { name: "Single-letter keys" });
    assert.ok(await keys.isChecked());
    await keys.click();
    await page.getByRole("region", { name: "Appearance" }).getByRole("switch", { name: "Single-letter keys", checked: false }).waitFor();
    for (const key of ["?", "g", "l", "h"]) await page.keyboard.press(key);
    assert.equal(await page.locator("dialog[open]").count(), 0);
    assert.equal(url(page).pathname, `${home()}/settings`);
    await page.keyboard.press("Control+k");
    await page.getByRole("dialog", { name: "Jump to" }).waitFor();
  });
  await stage.browser.page(t, { as: manager(), javaScript: false }, async (page) => {
    await page.goto(home());
    await page.getByText("Robin Vale").first().click();
    await page.getByRole("switch", { name: "Single-letter keys" }).click();
    assert.equal(await page.locator("html").getAttribute("data-keys"), "off");
    await page.getByText("Robin Vale").first().click();
    await page.getByRole("switch", { name: "Single-letter keys" }).click();
    assert.equal(await page.locator("html").getAttribute("data-keys"), null);
  });
});

test("palette: by keyboard alone to a screen, to leads, and to accounts", async (t) => {
  await stage.browser.page(t, { as: operator }, async (page) => {
    const jump = async (text, downs = 0) => {
      await page.keyboard.press("Control+k");
      await page.getByRole("combobox", { name: "Where to" }).waitFor();
      await page.keyboard.type(text);
      for (let step = 0; step < downs; step += 1) await page.keyboard.press("ArrowDown");
    };
    await page.goto(home());
    await jump("alert");
    await page.getByRole("option", { name: "Alerts", selected: true }).waitFor();
    assert.equal((await barriers(page)).join("\n"), "");
    const chosen = await page.getByRole("combobox", { name: "Where to" }).getAttribute("aria-activedescendant");
    assert.equal(await page.locator(`#${chosen}`).innerText(), "Alerts");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/alerts$/);
    await jump("becker");
    await page.getByRole("option", { name: "Leads with “becker”", selected: true }).waitFor();
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/logs\?text=becker$/);
    await row(page, "Tom Becker").waitFor();
    await jump("cove", 1);
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/accounts\?text=cove$/);
    await jump("becker");
    assert.equal(await page.getByRole("option", { name: /^Leads/ }).count(), 0, "there is no account to look in");
    await page.keyboard.press("Escape");
    await page.getByRole("dialog", { name: "Jump to" }).waitFor({ state: "hidden" });
    await page.getByRole("button", { name: "Jump to…" }).click();
    await page.getByRole("dialog", { name: "Jump to" }).waitFor();
  });
  await stage.browser.page(t, { as: manager() }, async (page) => {
    await page.goto(home());
    await page.keyboard.press("Control+k");
    await page.keyboard.type("cove");
    const places = page.getByRole("dialog", { name: "Jump to" }).getByRole("option");
    await places.first().waitFor();
    assert.deepEqual(await places.allInnerTexts(), ["Leads with “cove”"]);
  });
});

test("swap: a filter exchanges the list only, keeps the focus, and says what came", async (t) => {
  await stage.browser.page(t, { as: manager() }, async (page) => {
    await page.goto(`${home()}/logs`);
    await page.evaluate(() => { globalThis.same = true; });
    await page.getByRole("searchbox").fill("becker");
    await page.getByRole("searchbox").press("Enter");
    await page.waitForURL(/text=becker/);
    await page.getByRole("status").getByText("Logs: 1 row").waitFor();
    assert.ok(await page.getByRole("searchbox").evaluate((input) => input === document.activeElement));
    await page.getByRole("navigation", { name: "Outcomes" }).getByRole("link").first().click();
    await page.waitForFunction(() => document.activeElement?.matches("nav [aria-current]"));
    assert.ok(await page.evaluate(() => globalThis.same), "the whole page was loaded");
    // The theme comes back to where one is now.
    const here = url(page).search;
    await page.keyboard.press("t");
    await page.waitForFunction(() => document.documentElement.dataset.theme === "dark" && !globalThis.same);
    assert.equal(url(page).search, here);
  });
});

test("swap: a period of the overview, and a session that is over", async (t) => {
  await stage.browser.page(t, { as: manager() }, async (page) => {
    await page.goto(home());
    await page.evaluate(() => { globalThis.same = true; });
    await page.getByRole("navigation", { name: "Time" }).getByRole("link").first().click();
    await page.waitForURL(/period=/);
    await page.waitForFunction(() => document.activeElement?.matches("nav[aria-label=Time] [aria-current]"));
    assert.ok(await page.evaluate(() => globalThis.same));
    await page.context().clearCookies();
    await page.getByRole("navigation", { name: "Time" }).getByRole("link").last().click();
    await page.waitForURL(/sign-in/);
    assert.equal(await page.getByRole("navigation", { name: "Main" }).count(), 0);
  });
});

test("time: the exact one is shown for the row in hand, and on a lead's timeline", async (t) => {
  const shown = (time) => time.evaluate((time) => getComputedStyle(time, "::after").content);
  await stage.browser.page(t, { as: manager() }, async (page) => {
    await page.goto(`${home()}/logs`);
    const time = page.locator("[data-row] time").first();
    assert.equal(await shown(time), "none");
    await page.keyboard.press("j");
    assert.equal(await shown(time), `"${await time.getAttribute("title")}"`);
    await page.goto(`${home()}/logs/${stage.made.retrying}`);
    const step = page.locator(".timeline time").first();
    await step.focus();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Shift+Tab");
    assert.equal(await shown(step), `"${await step.getAttribute("title")}"`);
  });
});

test("copy: without scripts no button pretends to copy", async (t) => {
  await stage.browser.page(t, { as: manager(), javaScript: false }, async (page) => {
    await page.goto(`${home()}/logs`);
    assert.ok(await page.getByText("The same from the terminal:").isVisible());
    assert.equal(await page.getByRole("button", { name: /^Copy/ }).count(), 0);
    assert.equal(await page.getByRole("button", { name: "Jump to…" }).count(), 0);
  });
});
