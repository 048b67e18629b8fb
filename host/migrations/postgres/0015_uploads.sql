-- What is known of a version, and what became of each upload.
ALTER TABLE versions ADD COLUMN about text COLLATE "C" NOT NULL DEFAULT '{}';   -- JSON: what the check found; empty for those before
ALTER TABLE versions ADD COLUMN figures text COLLATE "C" NOT NULL DEFAULT '{}'; -- JSON: what its first runs used
ALTER TABLE versions ADD COLUMN note text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE versions ADD COLUMN created_by text COLLATE "C" NOT NULL DEFAULT '';

CREATE TABLE uploads (
  account_id text COLLATE "C" NOT NULL,
  id         text COLLATE "C" NOT NULL,
  hash       text COLLATE "C" NOT NULL,         -- SHA-256 of the bytes as they came, in hex
  name       text COLLATE "C" NOT NULL,         -- of the transformation
  by_whom    text COLLATE "C" NOT NULL,
  at         bigint NOT NULL,
  refusal    text COLLATE "C",                  -- JSON; null where a version came of it
  release    text COLLATE "C" NOT NULL,         -- of the service that refused: another one may accept it
  PRIMARY KEY (account_id, id)
);

CREATE INDEX uploads_by_time ON uploads (account_id, at);
