-- What the guests of an account may use, and the samples that an author sends along.

-- A class, whose numbers stand in the code. Who plans keeps it in mind with the other rules of the account, so a change is
-- one more revision.
ALTER TABLE accounts ADD COLUMN quota text NOT NULL DEFAULT 'standard';

CREATE TRIGGER accounts_updated AFTER UPDATE OF quota ON accounts WHEN OLD.quota IS NOT NEW.quota BEGIN
  UPDATE lanes SET revision = revision + 1 WHERE account_id = NEW.id AND id = NEW.id;
END;

-- Never changed: the evidence that stands in `versions.figures` is about these.
CREATE TABLE version_samples (
  account_id text    NOT NULL,                    -- who owns the version
  version_id text    NOT NULL,
  name       text    NOT NULL,                    -- of its folder
  event      text    NOT NULL,                    -- JSON, as it is posted
  settings   text    NOT NULL,                    -- JSON
  expected   text,                               -- JSON: the answer that its author expects; null where any will do
  PRIMARY KEY (account_id, version_id, name)
) STRICT;

-- Whether anybody still needs what was compiled of a component.
CREATE INDEX versions_by_hash ON versions (hash);
