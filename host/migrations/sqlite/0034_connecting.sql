-- Who connected an account, where connecting leads to, and an ending that sends first what waits.
ALTER TABLE connections ADD COLUMN ends_since integer;  -- when somebody asked for the end; null: it stays
ALTER TABLE connections ADD COLUMN agreed text;         -- JSON: who connected it, how and when; null: nobody noted it
ALTER TABLE tickets ADD COLUMN asked text;              -- JSON: who made the link, how and when; null: nobody noted it
ALTER TABLE tickets ADD COLUMN back text;               -- the screen that its bearer goes on to; null: to the set-up
