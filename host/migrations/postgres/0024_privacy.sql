-- What a shopper asks for: to be forgotten, and not to be written again.

-- By what an account's hashes of addresses and numbers are made. It outlives the keys of the ring, or every rotation would
-- let go of everybody who is suppressed.
CREATE TABLE subject_keys (
  account_id text COLLATE "C" NOT NULL PRIMARY KEY,
  id         text COLLATE "C" NOT NULL,
  secret     text COLLATE "C" NOT NULL,                  -- sealed for subject_keys/{id}/secret
  created_at bigint NOT NULL
);

-- Whom no lead may be about any more. A row is changed once, when it is lifted.
CREATE TABLE suppressions (
  account_id  text COLLATE "C" NOT NULL,
  id          text COLLATE "C" NOT NULL,
  kind        text COLLATE "C" NOT NULL,                 -- email, phone
  hash        text COLLATE "C" NOT NULL,                 -- keyed: without the account's key nobody can try addresses
  reason      text COLLATE "C" NOT NULL,
  made_by     text COLLATE "C" NOT NULL,
  made_at     bigint NOT NULL,
  erasure_id  text COLLATE "C",                          -- of the erasure that it came with
  lifted_by   text COLLATE "C",
  lift_reason text COLLATE "C",
  lifted_at   bigint,
  PRIMARY KEY (account_id, id)
);

CREATE UNIQUE INDEX suppressions_in_force ON suppressions (account_id, hash) WHERE lifted_at IS NULL;

-- Whoever plans keeps them in mind, and whoever delivers looks only where there ever was one: of a deliver lane the revision
-- counts nothing else.
CREATE FUNCTION persons_revised() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE lanes SET revision = revision + 1 WHERE account_id = NEW.account_id;
  RETURN NULL;
END $$;

CREATE FUNCTION lane_made() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM suppressions WHERE account_id = NEW.account_id) THEN
    NEW.revision := NEW.revision + 1;
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER suppressions_revise AFTER INSERT OR UPDATE OF lifted_at ON suppressions FOR EACH ROW EXECUTE FUNCTION persons_revised();
CREATE TRIGGER lanes_made BEFORE INSERT ON lanes FOR EACH ROW EXECUTE FUNCTION lane_made();

-- One person's data that is removed: a durable job, and its certificate when it is done.
CREATE TABLE erasures (
  account_id  text COLLATE "C" NOT NULL,
  id          text COLLATE "C" NOT NULL,
  phase       text COLLATE "C" NOT NULL,                 -- begun, leads, rest, hubspot, done
  subject     text COLLATE "C" NOT NULL,                 -- sealed for erasures/{id}/subject; empty once nothing is looked for any more
  hashes      text COLLATE "C" NOT NULL,                 -- JSON: kind and keyed hash of each address and number
  at_hubspot  bigint NOT NULL,                           -- 1: HubSpot is asked for a privacy delete of the contacts that we wrote
  reason      text COLLATE "C" NOT NULL,
  made_by     text COLLATE "C" NOT NULL,
  created_at  bigint NOT NULL,
  looked_at   text COLLATE "C" NOT NULL,                 -- the last event that it has looked at
  last        text COLLATE "C" NOT NULL,                 -- events up to this one are looked at; what comes later is suppressed
  tally       text COLLATE "C" NOT NULL,                 -- JSON: how much was removed, by kind
  records     text COLLATE "C" NOT NULL,                 -- JSON: what was written in HubSpot, and what HubSpot said
  tries       bigint NOT NULL,                           -- of asking HubSpot, in vain
  next_at     bigint NOT NULL,
  finished_at bigint,
  PRIMARY KEY (account_id, id)
);

CREATE INDEX erasures_open ON erasures (next_at) WHERE phase <> 'done';

-- Days that what holds personal data is kept; null: as the service is set.
ALTER TABLE accounts ADD COLUMN keep_days bigint;
