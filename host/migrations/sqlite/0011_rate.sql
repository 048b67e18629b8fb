-- How many events a second a source may send: one that runs wild is slowed down before it costs the others anything.

ALTER TABLE sources ADD COLUMN rate integer NOT NULL DEFAULT 500; -- 0: no limit
