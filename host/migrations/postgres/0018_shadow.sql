-- What a version would have made of an account's last leads: the evidence by which it may be enabled. Counts, and the ids of
-- a few events; values are a person's, and stay with the events.
CREATE TABLE shadow_runs (
  account_id    text COLLATE "C" NOT NULL,
  id            text COLLATE "C" NOT NULL,
  connection_id text COLLATE "C" NOT NULL,
  version_id    text COLLATE "C" NOT NULL,
  settings      text COLLATE "C" NOT NULL,               -- JSON: those that it ran with, defaults filled in
  made_by       text COLLATE "C" NOT NULL,
  events_max    bigint NOT NULL,
  started_at    bigint NOT NULL,
  ended_at      bigint,
  report       text COLLATE "C",                           -- JSON; none while it runs, and where it could not be finished
  trouble      text COLLATE "C",                           -- why it could not be finished
  PRIMARY KEY (account_id, id)
);
