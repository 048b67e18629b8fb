-- Leads that are to be sent once more: durable jobs, each of which knows how far it has come.

CREATE TABLE replays (
  account_id  text    NOT NULL,
  id          text    NOT NULL,
  filter      text    NOT NULL,                 -- JSON: which leads
  again       integer NOT NULL,                 -- 1: what was delivered is sent once more
  rate        integer NOT NULL,                 -- leads a second
  state       text    NOT NULL,                 -- running, paused, done, cancelled
  estimate    text    NOT NULL,                 -- JSON: what was expected when it was made
  tally       text    NOT NULL,                 -- JSON: what came of the leads so far
  looked_at   text    NOT NULL,                 -- the last event that it has looked at
  created_at  integer NOT NULL,
  next_at     integer NOT NULL,                 -- of its next page, so that the rate is kept
  finished_at integer,
  PRIMARY KEY (account_id, id)
) STRICT;

CREATE INDEX replays_running ON replays (next_at) WHERE state = 'running';

-- Leads that a replay left alone, and why: the first 1,000 of each. The tally counts all of them.
CREATE TABLE replay_skips (
  account_id text NOT NULL,
  replay_id  text NOT NULL,
  event_id   text NOT NULL,
  reason     text NOT NULL,                     -- waits, delivered, expired
  PRIMARY KEY (account_id, replay_id, event_id)
) STRICT, WITHOUT ROWID;

-- Whether an event waits for a cause is asked for each lead of a replay, and of an old partition as a range of ids.
CREATE INDEX held_by_item ON held (item_id, account_id);
