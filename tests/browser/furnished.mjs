// Three dealerships that between them show every state of the screens: a busy one, one that has only just connected,
// and one that has not yet.

import { eventually } from "./service.mjs";

export const PORTALS = ["ready=Ocean Honda", "bare=Bay Motors", "ready=Cove Cars"];

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

const REFUSAL = JSON.stringify({
  status: "error",
  category: "VALIDATION_ERROR",
  message: "This record cannot be written.",
  correlationId: "00000000-0000-4000-8000-000000000000",
});
