-- What dealerships asked of the house, and what they were shown and do not want to see again.

-- Something that only the house can do: deals with each lead, or word of an event type that is coming. Asked twice is one.
CREATE TABLE wishes (
  account_id text COLLATE "C" NOT NULL,
  kind       text COLLATE "C" NOT NULL,         -- deals, event_type
  about      text COLLATE "C" NOT NULL,         -- the event type; empty for deals
  answers    text COLLATE "C" NOT NULL,         -- JSON: what was answered to the questions of its kind
  asked_by   text COLLATE "C" NOT NULL,
  asked_at   bigint           NOT NULL,
  done_by    text COLLATE "C",
  done_at    bigint,                            -- null while somebody waits for it
  PRIMARY KEY (account_id, kind, about)
);

-- Suggestions that an account does not want to see again.
CREATE TABLE dismissed (
  account_id   text COLLATE "C" NOT NULL,
  item         text COLLATE "C" NOT NULL,
  dismissed_by text COLLATE "C" NOT NULL,
  dismissed_at bigint           NOT NULL,
  PRIMARY KEY (account_id, item)
);
