// Three dealerships that between them show most states of the screens: a busy one, one that has only just connected, and
// one that has not yet; and three more, for who looks at every state.

import path from "node:path";

import { eventually, PROJECT } from "./service.mjs";

export const PORTALS = ["ready=Ocean Honda", "bare=Bay Motors", "ready=Cove Cars"];
/** Those of `unsettle`, beside these. */
export const MORE_PORTALS = ["ready=Dune Dacia", "ready=Elm Rover", "ready=Fjord Volvo"];

/** HubSpot does not answer about this one. */
const UNREACHED = "unreached@example.com";
/** HubSpot refuses this one for good. */
const REFUSED = "refused@example.com";

export async function furnish({ service }) {
  const busy = await service.dealership("Ocean Honda");
  const fresh = await service.dealership("Bay Motors");
  const unconnected = { account: await service.account("Cove Cars") };
  const { source } = busy;

  await service.fault({ match: { body: UNREACHED }, then: { status: 503 } });
  await service.fault({ match: { body: REFUSED, method: "POST", path: "/batch/upsert" }, then: { status: 400, body: REFUSAL } });
  await service.until(await service.send(source, { name: "Maya Lind", email: "maya.lind@example.com" }), "delivered");
  const synced = await service.send(source, { name: "Maya Lind", email: "maya.lind@example.com", priority: "medium" });
  const skipped = await service.send(source, { name: null, email: null, phone: null });
  const refused = await service.send(source, { name: "Ana Silva", email: REFUSED });
  await service.until(synced, "delivered");
  await service.until(skipped, "skipped");
  await service.until(refused, "failed");

  await service.until(await service.send(source, { name: "Zoe Marsh", email: "zoe@example.com" }), "delivered");
  const erase = ["--account", busy.account.slug, "--email", "zoe@example.com", "--reason", "request 4711", "--at-hubspot", "--yes"];
  const erased = (await service.cli("privacy", "erase", ...erase)).id;

  await service.act("Ocean Honda", { act: "archive_property", object_type: "0-1", name: "vehicle_of_interest" });
  const warned = await service.send(source, { name: "李 明", email: "li.ming@example.com" });
  await service.until(warned, "delivered");

  // Nobody signed this one.
  await service.post(source, { type: "lead.captured.v1" }, { secret: `whsec_${Buffer.alloc(32, 7).toString("base64")}` });

  // Last, because it lets its lane rest. The second try comes at once, the third after five seconds.
  const retrying = await service.send(source, { name: "Tom Becker", email: UNREACHED });
  await eventually("the lead is not tried again", async () => {
    const { deliveries } = await service.cli("event", "show", retrying);
    return deliveries.at(-1)?.attempts.length >= 3;
  });
  const versions = await service.cli("transform", "list");
  return { busy, fresh, unconnected, synced, skipped, retrying, refused, warned, erased, versions };
}

/** More than a page of Logs has. */
const CROWD = 60;

/**
 * After `furnish`, whose faults go on: a dealership that HubSpot no longer lets in, with a lead that waits for that; one with
 * a lead that is still to be sent; one with many leads, which came before it was connected. And for the busy one a version
 * whose gates are closed.
 */
export async function unsettle({ service, made }) {
  const shutOut = await service.dealership("Dune Dacia");
  const sending = await service.dealership("Elm Rover");
  const crowded = { account: await service.account("Fjord Volvo") };
  const source = await service.source(crowded.account);

  await service.act("Dune Dacia", { act: "revoke_token" });
  const waiting = await service.send(shutOut.source, { name: "Ida Holm", email: "ida@example.com" });
  await service.send(sending.source, { name: "Max Frey", email: UNREACHED });
  const leads = [];
  while (leads.length < CROWD) {
    const send = (_, next) => service.send(source, { name: `Lead ${leads.length + next}` });
    leads.push(...(await Promise.all(Array.from({ length: 20 }, send))));
  }
  await service.until(leads.at(-1), "skipped");
  await service.connect(crowded.account, "Fjord Volvo");

  const component = path.join(PROJECT, "tests", "browser", "guests", "trap.wasm");
  await service.cli("transform", "upload", component, "--account", made.busy.account.slug, "--name", "trap");
  await service.until(waiting, "blocked", "held");
  return { shutOut, sending, crowded, waiting };
}

const REFUSAL = JSON.stringify({
  status: "error",
  category: "VALIDATION_ERROR",
  message: "This record cannot be written.",
  correlationId: "00000000-0000-4000-8000-000000000000",
});
