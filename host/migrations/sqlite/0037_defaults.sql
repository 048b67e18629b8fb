-- Whether an account was given the rules that suit everybody, or somebody made one before: what is taken out stays out.
ALTER TABLE alert_turns ADD COLUMN was_suggested integer NOT NULL DEFAULT 0;
UPDATE alert_turns SET was_suggested = 1;

-- Since when a key of the ring is known, for its age: its file does not say when it was made.
CREATE TABLE ring_keys (
  id       text    NOT NULL PRIMARY KEY,
  known_at integer NOT NULL,
  is_exact integer NOT NULL                     -- 1: it was made then; 0: it was found then, and may be older
) STRICT, WITHOUT ROWID;
