-- Filling in what leads went without, as a job: one of a connection at a time, and what the last one came to.

CREATE TABLE fills (
  account_id    text    NOT NULL,
  connection_id text    NOT NULL,
  state         text    NOT NULL,               -- running, done, cancelled
  next_at       integer NOT NULL,               -- when the next page is due; later while somebody works on one
  progress      text    NOT NULL,               -- JSON: where it stands and what it counted; no value of any lead
  PRIMARY KEY (account_id, connection_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX fills_due ON fills (next_at) WHERE state = 'running';
