-- What came of requests that carry a key of their own, so that a repeat is answered and not done again.
CREATE TABLE kept_answers (
  account_id text    NOT NULL,                  -- of whoever asked; `acc_house` for who works across accounts
  asker      text    NOT NULL,                  -- SHA-256 of what the asker is known by: keys of two askers never meet
  key        text    NOT NULL,                  -- as the asker chose it
  hash       text    NOT NULL,                  -- SHA-256 of method, address and body
  started_at integer NOT NULL,
  status     integer,                           -- null while it is under way
  etag       text,
  body       text,                              -- null where the answer showed a secret: that is shown once
  PRIMARY KEY (account_id, asker, key)
) STRICT;

CREATE INDEX kept_answers_by_time ON kept_answers (started_at);
