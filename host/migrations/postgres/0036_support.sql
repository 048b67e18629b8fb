-- What support does about transformations and accounts: a second person where gates are closed, versions that are taken out,
-- and notes on an account.

-- A version that is to be used although gates are closed. One person asks, another one approves; only then it is enabled.
CREATE TABLE waivers (
  account_id    text COLLATE "C" NOT NULL,
  id            text COLLATE "C" NOT NULL,
  connection_id text COLLATE "C" NOT NULL,
  version_id    text COLLATE "C" NOT NULL,
  wish          text COLLATE "C" NOT NULL,               -- JSON: settings, share, why, and the names of the gates
  asked_by      text COLLATE "C" NOT NULL,               -- for whom, as the history tells it
  asker         text COLLATE "C" NOT NULL,               -- who asked: a person, or a key
  asker_maker   text COLLATE "C",                           -- who made that key
  asked_at      bigint NOT NULL,
  answer        text COLLATE "C",                           -- approved, declined; null while it is open
  answered_by   text COLLATE "C",
  answered_at   bigint,
  PRIMARY KEY (account_id, id)
);

-- A version that was taken out: its row stays, since leads and the history name it. Its bytes are gone.
ALTER TABLE versions ADD COLUMN deleted_at bigint;     -- null: it is there
ALTER TABLE versions ADD COLUMN deleted_by text COLLATE "C";

-- What support keeps in mind about an account. Only those who work across accounts read it.
CREATE TABLE account_notes (
  account_id text COLLATE "C" NOT NULL,
  number     bigint NOT NULL,                  -- 1, 2, …
  at         bigint NOT NULL,
  by_whom    text COLLATE "C" NOT NULL,
  words      text COLLATE "C" NOT NULL,
  PRIMARY KEY (account_id, number)
);
