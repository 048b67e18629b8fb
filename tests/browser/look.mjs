// How a screen is looked at, whoever brings it about: in light and dark, wide and narrow.

import assert from "node:assert/strict";

import { barriers, overflow, scene, shoot, unfold } from "./browser.mjs";
import { furnish, MORE_PORTALS, PORTALS, unsettle } from "./furnished.mjs";

/**
 * Each width and each theme once. That is enough for axe, because layout hangs on the width and colours on the theme; and for
 * a state that differs from others of its screen in what it says.
 */
export const TWO_VIEWS = [["light", 1280], ["dark", 390]];
const VIEWS = [...TWO_VIEWS, ["light", 390], ["dark", 1280]];
/** The narrowest phone; only its width is looked at. */
const NARROWEST = 320;
/** A furnished service with some trouble, and a browser: what every file of screens begins with. */
export const furnished = () => scene({ portals: [...PORTALS, ...MORE_PORTALS] }, async (scene) => {
  scene.made = await furnish(scene);
  Object.assign(scene.made, await unsettle(scene));
});

export const manager = (made, which = "busy") => ({ account: made[which].account, role: "manager" });
export const operator = { role: "operator" };
export const support = { role: "support" };
export const at = (made, screen = "", which = "busy") => `/accounts/${made[which].account.slug}${screen && `/${screen}`}`;
export const stock = (made, name) => made.versions.find((version) => version.name === name).id;

/** Everything that holds for every screen. Failures are gathered, so that one run tells all of them. */
export async function look(page, name, views = VIEWS) {
  // A page that nobody sees does not exchange itself, which some would do while they are looked at.
  await page.evaluate(() => { Object.defineProperty(document, "hidden", { value: true, configurable: true }); });
  const findings = new Set();
  const title = await page.title();
  if (!/^\S.* · Leadline$/.test(title)) findings.add(`title: ${title}`);
  const headings = page.getByRole("heading", { level: 1 });
  if ((await headings.count()) !== 1 || !(await headings.first().isVisible())) findings.add("there is not one visible first heading");
  await unfold(page);
  for (const view of views) {
    const [scheme, width] = view;
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize({ width, height: 900 });
    if (TWO_VIEWS.includes(view)) for (const barrier of await barriers(page)) findings.add(`${barrier} [${scheme}]`);
    for (const wide of await overflow(page)) findings.add(`sticks out at ${width}: ${wide}`);
    await shoot(page, `${name}-${scheme}-${width}`);
  }
  await page.setViewportSize({ width: NARROWEST, height: 900 });
  for (const wide of await overflow(page)) findings.add(`sticks out at ${NARROWEST}: ${wide}`);
  assert.equal([...findings].join("\n"), "");
}
