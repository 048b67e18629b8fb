// The dashboard in a frame of another product, on another site: it shows, tells how high it is, says when it is over, and
// opens HubSpot's consent in a window of its own.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, test } from "node:test";

import { scene } from "./browser.mjs";

const TOKEN = "frame-test-token-0123456789abcdef";
const PORTAL = "Ocean Honda";
/** Where a frame begins whose account is not connected yet. */
const BEGINNING = "Connectors";

/** A page that shows a frame, and notes what it is told. For a browser `127.0.0.1` and `localhost` are two sites. */
const PAGE = `<!doctype html><title>Product</title><h1>Product</h1><iframe title="Leads" width="900" height="500"></iframe>
<script>
  const frame = document.querySelector("iframe");
  const query = new URLSearchParams(location.search);
  window.told = [];
  addEventListener("message", (event) => {
    if (event.source === frame.contentWindow) told.push({ origin: event.origin, ...event.data });
  });
  frame.src = query.get("frame");
</script>`;

async function product() {
  const server = createServer((_, response) => response.setHeader("content-type", "text/html").end(PAGE));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => server.close());
  return `http://127.0.0.1:${server.address().port}`;
}

const listed = await product();
const stranger = await product();

const stage = scene(
  {
    portals: [`ready=${PORTAL}`],
    // Cookies of a frame are for https only; of its own machine a browser takes them over http too.
    settings: (url) => ({
      LEADLINE_PUBLIC_URL: url.replace("http:", "https:"),
      LEADLINE_FRAME_ANCESTORS: listed,
      LEADLINE_API_TOKEN: TOKEN,
    }),
  },
  async (scene) => {
    scene.account = await scene.service.account(PORTAL);
  },
);

const link = (query = "") =>
  stage.service.frameLink({ account: stage.account, role: "manager", token: TOKEN }).then((link) => `${link}${query}`);
const home = () => `/accounts/${stage.account.slug}`;
const around = (origin, frame) => `${origin}/?${new URLSearchParams({ frame })}`;
const leads = (page) => page.frameLocator("iframe[title=Leads]");
const inner = (page) => page.frames().find((frame) => frame !== page.mainFrame());
const also = [listed, stranger];

test("frame: it shows, looks as its product does, and tells its height to that one", async (t) => {
  await stage.browser.page(t, { also }, async (page) => {
    await page.goto(around(listed, await link("?theme=dark")));
    await leads(page).getByRole("heading", { level: 1, name: BEGINNING }).waitFor();
    assert.equal(await leads(page).locator("html").getAttribute("data-theme"), "dark");
    const told = await page.waitForFunction(() => window.told.at(-1)).then((handle) => handle.jsonValue());
    assert.deepEqual({ ...told, height: 0 }, { origin: stage.service.url, type: "leadline:height", height: 0 });
    const height = () => inner(page).evaluate(() => Math.ceil(document.body.getBoundingClientRect().height));
    assert.equal(await page.evaluate(() => window.told.at(-1).height), await height());
    // As high as it asks for it needs no scrolling, narrower it is higher.
    await page.evaluate((height) => { document.querySelector("iframe").height = height; }, told.height);
    assert.ok(await inner(page).evaluate(() => document.documentElement.scrollHeight <= innerHeight), "it scrolls");
    await page.evaluate(() => { document.querySelector("iframe").width = 360; });
    await page.waitForFunction((before) => window.told.at(-1).height > before, told.height);
    assert.equal(await page.evaluate(() => window.told.at(-1).height), await height());
    await leads(page).getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Logs" }).click();
    await leads(page).getByRole("heading", { level: 1, name: "Logs" }).waitFor();
    assert.equal(await leads(page).locator("html").getAttribute("data-theme"), "dark");
  });
});

test("frame: a page that is not there, and a session that is over, say so", async (t) => {
  const expected = [/responded with a status of 404/];
  await stage.browser.page(t, { also, expected }, async (page) => {
    await page.goto(around(listed, await link()));
    await leads(page).getByRole("heading", { level: 1, name: BEGINNING }).waitFor();
    await inner(page).goto(`${stage.service.url}${home()}/logs/nothing`);
    await leads(page).getByText("To the beginning").waitFor();
    await page.context().clearCookies();
    await inner(page).goto(`${stage.service.url}${home()}/logs`);
    await leads(page).getByRole("heading", { level: 1, name: "You are signed out" }).waitFor();
    await leads(page).getByText("Load the whole page again.").waitFor();
  });
});

test("frame: nobody shows it who is not listed", async (t) => {
  const expected = [/frame-ancestors|ERR_BLOCKED_BY_RESPONSE/];
  await stage.browser.page(t, { also, expected }, async (page) => {
    await page.goto(around(stranger, await link()));
    await page.waitForFunction(() => document.readyState === "complete");
    assert.equal(await leads(page).getByRole("heading", { level: 1, name: BEGINNING }).count(), 0);
    assert.deepEqual(await page.evaluate(() => window.told), []);
  });
});

test("frame: consent opens a window of its own, and the frame looks again afterwards", async (t) => {
  await stage.browser.page(t, { also }, async (page) => {
    await page.goto(around(listed, await link()));
    await leads(page).getByRole("heading", { level: 1, name: BEGINNING }).waitFor();
    const opens = page.context().waitForEvent("page");
    await leads(page).getByRole("button", { name: "Connect to HubSpot" }).click();
    const window = await opens;
    await window.getByRole("heading", { level: 1, name: `Connect ${PORTAL} to HubSpot` }).waitFor();
    assert.equal(await window.evaluate(() => globalThis.opener), null);
    const again = leads(page).getByRole("link", { name: "Go on to HubSpot" });
    await again.waitFor();
    assert.equal(await again.getAttribute("target"), "_blank");
    await stage.service.connect(stage.account, PORTAL);
    await window.close();
    await leads(page).getByRole("region", { name: "HubSpot CRM" }).getByText("Connected", { exact: true }).first().waitFor();
  });
});

test("frame: without scripts the way to consent is a link", async (t) => {
  await stage.browser.page(t, { also, javaScript: false }, async (page) => {
    // Nothing around it without scripts; the session is what makes it a frame's.
    await page.goto(await link());
    await page.goto(`${home()}/connectors`);
    await page.getByRole("button", { name: /Re-authorize|Connect to HubSpot/ }).click();
    await page.getByRole("link", { name: "I have connected: look again" }).waitFor();
    assert.equal(await page.getByRole("link", { name: "Go on to HubSpot" }).getAttribute("target"), "_blank");
  });
});
