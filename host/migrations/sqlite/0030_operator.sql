-- What operators told the service as a whole: that nobody else may change anything for now; and the processes that serve,
-- each of which may be told to take no more lanes.
CREATE TABLE read_only (
  account_id text    NOT NULL PRIMARY KEY,      -- acc_house: it is about all accounts at once
  reason     text    NOT NULL,
  actor      text    NOT NULL,
  since      integer NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE processes (
  account_id     text    NOT NULL,              -- acc_house
  id             text    NOT NULL,              -- made anew by each start; a part of the owner of each of its leases
  host           text    NOT NULL,              -- the machine, and the number that it gave the process
  roles          text    NOT NULL,              -- JSON
  build          text    NOT NULL,
  started_at     integer NOT NULL,
  seen_at        integer NOT NULL,              -- raised now and then: who was not seen for long is gone
  draining_since integer,                       -- null: it takes lanes
  PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;
