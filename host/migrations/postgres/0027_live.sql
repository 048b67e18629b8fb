-- What happened to leads, for whoever watches an account, and filters of the list that have a name.

-- Accounts that somebody watches. What happens to others is not noted.
CREATE TABLE watched (
  account_id text COLLATE "C" NOT NULL PRIMARY KEY,
  since      bigint           NOT NULL,         -- noted without a gap from then on
  until      bigint           NOT NULL          -- whoever watches moves it on
);

-- A row for each commit that changed leads of such an account. Only the last minutes are kept.
CREATE TABLE lead_changes (
  account_id text COLLATE "C" NOT NULL,
  id         text COLLATE "C" NOT NULL,         -- sorts by time, nearly: a commit that takes long comes behind a later one
  events     text COLLATE "C" NOT NULL,         -- JSON: the ids of the leads
  PRIMARY KEY (account_id, id)
);

-- Filters of the list of leads that somebody gave a name. The whole account sees them.
CREATE TABLE saved_views (
  account_id text COLLATE "C" NOT NULL,
  id         text COLLATE "C" NOT NULL,
  name       text COLLATE "C" NOT NULL,
  query      text COLLATE "C" NOT NULL,         -- as the end of the list's address
  made_by    text COLLATE "C" NOT NULL,
  made_at    bigint           NOT NULL,
  PRIMARY KEY (account_id, id),
  UNIQUE (account_id, name)
);
