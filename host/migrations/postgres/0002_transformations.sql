-- Transformations, their immutable versions, and who uses which. The stock ones belong to the house account.

CREATE TABLE transformations (
  account_id text COLLATE "C"    NOT NULL,
  id         text COLLATE "C"    NOT NULL,
  name       text COLLATE "C"    NOT NULL,
  created_at bigint  NOT NULL,
  PRIMARY KEY (account_id, id),
  UNIQUE (account_id, name)
);

CREATE TABLE versions (
  account_id        text COLLATE "C"    NOT NULL,
  id                text COLLATE "C"    NOT NULL,
  transformation_id text COLLATE "C"    NOT NULL,
  number            bigint  NOT NULL,           -- counts from 1 within the transformation
  hash              text COLLATE "C"    NOT NULL,           -- of the component, below
  contract          text COLLATE "C"    NOT NULL,
  manifest          text COLLATE "C"    NOT NULL,           -- JSON, as `describe` answered
  created_at        bigint  NOT NULL,
  PRIMARY KEY (account_id, id),
  UNIQUE (account_id, transformation_id, number)
);

CREATE TABLE components (
  account_id text COLLATE "C" NOT NULL,
  hash       text COLLATE "C" NOT NULL,                     -- SHA-256 of the bytes as they came, in hex
  bytes      bytea NOT NULL,                     -- the truth; compiled code is only ever a cache of it
  PRIMARY KEY (account_id, hash)
);

-- Append-only, and the newest of a connection and event type counts: a rollback is one insert.
CREATE TABLE bindings (
  account_id         text COLLATE "C"    NOT NULL,
  id                 text COLLATE "C"    NOT NULL,
  connection_id      text COLLATE "C"    NOT NULL,
  event_type         text COLLATE "C"    NOT NULL,
  version_account_id text COLLATE "C"    NOT NULL,          -- who owns the version: this account, or the house
  version_id         text COLLATE "C"    NOT NULL,
  settings           text COLLATE "C"    NOT NULL,          -- JSON, checked against the version's schema, defaults filled in
  valid_from         bigint  NOT NULL,
  PRIMARY KEY (account_id, connection_id, event_type, id)
);
