-- What support does about transformations and accounts: a second person where gates are closed, versions that are taken out,
-- and notes on an account.

-- A version that is to be used although gates are closed. One person asks, another one approves; only then it is enabled.
CREATE TABLE waivers (
  account_id    text    NOT NULL,
  id            text    NOT NULL,
  connection_id text    NOT NULL,
  version_id    text    NOT NULL,
  wish          text    NOT NULL,               -- JSON: settings, share, why, and the names of the gates
  asked_by      text    NOT NULL,               -- for whom, as the history tells it
  asker         text    NOT NULL,               -- who asked: a person, or a key
  asker_maker   text,                           -- who made that key
  asked_at      integer NOT NULL,
  answer        text,                           -- approved, declined; null while it is open
  answered_by   text,
  answered_at   integer,
  PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;

-- A version that was taken out: its row stays, since leads and the history name it. Its bytes are gone.
ALTER TABLE versions ADD COLUMN deleted_at integer;     -- null: it is there
ALTER TABLE versions ADD COLUMN deleted_by text;

-- What support keeps in mind about an account. Only those who work across accounts read it.
CREATE TABLE account_notes (
  account_id text    NOT NULL,
  number     integer NOT NULL,                  -- 1, 2, …
  at         integer NOT NULL,
  by_whom    text    NOT NULL,
  words      text    NOT NULL,
  PRIMARY KEY (account_id, number)
) STRICT, WITHOUT ROWID;
