-- The queue: what is open, who works on it, what was called, what came of it.

-- Narrow: inserted once, updated once when it ends.
CREATE TABLE deliveries (
  account_id    text COLLATE "C"    NOT NULL,
  id            text COLLATE "C"    NOT NULL,
  event_id      text COLLATE "C"    NOT NULL,
  connection_id text COLLATE "C"    NOT NULL,
  version_id    text COLLATE "C"    NOT NULL,               -- which version planned it
  state         text COLLATE "C"    NOT NULL,               -- pending, delivered, blocked, failed, cancelled
  reason        text COLLATE "C",                           -- JSON: the problem behind blocked, failed and a retry
  outcome       text COLLATE "C"    NOT NULL,               -- JSON: how far each action has come, and what was dropped
  attempts      bigint  NOT NULL,
  first_at      bigint ,
  due_at        bigint ,
  done_at       bigint ,
  PRIMARY KEY (account_id, id)
) PARTITION BY RANGE (id);
CREATE TABLE deliveries_rest PARTITION OF deliveries DEFAULT;

CREATE INDEX deliveries_by_event ON deliveries (account_id, event_id);

-- Wide, written once. A retry continues the stored plan and never runs the transformation again.
CREATE TABLE plans (
  delivery_id  text COLLATE "C"    NOT NULL,
  account_id   text COLLATE "C"    NOT NULL,
  plan         text COLLATE "C"    NOT NULL,                -- JSON: the actions
  fuel         bigint  NOT NULL,                -- what the run used
  memory_bytes bigint  NOT NULL,
  micros       bigint  NOT NULL,
  PRIMARY KEY (delivery_id, account_id)
) PARTITION BY RANGE (delivery_id);
CREATE TABLE plans_rest PARTITION OF plans DEFAULT;

-- What a run said, if it said anything.
CREATE TABLE run_logs (
  account_id text COLLATE "C" NOT NULL,
  event_id   text COLLATE "C" NOT NULL,
  version_id text COLLATE "C" NOT NULL,
  lines      text COLLATE "C" NOT NULL,                     -- JSON: level and message of each line
  PRIMARY KEY (account_id, event_id, version_id)
) PARTITION BY RANGE (event_id);
CREATE TABLE run_logs_rest PARTITION OF run_logs DEFAULT;

-- What is open, and only that: received events in plan lanes, pending deliveries in deliver lanes.
CREATE TABLE work (
  account_id text COLLATE "C"    NOT NULL,
  lane_id    text COLLATE "C"    NOT NULL,
  band       bigint  NOT NULL,                  -- 0: first attempts; 1: retries and replays
  due_at     bigint  NOT NULL,
  item_id    text COLLATE "C"    NOT NULL,
  key_hash   text COLLATE "C",                              -- of the match key: an older retry of a person holds back the newer ones
  PRIMARY KEY (account_id, lane_id, band, due_at, item_id)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 50, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX work_retries ON work (account_id, lane_id, key_hash) WHERE band = 1;

-- One row for each queue. Whoever holds its lease works on it; the epoch guards everything that is settled.
CREATE TABLE lanes (
  account_id   text COLLATE "C"    NOT NULL,
  id           text COLLATE "C"    NOT NULL,                -- the account's id for plans, the connection's for deliveries
  kind         text COLLATE "C"    NOT NULL,                -- plan, deliver
  shard        bigint  NOT NULL,
  owner        text COLLATE "C",
  epoch        bigint  NOT NULL,
  lease_until  bigint  NOT NULL,
  served_at    bigint  NOT NULL,                -- the longest unserved comes first: that is the whole fairness
  next_due     bigint  NOT NULL,                -- of its open work; far away when there is none
  paused_until bigint  NOT NULL,
  budget       text COLLATE "C"    NOT NULL,                -- JSON: the portal's rate budget, for the next holder
  PRIMARY KEY (account_id, id)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 50, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX lanes_due ON lanes (kind, next_due);

-- One row for each HTTP request: stored before it is sent, answered in the same row.
CREATE TABLE calls (
  account_id     text COLLATE "C"    NOT NULL,
  id             text COLLATE "C"    NOT NULL,
  lane_id        text COLLATE "C"    NOT NULL,
  epoch          bigint  NOT NULL,
  operation      text COLLATE "C"    NOT NULL,              -- what for, such as notes.create
  request        text COLLATE "C"    NOT NULL,              -- JSON: method, path and body; never a header, so never a token
  items          text COLLATE "C"    NOT NULL,              -- JSON: the deliveries and actions that it serves
  started_at     bigint  NOT NULL,
  ended_at       bigint ,
  status         bigint ,                       -- null while there is no answer
  answer         text COLLATE "C",                          -- JSON: what it came to for each item, and the raw body, cut
  correlation_id text COLLATE "C",
  settled        bigint  NOT NULL,              -- 0 until a settle took its answer in
  PRIMARY KEY (account_id, id)
) PARTITION BY RANGE (id);
CREATE TABLE calls_rest PARTITION OF calls DEFAULT;

CREATE INDEX calls_open ON calls (account_id, lane_id) WHERE settled = 0;

-- Attempts that did not finish a delivery.
CREATE TABLE attempts (
  account_id  text COLLATE "C"    NOT NULL,
  delivery_id text COLLATE "C"    NOT NULL,
  number      bigint  NOT NULL,                 -- counts rounds, those that spent no attempt included
  at          bigint  NOT NULL,
  class       text COLLATE "C"    NOT NULL,                 -- temporary, blocked, failed
  problem     text COLLATE "C"    NOT NULL,                 -- JSON
  next_at     bigint ,
  PRIMARY KEY (account_id, delivery_id, number)
) PARTITION BY RANGE (delivery_id);
CREATE TABLE attempts_rest PARTITION OF attempts DEFAULT;

-- An issue: one cause for an account and a subject, and what waits under it.
CREATE TABLE causes (
  account_id text COLLATE "C"    NOT NULL,
  id         text COLLATE "C"    NOT NULL,
  code       text COLLATE "C"    NOT NULL,
  subject    text COLLATE "C"    NOT NULL,
  problem    text COLLATE "C"    NOT NULL,                  -- JSON: as it was first seen
  first_at   bigint  NOT NULL,
  last_at    bigint  NOT NULL,
  PRIMARY KEY (account_id, id),
  UNIQUE (account_id, code, subject)
);

CREATE TABLE held (
  account_id text COLLATE "C" NOT NULL,
  cause_id   text COLLATE "C" NOT NULL,
  item_id    text COLLATE "C" NOT NULL,                     -- an event that is held, or a delivery that is blocked
  lane_id    text COLLATE "C" NOT NULL,                     -- where it goes when the cause is gone
  key_hash   text COLLATE "C",                              -- as in work
  PRIMARY KEY (account_id, cause_id, item_id)
);
