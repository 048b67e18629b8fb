-- What is known of a connection and its portal.

ALTER TABLE connections ADD COLUMN auth text COLLATE "C" NOT NULL DEFAULT 'token';      -- token: a static one; oauth: it expires and is refreshed
ALTER TABLE connections ADD COLUMN refresh_token text COLLATE "C";                      -- sealed for connections/{id}/refresh_token; null for a static token
ALTER TABLE connections ADD COLUMN expires_at bigint ;                      -- of the token; null: it does not expire
ALTER TABLE connections ADD COLUMN scopes text COLLATE "C";                             -- JSON: the granted ones; null: not known
ALTER TABLE connections ADD COLUMN policy text COLLATE "C" NOT NULL DEFAULT '{}';       -- JSON: strict, names of our key properties
ALTER TABLE connections ADD COLUMN portal text COLLATE "C";                             -- JSON: name, time zone and domain, as HubSpot said
ALTER TABLE connections ADD COLUMN problem text COLLATE "C";                            -- JSON: why it needs somebody's attention
ALTER TABLE connections ADD COLUMN checked_at bigint  NOT NULL DEFAULT 0;   -- of the last daily check

-- The portal's properties, pipelines and owners, as a cache: whatever is here can be read again.
CREATE TABLE portal_schemas (
  account_id    text COLLATE "C"    NOT NULL,
  connection_id text COLLATE "C"    NOT NULL,
  read_at       bigint  NOT NULL,
  stale         bigint  NOT NULL DEFAULT 0,     -- 1: HubSpot's answers contradict it, so it is read again at once
  content       text COLLATE "C"    NOT NULL,               -- JSON
  PRIMARY KEY (account_id, connection_id)
);

-- When a connection is to be looked after next, leads or none: its daily check.
ALTER TABLE lanes ADD COLUMN care_due bigint  NOT NULL DEFAULT 9007199254740991;
ALTER TABLE lanes ADD COLUMN pause text COLLATE "C";                                    -- JSON: why the lane rests until paused_until
