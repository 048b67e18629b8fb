-- The words of the newest leads, a row a lead, until they are merged into lead_words: many leads at once touch each page
-- there once, and no lead waits for that.
CREATE TABLE lead_tail (
  account_id text    NOT NULL,
  hour       integer NOT NULL,                  -- since 1970, by the event's id
  event_id   text    NOT NULL,
  words      text    NOT NULL,                  -- a JSON array
  PRIMARY KEY (account_id, hour, event_id)
) STRICT, WITHOUT ROWID;
