-- A connection that ends in a moment; until then somebody may think better of it.
ALTER TABLE connections
  ADD COLUMN ends_at      bigint,                       -- null: it stays
  ADD COLUMN ends_waiting text COLLATE "C",             -- what becomes of the leads that wait: send, hold, discard
  ADD COLUMN ends_from    text COLLATE "C";             -- its state before, which it gets back
