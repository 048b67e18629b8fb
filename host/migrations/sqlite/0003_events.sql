-- Events as they came in.

-- Only for telling repeats: one row for each id that a source ever sent, within retention.
CREATE TABLE event_keys (
  account_id text    NOT NULL,
  source_id  text    NOT NULL,
  sender_id  text    NOT NULL,
  event_id   text    NOT NULL,
  body_hash  text    NOT NULL,                  -- the same id with another body is refused
  seen_at    integer NOT NULL,
  PRIMARY KEY (account_id, source_id, sender_id)
) STRICT, WITHOUT ROWID;

-- Narrow: inserted once, updated once when planned. No index holds a column that changes.
CREATE TABLE events (
  account_id  text    NOT NULL,
  id          text    NOT NULL,
  source_id   text    NOT NULL,
  sender_id   text    NOT NULL,
  type        text    NOT NULL,
  occurred_at integer NOT NULL,
  received_at integer NOT NULL,
  state       text    NOT NULL,                 -- received, planned, skipped, held, refused
  reason      text,                             -- JSON: the problem behind skipped, held and refused
  PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;

-- Wide, written once. Nobody lists bodies, so the id leads and writes stay at the right edge of the tree.
CREATE TABLE event_bodies (
  event_id   text NOT NULL,
  account_id text NOT NULL,
  body       text NOT NULL,                     -- as received; NUL replaced, which another database could not hold
  PRIMARY KEY (event_id, account_id)
) STRICT;

-- Requests that were refused at the door, for the operator. The newest 1,000 of each source are kept.
CREATE TABLE rejected (
  source_id text    NOT NULL,                   -- as in the address, known or not
  id        text    NOT NULL,
  at        integer NOT NULL,
  class     text    NOT NULL,                   -- malformed, forged, stale, not_json, id_reused, …
  detail    text    NOT NULL,
  sender_id text,
  bytes     integer NOT NULL,
  body      text,                               -- only where the signature was right
  PRIMARY KEY (source_id, id)
) STRICT, WITHOUT ROWID;
