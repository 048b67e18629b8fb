-- Transformations, their immutable versions, and who uses which. The stock ones belong to the house account.

CREATE TABLE transformations (
  account_id text    NOT NULL,
  id         text    NOT NULL,
  name       text    NOT NULL,
  created_at integer NOT NULL,
  PRIMARY KEY (account_id, id),
  UNIQUE (account_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE versions (
  account_id        text    NOT NULL,
  id                text    NOT NULL,
  transformation_id text    NOT NULL,
  number            integer NOT NULL,           -- counts from 1 within the transformation
  hash              text    NOT NULL,           -- of the component, below
  contract          text    NOT NULL,
  manifest          text    NOT NULL,           -- JSON, as `describe` answered
  created_at        integer NOT NULL,
  PRIMARY KEY (account_id, id),
  UNIQUE (account_id, transformation_id, number)
) STRICT;

CREATE TABLE components (
  account_id text NOT NULL,
  hash       text NOT NULL,                     -- SHA-256 of the bytes as they came, in hex
  bytes      blob NOT NULL,                     -- the truth; compiled code is only ever a cache of it
  PRIMARY KEY (account_id, hash)
) STRICT;

-- Append-only, and the newest of a connection and event type counts: a rollback is one insert.
CREATE TABLE bindings (
  account_id         text    NOT NULL,
  id                 text    NOT NULL,
  connection_id      text    NOT NULL,
  event_type         text    NOT NULL,
  version_account_id text    NOT NULL,          -- who owns the version: this account, or the house
  version_id         text    NOT NULL,
  settings           text    NOT NULL,          -- JSON, checked against the version's schema, defaults filled in
  valid_from         integer NOT NULL,
  PRIMARY KEY (account_id, connection_id, event_type, id)
) STRICT, WITHOUT ROWID;
