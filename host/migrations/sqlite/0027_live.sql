-- What happened to leads, for whoever watches an account, and filters of the list that have a name.

-- Accounts that somebody watches. What happens to others is not noted.
CREATE TABLE watched (
  account_id text    NOT NULL PRIMARY KEY,
  since      integer NOT NULL,                  -- noted without a gap from then on
  until      integer NOT NULL                   -- whoever watches moves it on
) STRICT, WITHOUT ROWID;

-- A row for each commit that changed leads of such an account. Only the last minutes are kept.
CREATE TABLE lead_changes (
  account_id text NOT NULL,
  id         text NOT NULL,                     -- sorts by time, nearly: a commit that takes long comes behind a later one
  events     text NOT NULL,                     -- JSON: the ids of the leads
  PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;

-- Filters of the list of leads that somebody gave a name. The whole account sees them.
CREATE TABLE saved_views (
  account_id text    NOT NULL,
  id         text    NOT NULL,
  name       text    NOT NULL,
  query      text    NOT NULL,                  -- as the end of the list's address
  made_by    text    NOT NULL,
  made_at    integer NOT NULL,
  PRIMARY KEY (account_id, id),
  UNIQUE (account_id, name)
) STRICT;
