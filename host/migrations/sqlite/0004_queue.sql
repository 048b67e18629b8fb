-- The queue: what is open, who works on it, what was called, what came of it.

-- Narrow: inserted once, updated once when it ends.
CREATE TABLE deliveries (
  account_id    text    NOT NULL,
  id            text    NOT NULL,
  event_id      text    NOT NULL,
  connection_id text    NOT NULL,
  version_id    text    NOT NULL,               -- which version planned it
  state         text    NOT NULL,               -- pending, delivered, blocked, failed, cancelled
  reason        text,                           -- JSON: the problem behind blocked, failed and a retry
  outcome       text    NOT NULL,               -- JSON: how far each action has come, and what was dropped
  attempts      integer NOT NULL,
  first_at      integer,
  due_at        integer,
  done_at       integer,
  PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX deliveries_by_event ON deliveries (account_id, event_id);

-- Wide, written once. A retry continues the stored plan and never runs the transformation again.
CREATE TABLE plans (
  delivery_id  text    NOT NULL,
  account_id   text    NOT NULL,
  plan         text    NOT NULL,                -- JSON: the actions
  fuel         integer NOT NULL,                -- what the run used
  memory_bytes integer NOT NULL,
  micros       integer NOT NULL,
  PRIMARY KEY (delivery_id, account_id)
) STRICT;

-- What a run said, if it said anything.
CREATE TABLE run_logs (
  account_id text NOT NULL,
  event_id   text NOT NULL,
  version_id text NOT NULL,
  lines      text NOT NULL,                     -- JSON: level and message of each line
  PRIMARY KEY (account_id, event_id, version_id)
) STRICT;

-- What is open, and only that: received events in plan lanes, pending deliveries in deliver lanes.
CREATE TABLE work (
  account_id text    NOT NULL,
  lane_id    text    NOT NULL,
  band       integer NOT NULL,                  -- 0: first attempts; 1: retries and replays
  due_at     integer NOT NULL,
  item_id    text    NOT NULL,
  key_hash   text,                              -- of the match key: an older retry of a person holds back the newer ones
  PRIMARY KEY (account_id, lane_id, band, due_at, item_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX work_retries ON work (account_id, lane_id, key_hash) WHERE band = 1;

-- One row for each queue. Whoever holds its lease works on it; the epoch guards everything that is settled.
CREATE TABLE lanes (
  account_id   text    NOT NULL,
  id           text    NOT NULL,                -- the account's id for plans, the connection's for deliveries
  kind         text    NOT NULL,                -- plan, deliver
  shard        integer NOT NULL,
  owner        text,
  epoch        integer NOT NULL,
  lease_until  integer NOT NULL,
  served_at    integer NOT NULL,                -- the longest unserved comes first: that is the whole fairness
  next_due     integer NOT NULL,                -- of its open work; far away when there is none
  paused_until integer NOT NULL,
  budget       text    NOT NULL,                -- JSON: the portal's rate budget, for the next holder
  PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX lanes_due ON lanes (kind, next_due);

-- One row for each HTTP request: stored before it is sent, answered in the same row.
CREATE TABLE calls (
  account_id     text    NOT NULL,
  id             text    NOT NULL,
  lane_id        text    NOT NULL,
  epoch          integer NOT NULL,
  operation      text    NOT NULL,              -- what for, such as notes.create
  request        text    NOT NULL,              -- JSON: method, path and body; never a header, so never a token
  items          text    NOT NULL,              -- JSON: the deliveries and actions that it serves
  started_at     integer NOT NULL,
  ended_at       integer,
  status         integer,                       -- null while there is no answer
  answer         text,                          -- JSON: what it came to for each item, and the raw body, cut
  correlation_id text,
  settled        integer NOT NULL,              -- 0 until a settle took its answer in
  PRIMARY KEY (account_id, id)
) STRICT;

CREATE INDEX calls_open ON calls (account_id, lane_id) WHERE settled = 0;

-- Attempts that did not finish a delivery.
CREATE TABLE attempts (
  account_id  text    NOT NULL,
  delivery_id text    NOT NULL,
  number      integer NOT NULL,                 -- counts rounds, those that spent no attempt included
  at          integer NOT NULL,
  class       text    NOT NULL,                 -- temporary, blocked, failed
  problem     text    NOT NULL,                 -- JSON
  next_at     integer,
  PRIMARY KEY (account_id, delivery_id, number)
) STRICT, WITHOUT ROWID;

-- An issue: one cause for an account and a subject, and what waits under it.
CREATE TABLE causes (
  account_id text    NOT NULL,
  id         text    NOT NULL,
  code       text    NOT NULL,
  subject    text    NOT NULL,
  problem    text    NOT NULL,                  -- JSON: as it was first seen
  first_at   integer NOT NULL,
  last_at    integer NOT NULL,
  PRIMARY KEY (account_id, id),
  UNIQUE (account_id, code, subject)
) STRICT;

CREATE TABLE held (
  account_id text NOT NULL,
  cause_id   text NOT NULL,
  item_id    text NOT NULL,                     -- an event that is held, or a delivery that is blocked
  lane_id    text NOT NULL,                     -- where it goes when the cause is gone
  key_hash   text,                              -- as in work
  PRIMARY KEY (account_id, cause_id, item_id)
) STRICT, WITHOUT ROWID;
