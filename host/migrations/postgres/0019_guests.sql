-- What the guests of an account may use, and the samples that an author sends along.

-- A class, whose numbers stand in the code. Who plans keeps it in mind with the other rules of the account, so a change is
-- one more revision.
ALTER TABLE accounts ADD COLUMN quota text COLLATE "C" NOT NULL DEFAULT 'standard';

CREATE FUNCTION account_quota_revised() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE lanes SET revision = revision + 1 WHERE account_id = NEW.id AND id = NEW.id;
  RETURN NULL;
END $$;

CREATE TRIGGER accounts_revise AFTER UPDATE OF quota ON accounts FOR EACH ROW EXECUTE FUNCTION account_quota_revised();

-- Never changed: the evidence that stands in `versions.figures` is about these.
CREATE TABLE version_samples (
  account_id text COLLATE "C" NOT NULL,                    -- who owns the version
  version_id text COLLATE "C" NOT NULL,
  name       text COLLATE "C" NOT NULL,                    -- of its folder
  event      text COLLATE "C" NOT NULL,                    -- JSON, as it is posted
  settings   text COLLATE "C" NOT NULL,                    -- JSON
  expected   text COLLATE "C",                             -- JSON: the answer that its author expects; null where any will do
  PRIMARY KEY (account_id, version_id, name)
);

-- Whether anybody still needs what was compiled of a component.
CREATE INDEX versions_by_hash ON versions (hash);
