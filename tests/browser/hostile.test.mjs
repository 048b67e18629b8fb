// What shoppers type is text, wherever it is shown: it runs nothing, bends no layout, and loses no letter.

import assert from "node:assert/strict";
import { test } from "node:test";

import { barriers, overflow, scene, unfold } from "./browser.mjs";

/** Sets a mark where a text became code; no page has it. */
const CODE = "globalThis.hostile=true";
const HOSTILE = {
  image: `<img src=x onerror="${CODE}">`,
  script: `<script>${CODE}</script>`,
  attribute: `" autofocus onfocus="${CODE}" x="`,
  template: `{{ 7 * 7 }}\${7*7}</title></textarea><svg onload=${CODE}>`,
  "right to left": "\u202eמיה לינד\u202c محمد العلي",
  "300 letters": "W".repeat(300),
  "300 words": "Ana ".repeat(75).trim(),
  emoji: "Priya 👩🏽‍🔧🚗 Raman",
};

const stage = scene({ portals: ["ready=Ocean Honda"] }, async (scene) => {
  const { service } = scene;
  scene.dealership = await service.dealership("Ocean Honda");
  scene.events = {};
  for (const [kind, text] of Object.entries(HOSTILE)) {
    const email = `${kind.replaceAll(" ", ".")}@example.com`;
    const vehicle = { make: text.slice(0, 200), model: "Accord", year: 2026 };
    const notes = [{ at: "2026-11-23T08:00:00Z", text }];
    const data = { name: text, email, vehicle, notes, dealership: { name: text, slug: "ocean-honda" } };
    scene.events[kind] = await service.send(scene.dealership.source, data);
  }
  for (const event of Object.values(scene.events)) await service.until(event, "delivered", "failed", "blocked");
});

const manager = () => ({ account: stage.dealership.account, role: "manager" });
const home = () => `/accounts/${stage.dealership.account.slug}`;

/** As a browser shows it: spaces are folded. */
const shown = (text) => text.replaceAll(/\s+/g, " ").trim();

for (const [kind, text] of Object.entries(HOSTILE)) {
  test(`hostile text on a lead's page: ${kind}`, async (t) => {
    await stage.browser.page(t, { as: manager() }, async (page) => {
      await page.goto(`${home()}/logs/${stage.events[kind]}`);
      assert.equal(shown(await page.getByRole("heading", { level: 1 }).innerText()), shown(text));
      assert.equal(shown(await page.title()), `${shown(text)} · Leadline`);
      await unfold(page);
      await harmless(page);
    });
  });
}

for (const [name, path] of [["logs", "/logs"], ["overview", ""]]) {
  test(`hostile text in ${name}`, async (t) => {
    await stage.browser.page(t, { as: manager() }, async (page) => {
      await page.goto(`${home()}${path}`);
      const people = (await page.getByRole("row").getByRole("link").allInnerTexts()).map(shown);
      const newest = Object.values(HOSTILE).slice(path === "" ? -5 : 0);
      for (const text of newest) assert.ok(people.includes(shown(text)), `nobody is called ${text} among ${people}`);
      await harmless(page);
    });
  });
}

test("hostile text in a search is given back as it was typed", async (t) => {
  await stage.browser.page(t, { as: manager() }, async (page) => {
    await page.goto(`${home()}/logs`);
    const search = page.getByRole("searchbox");
    await search.fill(HOSTILE.attribute);
    await search.press("Enter");
    await page.waitForURL(/text=/);
    assert.equal(await page.getByRole("searchbox").inputValue(), HOSTILE.attribute);
    await harmless(page);
  });
});

async function harmless(page) {
  assert.equal(await page.evaluate(() => globalThis.hostile), undefined, "a text ran as code");
  assert.deepEqual(await page.locator("img[src=x], main script, [onerror], [onfocus], [onload]").all(), []);
  for (const width of [1280, 390, 320]) {
    await page.setViewportSize({ width, height: 900 });
    assert.equal((await overflow(page)).join("\n"), "", `something sticks out at ${width}`);
  }
  assert.equal((await barriers(page)).join("\n"), "");
}
