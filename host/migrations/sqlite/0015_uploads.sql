-- What is known of a version, and what became of each upload.
ALTER TABLE versions ADD COLUMN about text NOT NULL DEFAULT '{}';      -- JSON: what the check found; empty for those before
ALTER TABLE versions ADD COLUMN figures text NOT NULL DEFAULT '{}';    -- JSON: what its first runs used
ALTER TABLE versions ADD COLUMN note text NOT NULL DEFAULT '';
ALTER TABLE versions ADD COLUMN created_by text NOT NULL DEFAULT '';

CREATE TABLE uploads (
  account_id text    NOT NULL,
  id         text    NOT NULL,
  hash       text    NOT NULL,                  -- SHA-256 of the bytes as they came, in hex
  name       text    NOT NULL,                  -- of the transformation
  by_whom    text    NOT NULL,
  at         integer NOT NULL,
  refusal    text,                              -- JSON; null where a version came of it
  release    text    NOT NULL,                  -- of the service that refused: another one may accept it
  PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX uploads_by_time ON uploads (account_id, at);
