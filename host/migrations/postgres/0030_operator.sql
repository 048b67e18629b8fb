-- What operators told the service as a whole: that nobody else may change anything for now; and the processes that serve,
-- each of which may be told to take no more lanes.
CREATE TABLE read_only (
  account_id text COLLATE "C" NOT NULL PRIMARY KEY,      -- acc_house: it is about all accounts at once
  reason     text COLLATE "C" NOT NULL,
  actor      text COLLATE "C" NOT NULL,
  since      bigint NOT NULL
);

CREATE TABLE processes (
  account_id     text COLLATE "C" NOT NULL,              -- acc_house
  id             text COLLATE "C" NOT NULL,              -- made anew by each start; a part of the owner of each of its leases
  host           text COLLATE "C" NOT NULL,              -- the machine, and the number that it gave the process
  roles          text COLLATE "C" NOT NULL,              -- JSON
  build          text COLLATE "C" NOT NULL,
  started_at     bigint NOT NULL,
  seen_at        bigint NOT NULL,                        -- raised now and then: who was not seen for long is gone
  draining_since bigint,                                 -- null: it takes lanes
  PRIMARY KEY (account_id, id)
);
