// The same transformation as in `rust-plain`. Types of the contract reach JavaScript so: a record is an object, a variant
// `{ tag, val }`, an s64 or u64 a BigInt, an absent value undefined. What `transform` throws is its refusal.

const FIELDS = {
  callback_minutes: {
    title: 'Minutes until the call',
    description: 'By when a lead is to be called back, counted from its arrival.',
    type: 'integer',
    minimum: 1,
    maximum: 10080,
    default: 30,
  },
  vip_from: {
    title: 'Budget of a VIP',
    description: 'From this budget on, in whole units of its currency, a lead has a high priority.',
    type: 'integer',
    minimum: 1,
  },
};

export function describe() {
  return {
    name: 'callback',
    summary: 'Says by when to call back.',
    eventTypes: ['lead.captured.v1'],
    settingsSchema: JSON.stringify({ type: 'object', additionalProperties: false, properties: FIELDS }),
    properties: [],
  };
}

export function transform(event, settingsJson) {
  const settings = JSON.parse(settingsJson);
  if (event.payload.tag !== 'lead-captured') {
    throw { tag: 'skip', val: 'only a lead is called back' };
  }
  const lead = event.payload.val;
  if (lead.email === undefined) {
    throw { tag: 'skip', val: 'without an e-mail address nobody is found again' };
  }
  const budget = lead.budget?.max ?? lead.budget?.min;
  const isVip = budget !== undefined && settings.vip_from !== undefined && budget >= BigInt(settings.vip_from);

  const properties = [{ name: 'email', value: lead.email, policy: 'on-create' }];
  // An empty value would clear what the CRM holds, and is refused.
  if (lead.name) properties.push({ name: 'firstname', value: lead.name, policy: 'if-empty' });
  if (lead.phone) properties.push({ name: 'phone', value: lead.phone, policy: 'if-empty' });
  if (isVip) properties.push({ name: 'lead_priority', value: 'high', policy: 'always' });

  // There is no clock here but the time of the event.
  const by = new Date(Number(event.occurredAt) + (settings.callback_minutes ?? 30) * 60_000);
  const minute = `${by.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  return [
    { tag: 'upsert-contact', val: { key: { tag: 'email', val: lead.email }, properties } },
    {
      tag: 'add-note',
      val: { body: `${isVip ? 'VIP. ' : ''}Call back by ${minute}.`, at: event.occurredAt, about: [0] },
    },
  ];
}
