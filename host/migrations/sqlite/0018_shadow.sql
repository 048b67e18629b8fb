-- What a version would have made of an account's last leads: the evidence by which it may be enabled. Counts, and the ids of
-- a few events; values are a person's, and stay with the events.
CREATE TABLE shadow_runs (
  account_id    text    NOT NULL,
  id            text    NOT NULL,
  connection_id text    NOT NULL,
  version_id    text    NOT NULL,
  settings      text    NOT NULL,               -- JSON: those that it ran with, defaults filled in
  made_by       text    NOT NULL,
  events_max    integer NOT NULL,
  started_at    integer NOT NULL,
  ended_at      integer,
  report        text,                           -- JSON; none while it runs, and where it could not be finished
  trouble       text,                           -- why it could not be finished
  PRIMARY KEY (account_id, id)
) STRICT;
