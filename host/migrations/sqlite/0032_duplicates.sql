-- Leads that may be of one person, although HubSpot has a contact for each: no e-mail address recognises them, and they
-- have the same phone number.
ALTER TABLE deliveries ADD COLUMN phone_hash text;  -- keyed; of the contact's number, where no address recognises it
ALTER TABLE deliveries ADD COLUMN duplicate text;   -- possible; null: no other is known

CREATE INDEX deliveries_by_phone ON deliveries (account_id, phone_hash) WHERE phone_hash IS NOT NULL;
CREATE INDEX deliveries_by_duplicate ON deliveries (account_id, duplicate, event_id) WHERE duplicate IS NOT NULL;
