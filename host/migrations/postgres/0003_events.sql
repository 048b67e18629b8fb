-- Events as they came in.

-- Only for telling repeats: one row for each id that a source ever sent, within retention.
CREATE TABLE event_keys (
  account_id text COLLATE "C"    NOT NULL,
  source_id  text COLLATE "C"    NOT NULL,
  sender_id  text COLLATE "C"    NOT NULL,
  event_id   text COLLATE "C"    NOT NULL,
  body_hash  text COLLATE "C"    NOT NULL,                  -- the same id with another body is refused
  seen_at    bigint  NOT NULL,
  PRIMARY KEY (account_id, source_id, sender_id)
);

-- Narrow: inserted once, updated once when planned. No index holds a column that changes.
CREATE TABLE events (
  account_id  text COLLATE "C"    NOT NULL,
  id          text COLLATE "C"    NOT NULL,
  source_id   text COLLATE "C"    NOT NULL,
  sender_id   text COLLATE "C"    NOT NULL,
  type        text COLLATE "C"    NOT NULL,
  occurred_at bigint  NOT NULL,
  received_at bigint  NOT NULL,
  state       text COLLATE "C"    NOT NULL,                 -- received, planned, skipped, held, refused
  reason      text COLLATE "C",                             -- JSON: the problem behind skipped, held and refused
  PRIMARY KEY (account_id, id)
) PARTITION BY RANGE (id);
CREATE TABLE events_rest PARTITION OF events DEFAULT;

-- Wide, written once. Nobody lists bodies, so the id leads and writes stay at the right edge of the tree.
CREATE TABLE event_bodies (
  event_id   text COLLATE "C" NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  body       text COLLATE "C" NOT NULL,                     -- as received; NUL replaced, which another database could not hold
  PRIMARY KEY (event_id, account_id)
) PARTITION BY RANGE (event_id);
CREATE TABLE event_bodies_rest PARTITION OF event_bodies DEFAULT;

-- Requests that were refused at the door, for the operator. The newest 1,000 of each source are kept.
CREATE TABLE rejected (
  source_id text COLLATE "C"    NOT NULL,                   -- as in the address, known or not
  id        text COLLATE "C"    NOT NULL,
  at        bigint  NOT NULL,
  class     text COLLATE "C"    NOT NULL,                   -- malformed, forged, stale, not_json, id_reused, …
  detail    text COLLATE "C"    NOT NULL,
  sender_id text COLLATE "C",
  bytes     bigint  NOT NULL,
  body      text COLLATE "C",                               -- only where the signature was right
  PRIMARY KEY (source_id, id)
);
