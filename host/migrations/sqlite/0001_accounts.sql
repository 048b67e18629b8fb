-- Accounts, who signs their events, and the portals they write to.
--
-- Every key holds the account and leads with it wherever something is listed per account, so that the tables can be
-- distributed by it without change. Ids are text: a prefix and a UUIDv7, so text order is time order. Times are
-- milliseconds since 1970 in UTC. SQLite keeps a table in key order where it says WITHOUT ROWID: the narrow ones.

CREATE TABLE accounts (
  id         text    NOT NULL PRIMARY KEY,
  slug       text    NOT NULL UNIQUE,           -- what people type
  name       text    NOT NULL,
  shard      integer NOT NULL,                  -- hash of the id, 0 to 4095: which database it lives in, one day
  created_at integer NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sources (
  account_id   text    NOT NULL,
  id           text    NOT NULL,
  name         text    NOT NULL,
  tolerance_s  integer NOT NULL,                -- how far a signature's time may be off, either way
  schema_modes text    NOT NULL,                -- JSON: event type to off, warn, quarantine or reject
  created_at   integer NOT NULL,
  PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;

-- A request names its source only, so the way from there to the account has to be short.
CREATE UNIQUE INDEX sources_by_id ON sources (id);

CREATE TABLE source_secrets (
  account_id  text    NOT NULL,
  source_id   text    NOT NULL,
  id          text    NOT NULL,
  secret      text    NOT NULL,                 -- sealed for source_secrets/{id}/secret
  valid_until integer,                          -- null: the current one; else it was rotated and still counts until then
  created_at  integer NOT NULL,
  PRIMARY KEY (account_id, source_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE connections (
  account_id  text    NOT NULL,
  id          text    NOT NULL,
  portal_id   integer NOT NULL,
  state       text    NOT NULL,                 -- connected, paused, reconnect_required, disconnected
  api_version text    NOT NULL,                 -- stands in every path of a call
  token       text    NOT NULL,                 -- sealed for connections/{id}/token
  created_at  integer NOT NULL,
  PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE subscriptions (
  account_id    text    NOT NULL,
  event_type    text    NOT NULL,
  connection_id text    NOT NULL,
  since         integer NOT NULL,
  PRIMARY KEY (account_id, event_type, connection_id)
) STRICT, WITHOUT ROWID;
