// Whether browser and driver get along at all, before anything else is blamed.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";

import { launch } from "./browser.mjs";

test("chromium and playwright-core get along", async (t) => {
  const browser = await launch();
  try {
    const { version } = createRequire(import.meta.url)("playwright-core/package.json");
    t.diagnostic(`chromium ${browser.version()}, playwright-core ${version}, node ${process.version}`);
    const page = await browser.newPage();
    await page.setContent("<title>Here</title><h1>Here</h1>");
    assert.equal(await page.title(), "Here");
  } finally {
    await browser.close();
  }
});
