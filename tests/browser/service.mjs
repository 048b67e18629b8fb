// The service and a HubSpot simulator as real processes with a fresh data folder, and what a test does to them:
// everything enters by the command line, by signed events, or by the simulator's own switches.

import { execFile, spawn } from "node:child_process";
import { createHmac, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const PROJECT = path.resolve(fileURLToPath(new URL("../..", import.meta.url)));

/** The first start compiles the stock transformations, which takes an unoptimised binary a while. */
const START_MS = 60_000;
/** Every lead that nothing holds up is done long before this. */
const PATIENCE_MS = 30_000;
const POLL_MS = 50;
/** HubSpot's name for the type. */
const CONTACT = "0-1";
/** Longer than a drain, which ends at once when nothing is under way. */
const END_MS = 15_000;

export function binary() {
  const named = process.env.LEADLINE_BIN;
  const found = named ?? ["release", "debug"].map((kind) => path.join(PROJECT, "target", kind, "leadline")).find(existsSync);
  if (!found || !existsSync(found)) throw new Error("there is no leadline to test: run `make build`, or set LEADLINE_BIN");
  return found;
}

/**
 * Starts both. `portals` are those of `leadline hubspot sim --portal`, such as `ready=Ocean Honda`; `settings` are more of the
 * service, as variables, or what makes them of its address.
 */
export async function start({ portals = ["ready=Ocean Honda"], settings = {} } = {}) {
  const service = new Service(await mkdtemp(path.join(tmpdir(), "leadline-browser-")));
  try {
    await service.begin(portals, settings);
  } catch (error) {
    await service.stop();
    throw error;
  }
  return service;
}

class Service {
  #children = [];

  constructor(folder) {
    this.folder = folder;
  }

  async begin(portals, settings) {
    const port = await freePort();
    // HubSpot's rule, which the simulator keeps: without TLS it redirects to `localhost` only.
    this.url = `http://localhost:${port}`;
    const simulator = ["hubspot", "sim", "--json", "--listen", "127.0.0.1:0", "--rate-limit", "0"];
    simulator.push("--redirect-url", `${this.url}/oauth/callback`, ...portals.flatMap((portal) => ["--portal", portal]));
    const { data } = JSON.parse(await this.#spawn("simulator", simulator));
    this.simulator = data.url;
    this.portals = data.portals;
    this.settings = {
      LEADLINE_DATA: path.join(this.folder, "data"),
      LEADLINE_HUBSPOT_URL: data.url,
      LEADLINE_HUBSPOT_APP_URL: data.url,
      LEADLINE_HUBSPOT_CLIENT_ID: data.client_id,
      LEADLINE_HUBSPOT_CLIENT_SECRET: data.client_secret,
      LEADLINE_PUBLIC_URL: this.url,
      ...(typeof settings === "function" ? settings(this.url) : settings),
    };
    this.serve = ["serve", "--listen", `127.0.0.1:${port}`, "--drain-seconds", "5"];
    await this.#spawn("service", this.serve);
  }

  /** Ends the service, and starts it once more on the same data and at the same address. */
  async restart() {
    const { child, ended } = this.#children.pop();
    child.kill("SIGTERM");
    await within(END_MS, ended, "the service does not end");
    await this.#spawn("service", this.serve);
  }

  /** Starts a process, and waits for its first line. What it logs is kept in the folder. */
  async #spawn(name, args) {
    const log = await open(path.join(this.folder, `${name}.log`), "w");
    const child = spawn(binary(), args, { env: this.#environment(), stdio: ["ignore", "pipe", log.fd] });
    await log.close();
    const ended = new Promise((resolve) => child.once("exit", resolve));
    // Whatever ends the tests ends what they began.
    process.once("exit", () => child.exitCode ?? child.kill("SIGKILL"));
    this.#children.push({ child, ended });
    let said = "";
    child.stdout.setEncoding("utf8");
    const begun = new Promise((resolve, reject) => {
      child.stdout.on("data", (text) => {
        said += text;
        if (said.includes("\n")) resolve(said);
      });
      child.once("error", reject);
      ended.then((code) => reject(new Error(`the ${name} ended with ${code} before it began: see ${name}.log`)));
    });
    return within(START_MS, begun, `the ${name} does not begin`);
  }

  #environment() {
    // Nothing of whoever runs the tests gets in.
    const own = Object.entries(process.env).filter(([name]) => !name.startsWith("LEADLINE_"));
    return { ...Object.fromEntries(own), ...this.settings };
  }

  /** Ends both, in the reverse order, and forgets everything. */
  async stop() {
    for (const { child, ended } of this.#children.reverse()) {
      if (child.exitCode === null) child.kill("SIGTERM");
      await within(END_MS, ended, "a process does not end").catch(() => child.kill("SIGKILL"));
    }
    await rm(this.folder, { recursive: true, force: true });
  }

  /** What a command prints. */
  async print(...args) {
    const { stdout } = await promisify(execFile)(binary(), args, { env: this.#environment() });
    return stdout;
  }

  /** What a command answers with `--json`. */
  async cli(...args) {
    const { stdout } = await promisify(execFile)(binary(), [...args, "--json"], { env: this.#environment(), maxBuffer: 64 << 20 });
    return JSON.parse(stdout).data;
  }

  async account(name) {
    return this.cli("account", "create", name);
  }

  /** Connects by the token of a private app; the portal is named as it was made. */
  async connect(account, portal) {
    const file = path.join(this.folder, "token");
    await writeFile(file, this.portal(portal).token);
    return this.cli("connection", "connect", "--account", account.slug, "--token-file", file);
  }

  async source(account, ...args) {
    return this.cli("source", "create", "--account", account.slug, ...args);
  }

  /** An account with its portal and its source, ready for leads. */
  async dealership(name, portal = name) {
    const account = await this.account(name);
    await this.connect(account, portal);
    return { account, source: await this.source(account) };
  }

  /** A link that signs somebody in, once. Without an account it is for somebody of the house. */
  async link({ account, role, name = "Robin Vale" }) {
    const reach = account ? ["--account", account.slug] : [];
    return (await this.cli("access", "link", ...reach, "--role", role, "--for", name)).link;
  }

  /** A link that shows the dashboard in a frame, to whoever has the token of the API. */
  async frameLink({ account, role, token }) {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const body = JSON.stringify({ account: account.slug, name: "Robin Vale", role, embedded: true });
    const answer = await fetch(`${this.url}/v1/sign-in-links`, { method: "POST", headers, body });
    if (!answer.ok) throw new Error(`no link: ${await answer.text()}`);
    return this.url + new URL((await answer.json()).data.link).pathname;
  }

  /** Signs as Standard Webhooks says, and posts. Answers with the status and what the service said. */
  async post(source, event, { id = `msg_${randomUUID()}`, secret = source.secret } = {}) {
    const body = JSON.stringify(event);
    const at = Math.floor(Date.now() / 1000);
    const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
    const signature = createHmac("sha256", key).update(`${id}.${at}.${body}`).digest("base64");
    const headers = {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": String(at),
      "webhook-signature": `v1,${signature}`,
    };
    const answer = await fetch(`${this.url}/v1/sources/${source.id}/events`, { method: "POST", headers, body });
    return { status: answer.status, ...(await answer.json()) };
  }

  /** Posts a lead that has to be taken in; its event id. */
  async send(source, data, options) {
    const said = await this.post(source, lead(data), options);
    if (said.status !== 202) throw new Error(`the lead is not taken in: ${JSON.stringify(said)}`);
    return said.event_id;
  }

  /** Waits until the event has one of these fates, in the words of `leadline event list`. */
  async until(event, ...fates) {
    return eventually(`${event} is not ${fates.join(" or ")}`, async () => {
      const shown = await this.cli("event", "show", event);
      return fates.includes(fate(shown.event)) ? shown : undefined;
    });
  }

  portal(name) {
    const found = this.portals.find((portal) => portal.name === name);
    if (!found) throw new Error(`the simulator has no portal ${name}`);
    return found;
  }

  async #sim(method, address, body) {
    const answer = await fetch(`${this.simulator}/_sim/${address}`, { method, body: body && JSON.stringify(body) });
    const said = await answer.json();
    if (!answer.ok) throw new Error(`the simulator refuses ${address}: ${JSON.stringify(said)}`);
    return said;
  }

  /** From now on calls that match go wrong, such as `{ match: { path: "/batch/upsert" }, then: { status: 503 } }`. */
  async fault(fault) {
    await this.#sim("POST", "faults", fault);
  }

  async mend() {
    await this.#sim("DELETE", "faults");
  }

  /** What people do in their portal, such as `{ act: "archive_property", … }`. */
  async act(portal, act) {
    return this.#sim("POST", `acts?portal=${this.portal(portal).id}`, act);
  }

  async records(portal, kind = CONTACT) {
    return (await this.#sim("GET", `records/${kind}?portal=${this.portal(portal).id}`)).records;
  }

  async calls(portal) {
    return this.#sim("GET", `calls?portal=${this.portal(portal).id}`);
  }
}

/** An event of a lead; what is not given is ordinary. */
export function lead(data = {}) {
  const id = `lead_${randomUUID().slice(0, 8)}`;
  const ordinary = {
    id,
    name: "Maya Lind",
    email: `${id}@example.com`,
    phone: "+1 305 555 0142",
    priority: "high",
    origin: "chat_widget",
    vehicle: { make: "Honda", model: "Accord", year: 2026, trim: "Touring" },
    notes: [{ at: new Date().toISOString(), text: "Is the Accord there in black?" }],
    dealership: { name: "Ocean Honda", slug: "ocean-honda" },
  };
  return { type: "lead.captured.v1", timestamp: new Date().toISOString(), data: { ...ordinary, ...data } };
}

/** The event of a folder of `examples/`. */
export async function example(name) {
  return JSON.parse(await readFile(path.join(PROJECT, "examples", name, "event.json"), "utf8"));
}

/** What became of an event: of its newest delivery, once it is planned. */
function fate(event) {
  return event.delivery ?? event.state;
}

/** Asks again and again until the answer is there; `what` says what is wrong when it never is. */
export async function eventually(what, ask, patience = PATIENCE_MS) {
  const end = Date.now() + patience;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > end) throw new Error(`${what}, after ${patience} ms`);
    await sleep(POLL_MS);
  }
}

async function within(limit, promise, what) {
  const timer = new AbortController();
  const late = sleep(limit, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`${what} within ${limit} ms`);
  });
  late.catch(() => {});
  return Promise.race([promise, late]).finally(() => timer.abort());
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
