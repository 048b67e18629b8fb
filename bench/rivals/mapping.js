// The mapping of the default transformation, as somebody would write it in JavaScript: less than ours does (no rules for
// particles and suffixes, no phone plans of other countries, no consent), and the same actions for the plain lead.
function transform(text) {
  const event = JSON.parse(text);
  const lead = event.data;
  const properties = [];
  const put = (name, policy, value) => { if (value) properties.push({ name, policy, value: String(value) }); };
  const email = (lead.email || "").trim().toLowerCase();
  const words = (lead.name || "").trim().split(/\s+/);
  const digits = (lead.phone || "").replace(/\D/g, "");
  const phone = digits.length === 10 ? `+1${digits}` : lead.phone;
  const vehicle = lead.vehicle || {};
  const budget = lead.budget || {};
  const money = (amount) => String(amount).replace(/\B(?=(\d{3})+$)/g, ",");
  put("email", "OnCreate", email);
  put("firstname", "IfEmpty", words[0]);
  put("lastname", "IfEmpty", words.slice(1).join(" "));
  put("phone", "IfEmpty", phone);
  put("vehicle_of_interest", "Always", [vehicle.year, vehicle.make, vehicle.model, vehicle.trim].filter(Boolean).join(" "));
  put("budget_range", "Always", budget.text || (budget.min && budget.max ? `${money(budget.min)}–${money(budget.max)} ${budget.currency}` : ""));
  put("lead_priority", "Always", lead.priority);
  put("hs_lead_status", "OnCreate", (lead.status || "").toUpperCase());
  put("lead_origin_channel", "Always", lead.origin);
  put("dealership_name", "Always", lead.dealership && lead.dealership.name);
  put("dealership_slug", "Always", lead.dealership && lead.dealership.slug);
  put("lifecyclestage", "Always", "lead");
  put("leadline_lead_id", "OnCreate", lead.id);
  const lines = (lead.notes || []).map((note) => `${note.at}  ${note.text}`);
  const body = ["Conversation", ...lines].join("\n");
  return JSON.stringify([
    { UpsertContact: { key: { Email: email }, properties } },
    { AddNote: { body, about: [0] } },
  ]);
}
