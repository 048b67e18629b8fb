-- What people do about an issue while it is open: who saw it, and who wants no more of it for now.
ALTER TABLE causes ADD COLUMN seen_by text COLLATE "C";             -- null: nobody has acknowledged it
ALTER TABLE causes ADD COLUMN seen_at bigint;
ALTER TABLE causes ADD COLUMN muted_by text COLLATE "C";            -- null: it is not muted
ALTER TABLE causes ADD COLUMN muted_at bigint;
ALTER TABLE causes ADD COLUMN muted_until bigint;      -- null: until it concerns more leads than these
ALTER TABLE causes ADD COLUMN muted_leads bigint NOT NULL DEFAULT 0;
ALTER TABLE causes ADD COLUMN released bigint NOT NULL DEFAULT 0; -- leads that went on by themselves, once it was mended

-- Issues that are over. A cause that comes back is another issue.
CREATE TABLE past_causes (
  account_id text COLLATE "C" NOT NULL,
  id         text COLLATE "C" NOT NULL,
  problem    text COLLATE "C" NOT NULL,         -- JSON: as it was first seen
  first_at   bigint           NOT NULL,
  over_at    bigint           NOT NULL,
  released   bigint           NOT NULL,
  PRIMARY KEY (account_id, id)
);

CREATE INDEX past_causes_by_time ON past_causes (account_id, over_at);

-- What people say about an issue. It stays as long as the issue is remembered.
CREATE TABLE cause_comments (
  account_id text COLLATE "C" NOT NULL,
  cause_id   text COLLATE "C" NOT NULL,
  number     bigint           NOT NULL,         -- 1, 2, …
  at         bigint           NOT NULL,
  by_whom    text COLLATE "C" NOT NULL,
  words      text COLLATE "C" NOT NULL,
  PRIMARY KEY (account_id, cause_id, number)
);

-- The secret before, which signs beside the new one until this time.
ALTER TABLE alert_rules ADD COLUMN old_secret text COLLATE "C" NOT NULL DEFAULT '';  -- sealed; empty where there is none
ALTER TABLE alert_rules ADD COLUMN old_until bigint NOT NULL DEFAULT 0;
