-- Who connected an account, where connecting leads to, and an ending that sends first what waits.
ALTER TABLE connections
  ADD COLUMN ends_since bigint,                         -- when somebody asked for the end; null: it stays
  ADD COLUMN agreed     text COLLATE "C";               -- JSON: who connected it, how and when; null: nobody noted it
ALTER TABLE tickets
  ADD COLUMN asked text COLLATE "C",                    -- JSON: who made the link, how and when; null: nobody noted it
  ADD COLUMN back  text COLLATE "C";                    -- the screen that its bearer goes on to; null: to the set-up
