-- A connection that ends in a moment; until then somebody may think better of it.
ALTER TABLE connections ADD COLUMN ends_at integer;     -- null: it stays
ALTER TABLE connections ADD COLUMN ends_waiting text;   -- what becomes of the leads that wait: send, hold, discard
ALTER TABLE connections ADD COLUMN ends_from text;      -- its state before, which it gets back
