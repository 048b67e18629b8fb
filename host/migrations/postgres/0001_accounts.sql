-- Accounts, who signs their events, and the portals they write to.
--
-- Every key holds the account and leads with it wherever something is listed per account, so that the tables can be
-- distributed by it without change. Ids are text: a prefix and a UUIDv7, so text order is time order. Times are
-- milliseconds since 1970 in UTC. SQLite keeps a table in key order where it says WITHOUT ROWID: the narrow ones.

CREATE TABLE accounts (
  id         text COLLATE "C"    NOT NULL PRIMARY KEY,
  slug       text COLLATE "C"    NOT NULL UNIQUE,           -- what people type
  name       text COLLATE "C"    NOT NULL,
  shard      bigint  NOT NULL,                  -- hash of the id, 0 to 4095: which database it lives in, one day
  created_at bigint  NOT NULL
);

CREATE TABLE sources (
  account_id   text COLLATE "C"    NOT NULL,
  id           text COLLATE "C"    NOT NULL,
  name         text COLLATE "C"    NOT NULL,
  tolerance_s  bigint  NOT NULL,                -- how far a signature's time may be off, either way
  schema_modes text COLLATE "C"    NOT NULL,                -- JSON: event type to off, warn, quarantine or reject
  created_at   bigint  NOT NULL,
  PRIMARY KEY (account_id, id)
);

-- A request names its source only, so the way from there to the account has to be short.
CREATE UNIQUE INDEX sources_by_id ON sources (id);

CREATE TABLE source_secrets (
  account_id  text COLLATE "C"    NOT NULL,
  source_id   text COLLATE "C"    NOT NULL,
  id          text COLLATE "C"    NOT NULL,
  secret      text COLLATE "C"    NOT NULL,                 -- sealed for source_secrets/{id}/secret
  valid_until bigint ,                          -- null: the current one; else it was rotated and still counts until then
  created_at  bigint  NOT NULL,
  PRIMARY KEY (account_id, source_id, id)
);

CREATE TABLE connections (
  account_id  text COLLATE "C"    NOT NULL,
  id          text COLLATE "C"    NOT NULL,
  portal_id   bigint  NOT NULL,
  state       text COLLATE "C"    NOT NULL,                 -- connected, paused, reconnect_required, disconnected
  api_version text COLLATE "C"    NOT NULL,                 -- stands in every path of a call
  token       text COLLATE "C"    NOT NULL,                 -- sealed for connections/{id}/token
  created_at  bigint  NOT NULL,
  PRIMARY KEY (account_id, id)
);

CREATE TABLE subscriptions (
  account_id    text COLLATE "C"    NOT NULL,
  event_type    text COLLATE "C"    NOT NULL,
  connection_id text COLLATE "C"    NOT NULL,
  since         bigint  NOT NULL,
  PRIMARY KEY (account_id, event_type, connection_id)
);
