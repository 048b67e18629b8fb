-- What is wide of a call is written once, beside its row: SQLite wrote a request of a hundred kilobytes again with each
-- change of the row that it stood in.

-- What was sent. Wide, written once.
CREATE TABLE call_requests (
  call_id    text NOT NULL,
  account_id text NOT NULL,
  items      text NOT NULL,                     -- JSON: the deliveries and actions that it serves
  request    text NOT NULL,                     -- JSON: method, path and body; never a header, so never a token
  PRIMARY KEY (call_id, account_id)
) STRICT;

-- What came back, if anything did. Wide, written once.
CREATE TABLE call_answers (
  call_id        text    NOT NULL,
  account_id     text    NOT NULL,
  ended_at       integer NOT NULL,
  status         integer,                       -- null where HubSpot was not reached
  correlation_id text,
  answer         text    NOT NULL,              -- JSON: the raw body, cut, or why there was none
  PRIMARY KEY (call_id, account_id)
) STRICT;

INSERT INTO call_requests (call_id, account_id, items, request) SELECT id, account_id, items, request FROM calls ORDER BY id;
INSERT INTO call_answers (call_id, account_id, ended_at, status, correlation_id, answer)
SELECT id, account_id, ended_at, status, correlation_id, answer FROM calls WHERE answer IS NOT NULL ORDER BY id;

-- One row for each HTTP request, stored before it is sent. Narrow: changes once, when a settle takes its answer in.
CREATE TABLE narrow_calls (
  account_id text    NOT NULL,
  id         text    NOT NULL,
  lane_id    text    NOT NULL,
  epoch      integer NOT NULL,
  operation  text    NOT NULL,                  -- what for, such as notes.create
  started_at integer NOT NULL,
  settled    integer NOT NULL,                  -- 0 until a settle took its answer in
  PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;
INSERT INTO narrow_calls SELECT account_id, id, lane_id, epoch, operation, started_at, settled FROM calls;
DROP TABLE calls;
ALTER TABLE narrow_calls RENAME TO calls;
CREATE INDEX calls_open ON calls (account_id, lane_id) WHERE settled = 0;

-- Which lane comes next is told by this index alone: where many are due, each row of `lanes` was looked at for that.
DROP INDEX lanes_due;
CREATE INDEX lanes_due ON lanes (kind, next_due, served_at, paused_until, lease_until);
