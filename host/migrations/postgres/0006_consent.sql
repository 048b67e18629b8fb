-- Connecting by consent: links, browsers on their way to HubSpot and back, and what guards the tokens.

-- Grows with every change of the tokens. Whoever writes them says which ones he read, so that a slow refresh never
-- overwrites those of somebody who reconnected meanwhile, and a dead token is never blamed on a new one.
ALTER TABLE connections ADD COLUMN generation bigint  NOT NULL DEFAULT 0;
ALTER TABLE connections ADD COLUMN refreshed_at bigint  NOT NULL DEFAULT 0; -- of the tokens that are here
ALTER TABLE connections ADD COLUMN retry_after bigint  NOT NULL DEFAULT 0;  -- HubSpot gave no token: not asked again before then
ALTER TABLE connections ADD COLUMN introspected_at bigint  NOT NULL DEFAULT 0;

-- People name a connection by its id only, and HubSpot names a portal only.
CREATE UNIQUE INDEX connections_by_id ON connections (id);
CREATE INDEX connections_by_portal ON connections (portal_id);

-- A link that lets its bearer connect one account, once.
CREATE TABLE tickets (
  account_id     text COLLATE "C"    NOT NULL,
  hash           text COLLATE "C"    NOT NULL,              -- SHA-256 of the ticket in the link; the ticket itself is nowhere
  connection_id  text COLLATE "C",                          -- only the portal of this connection will do; null: any
  wishes         text COLLATE "C"    NOT NULL,              -- JSON: features to ask permission for beside those in use
  transformation text COLLATE "C",                          -- JSON: name and settings to begin with; null: the default, where none is in use
  expires_at     bigint  NOT NULL,
  made           text COLLATE "C",                          -- the connection that it led to; it is used up then
  PRIMARY KEY (account_id, hash)
);

CREATE UNIQUE INDEX tickets_by_hash ON tickets (hash);

-- One browser that was sent to HubSpot with a ticket.
CREATE TABLE consents (
  account_id  text COLLATE "C"    NOT NULL,
  state       text COLLATE "C"    NOT NULL,                 -- SHA-256 of the state in the address
  ticket      text COLLATE "C"    NOT NULL,                 -- hash of the ticket
  browser     text COLLATE "C"    NOT NULL,                 -- SHA-256 of the secret in the browser's cookie
  expires_at  bigint  NOT NULL,
  used        bigint  NOT NULL,                 -- 1: it came back once, and may not again
  PRIMARY KEY (account_id, state)
);

CREATE UNIQUE INDEX consents_by_state ON consents (state);
