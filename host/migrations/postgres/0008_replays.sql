-- Leads that are to be sent once more: durable jobs, each of which knows how far it has come.

CREATE TABLE replays (
  account_id  text COLLATE "C" NOT NULL,
  id          text COLLATE "C" NOT NULL,
  filter      text COLLATE "C" NOT NULL,  -- JSON: which leads
  again       bigint NOT NULL,            -- 1: what was delivered is sent once more
  rate        bigint NOT NULL,            -- leads a second
  state       text COLLATE "C" NOT NULL,  -- running, paused, done, cancelled
  estimate    text COLLATE "C" NOT NULL,  -- JSON: what was expected when it was made
  tally       text COLLATE "C" NOT NULL,  -- JSON: what came of the leads so far
  looked_at   text COLLATE "C" NOT NULL,  -- the last event that it has looked at
  created_at  bigint NOT NULL,
  next_at     bigint NOT NULL,            -- of its next page, so that the rate is kept
  finished_at bigint,
  PRIMARY KEY (account_id, id)
);

CREATE INDEX replays_running ON replays (next_at) WHERE state = 'running';

-- Leads that a replay left alone, and why: the first 1,000 of each. The tally counts all of them.
CREATE TABLE replay_skips (
  account_id text COLLATE "C" NOT NULL,
  replay_id  text COLLATE "C" NOT NULL,
  event_id   text COLLATE "C" NOT NULL,
  reason     text COLLATE "C" NOT NULL,  -- waits, delivered, expired
  PRIMARY KEY (account_id, replay_id, event_id)
);

-- Whether an event waits for a cause is asked for each lead of a replay, and of an old partition as a range of ids.
CREATE INDEX held_by_item ON held (item_id, account_id);
