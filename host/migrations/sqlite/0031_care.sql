-- What people do about an issue while it is open: who saw it, and who wants no more of it for now.
ALTER TABLE causes ADD COLUMN seen_by text;             -- null: nobody has acknowledged it
ALTER TABLE causes ADD COLUMN seen_at integer;
ALTER TABLE causes ADD COLUMN muted_by text;            -- null: it is not muted
ALTER TABLE causes ADD COLUMN muted_at integer;
ALTER TABLE causes ADD COLUMN muted_until integer;      -- null: until it concerns more leads than these
ALTER TABLE causes ADD COLUMN muted_leads integer NOT NULL DEFAULT 0;
ALTER TABLE causes ADD COLUMN released integer NOT NULL DEFAULT 0; -- leads that went on by themselves, once it was mended

-- Issues that are over. A cause that comes back is another issue.
CREATE TABLE past_causes (
  account_id text    NOT NULL,
  id         text    NOT NULL,
  problem    text    NOT NULL,                  -- JSON: as it was first seen
  first_at   integer NOT NULL,
  over_at    integer NOT NULL,
  released   integer NOT NULL,
  PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX past_causes_by_time ON past_causes (account_id, over_at);

-- What people say about an issue. It stays as long as the issue is remembered.
CREATE TABLE cause_comments (
  account_id text    NOT NULL,
  cause_id   text    NOT NULL,
  number     integer NOT NULL,                  -- 1, 2, …
  at         integer NOT NULL,
  by_whom    text    NOT NULL,
  words      text    NOT NULL,
  PRIMARY KEY (account_id, cause_id, number)
) STRICT, WITHOUT ROWID;

-- The secret before, which signs beside the new one until this time.
ALTER TABLE alert_rules ADD COLUMN old_secret text NOT NULL DEFAULT '';  -- sealed; empty where there is none
ALTER TABLE alert_rules ADD COLUMN old_until integer NOT NULL DEFAULT 0;
