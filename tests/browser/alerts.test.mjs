// People are told by mail: a link to sign in, a rule and its test, something that goes wrong; and what the screens of it look
// like in their states.

import assert from "node:assert/strict";
import { createServer } from "node:net";
import { after, before, test } from "node:test";

import { barriers, overflow, scene, shoot } from "./browser.mjs";
import { eventually } from "./service.mjs";

const PORTALS = ["ready=Ocean Honda"];

/** A mail server on this machine that keeps what it takes. */
class MailServer {
  letters = [];
  refuses = false;

  async start() {
    this.server = createServer((socket) => this.#converse(socket));
    await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return `smtp://127.0.0.1:${this.server.address().port}`;
  }

  #converse(socket) {
    let read = "";
    let letter;
    const say = (line) => socket.write(`${line}\r\n`);
    socket.setEncoding("utf8");
    socket.on("error", () => {});
    say("220 mail.example.com");
    socket.on("data", (text) => {
      read += text;
      for (let end = read.indexOf("\r\n"); end >= 0; end = read.indexOf("\r\n")) {
        const line = read.slice(0, end);
        read = read.slice(end + 2);
        if (letter?.lines) {
          if (line !== ".") letter.lines.push(line);
          else {
            this.letters.push({ to: letter.to, raw: letter.lines.join("\r\n").replaceAll("=\r\n", "").replaceAll("=3D", "=") });
            letter = undefined;
            say("250 taken");
          }
          continue;
        }
        if (line.startsWith("EHLO")) say("250 mail.example.com");
        else if (line.startsWith("RCPT") && this.refuses) say("550 no such mailbox");
        else if (line.startsWith("RCPT")) {
          letter = { to: line.match(/<(.*)>/)[1] };
          say("250 ok");
        } else if (line === "DATA") {
          letter.lines = [];
          say("354 go on");
        } else if (line === "QUIT") socket.end("221 bye\r\n");
        else say("250 ok");
      }
    });
  }

  /** Waits for a letter of this subject, and takes it. */
  async take(subject) {
    return eventually(`no letter says ${subject}`, () => {
      const at = this.letters.findIndex(({ raw }) => raw.includes(`Subject: ${subject}`));
      return at >= 0 && this.letters.splice(at, 1)[0];
    });
  }

  stop() {
    this.server.close();
  }
}

const mail = new MailServer();
const options = { portals: PORTALS, settings: { LEADLINE_MAIL_FROM: "Leadline <leads@example.com>" } };
before(async () => {
  options.settings.LEADLINE_MAIL_URL = await mail.start();
});
const stage = scene(options, async (scene) => {
  scene.made = await scene.service.dealership("Ocean Honda");
});
after(() => mail.stop());

const manager = () => ({ account: stage.made.account, role: "manager" });
const at = (screen) => `/accounts/${stage.made.account.slug}/${screen}`;

/** Looks at a screen in light and dark, wide and narrow. */
async function look(t, name, as, where, prepare = async () => {}) {
  for (const [scheme, width] of [["light", 1280], ["light", 390], ["dark", 1280], ["dark", 390]]) {
    await stage.browser.page(t, { as, scheme, width, traced: false }, async (page) => {
      await page.goto(where);
      await prepare(page);
      await shoot(page, `${name}-${scheme}-${width}`);
      assert.deepEqual(await overflow(page), []);
      // Colours hang on the scheme and layout on the width: each once is enough.
      if ((scheme === "light") === (width === 1280)) assert.deepEqual(await barriers(page), []);
    });
  }
}

test("somebody is let in, asks for a link, and signs in with it", async (t) => {
  await stage.browser.page(t, { as: manager() }, async (page) => {
    await page.goto(at("settings"));
    const people = page.getByRole("region", { name: "People" });
    await people.getByLabel("Name").fill("Maya Lind");
    await people.getByLabel("E-mail").fill("maya@example.com");
    await people.getByRole("button", { name: "Let them in" }).click();
    await page.getByText("A link is on its way to them.").waitFor();
  });
  await mail.take("You may sign in to Ocean Honda on Leadline");
  await look(t, "sign in, by mail", undefined, "/sign-in");
  await stage.browser.page(t, { javaScript: false }, async (page) => {
    await page.goto(at("logs"));
    await page.getByLabel("Your e-mail address").fill("maya@example.com");
    await page.getByRole("button", { name: "Send me a link" }).click();
    await page.getByRole("heading", { name: "Look into your mail" }).waitFor();
    const { raw } = await mail.take("Sign in to Leadline");
    await page.goto(raw.match(/http:\/\/localhost:\d+\/sign-in\/\S+/)[0]);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL(`**${at("logs")}`);
  });
});

test("three rules suit almost everybody; a test arrives, and what did not is told", async (t) => {
  await look(t, "alerts, empty", manager(), at("alerts"));
  await stage.browser.page(t, { as: manager() }, async (page) => {
    await page.goto(at("alerts"));
    await page.getByLabel("By mail to", { exact: true }).fill("maya@example.com");
    await page.getByRole("button", { name: "Turn these on" }).click();
    const rules = page.getByRole("region", { name: "Rules" });
    await rules.getByText("A lead failed").first().waitFor();
    await page.getByRole("radio", { name: "something stands in the way of leads" }).check();
    await page.getByLabel("Addresses").fill("maya@example.com");
    await page.getByLabel("Quiet from").fill("22:00");
    await page.getByLabel("Quiet until").fill("06:00");
    await page.getByRole("button", { name: "Make the rule" }).click();
    await rules.getByText("not from 22:00 to 06:00").waitFor();
    await page.getByRole("button", { name: /^Test ?: HubSpot has to be connected again/ }).click();
    await mail.take("Ocean Honda: A test of your alerts");
    mail.refuses = true;
    await page.getByRole("button", { name: /^Test ?: A lead failed/ }).click();
    await eventually("nobody is told that it did not arrive", async () => {
      await page.goto(at("alerts"));
      return rules.getByText("the last message did not arrive").isVisible();
    });
    mail.refuses = false;
    await page.getByRole("link", { name: /^Change ?: A lead failed/ }).click();
    await page.getByRole("radio", { name: "a lead has waited more than" }).check();
    await page.getByLabel("Minutes", { exact: true }).fill("30");
    await page.getByRole("button", { name: "Change it" }).click();
    await rules.getByText("A lead has waited more than 30 minutes").first().waitFor();
  });
  await look(t, "alerts, some", manager(), at("alerts"));
  await look(t, "alerts, for a viewer", { account: stage.made.account, role: "viewer" }, at("alerts"));
});

test("the week as a letter is a page of tables", async (t) => {
  await stage.service.until(await stage.service.send(stage.made.source, { name: "Ana Silva" }), "delivered");
  const html = await stage.service.print("digest", "--account", stage.made.account.slug, "--html");
  for (const width of [1280, 390]) {
    await stage.browser.page(t, { width }, async (page) => {
      await page.setContent(html);
      await shoot(page, `weekly letter-${width}`);
      assert.deepEqual(await overflow(page), []);
    });
  }
});
