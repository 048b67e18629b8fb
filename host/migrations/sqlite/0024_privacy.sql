-- What a shopper asks for: to be forgotten, and not to be written again.

-- By what an account's hashes of addresses and numbers are made. It outlives the keys of the ring, or every rotation would
-- let go of everybody who is suppressed.
CREATE TABLE subject_keys (
  account_id text    NOT NULL PRIMARY KEY,
  id         text    NOT NULL,
  secret     text    NOT NULL,                  -- sealed for subject_keys/{id}/secret
  created_at integer NOT NULL
) STRICT, WITHOUT ROWID;

-- Whom no lead may be about any more. A row is changed once, when it is lifted.
CREATE TABLE suppressions (
  account_id  text    NOT NULL,
  id          text    NOT NULL,
  kind        text    NOT NULL,                 -- email, phone
  hash        text    NOT NULL,                 -- keyed: without the account's key nobody can try addresses
  reason      text    NOT NULL,
  made_by     text    NOT NULL,
  made_at     integer NOT NULL,
  erasure_id  text,                             -- of the erasure that it came with
  lifted_by   text,
  lift_reason text,
  lifted_at   integer,
  PRIMARY KEY (account_id, id)
) STRICT;

CREATE UNIQUE INDEX suppressions_in_force ON suppressions (account_id, hash) WHERE lifted_at IS NULL;

-- Whoever plans keeps them in mind, and whoever delivers looks only where there ever was one: of a deliver lane the revision
-- counts nothing else.
CREATE TRIGGER suppressions_inserted AFTER INSERT ON suppressions BEGIN
  UPDATE lanes SET revision = revision + 1 WHERE account_id = NEW.account_id;
END;
CREATE TRIGGER suppressions_lifted AFTER UPDATE OF lifted_at ON suppressions BEGIN
  UPDATE lanes SET revision = revision + 1 WHERE account_id = NEW.account_id;
END;
CREATE TRIGGER lanes_inserted AFTER INSERT ON lanes
WHEN EXISTS (SELECT 1 FROM suppressions WHERE account_id = NEW.account_id) BEGIN
  UPDATE lanes SET revision = revision + 1 WHERE account_id = NEW.account_id AND id = NEW.id;
END;

-- One person's data that is removed: a durable job, and its certificate when it is done.
CREATE TABLE erasures (
  account_id  text    NOT NULL,
  id          text    NOT NULL,
  phase       text    NOT NULL,                 -- begun, leads, rest, hubspot, done
  subject     text    NOT NULL,                 -- sealed for erasures/{id}/subject; empty once nothing is looked for any more
  hashes      text    NOT NULL,                 -- JSON: kind and keyed hash of each address and number
  at_hubspot  integer NOT NULL,                 -- 1: HubSpot is asked for a privacy delete of the contacts that we wrote
  reason      text    NOT NULL,
  made_by     text    NOT NULL,
  created_at  integer NOT NULL,
  looked_at   text    NOT NULL,                 -- the last event that it has looked at
  last        text    NOT NULL,                 -- events up to this one are looked at; what comes later is suppressed
  tally       text    NOT NULL,                 -- JSON: how much was removed, by kind
  records     text    NOT NULL,                 -- JSON: what was written in HubSpot, and what HubSpot said
  tries       integer NOT NULL,                 -- of asking HubSpot, in vain
  next_at     integer NOT NULL,
  finished_at integer,
  PRIMARY KEY (account_id, id)
) STRICT;

CREATE INDEX erasures_open ON erasures (next_at) WHERE phase <> 'done';

-- Days that what holds personal data is kept; null: as the service is set.
ALTER TABLE accounts ADD COLUMN keep_days integer;
