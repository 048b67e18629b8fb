-- What dealerships asked of the house, and what they were shown and do not want to see again.

-- Something that only the house can do: deals with each lead, or word of an event type that is coming. Asked twice is one.
CREATE TABLE wishes (
  account_id text    NOT NULL,
  kind       text    NOT NULL,                  -- deals, event_type
  about      text    NOT NULL,                  -- the event type; empty for deals
  answers    text    NOT NULL,                  -- JSON: what was answered to the questions of its kind
  asked_by   text    NOT NULL,
  asked_at   integer NOT NULL,
  done_by    text,
  done_at    integer,                           -- null while somebody waits for it
  PRIMARY KEY (account_id, kind, about)
) STRICT, WITHOUT ROWID;

-- Suggestions that an account does not want to see again.
CREATE TABLE dismissed (
  account_id   text    NOT NULL,
  item         text    NOT NULL,
  dismissed_by text    NOT NULL,
  dismissed_at integer NOT NULL,
  PRIMARY KEY (account_id, item)
) STRICT, WITHOUT ROWID;
