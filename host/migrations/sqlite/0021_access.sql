-- Who may do what: people, keys of programs, links that sign somebody in, the sessions of browsers; and what was done.
-- The account is `acc_house` for whoever works across accounts. Of every secret there is only its SHA-256.
CREATE TABLE people (
  account_id text    NOT NULL,
  id         text    NOT NULL,
  email      text    NOT NULL,                  -- in lower case
  name       text    NOT NULL,
  role       text    NOT NULL,                  -- viewer, manager; of the house: support, operator
  created_by text    NOT NULL,
  created_at integer NOT NULL,
  PRIMARY KEY (account_id, id),
  UNIQUE (account_id, email)
) STRICT;

CREATE INDEX people_by_email ON people (email);

CREATE TABLE api_keys (
  account_id   text    NOT NULL,
  id           text    NOT NULL,
  hash         text    NOT NULL,
  name         text    NOT NULL,
  rights       text    NOT NULL,                -- JSON
  created_by   text    NOT NULL,
  created_at   integer NOT NULL,
  expires_at   integer,
  last_used_at integer,
  revoked_at   integer,
  PRIMARY KEY (account_id, id)
) STRICT;

CREATE UNIQUE INDEX api_keys_by_hash ON api_keys (hash);

CREATE TABLE sign_in_links (
  account_id  text    NOT NULL,
  hash        text    NOT NULL,
  name        text    NOT NULL,                 -- who is signed in by it
  role        text    NOT NULL,
  session_ms  integer NOT NULL,                 -- how long its session lives
  is_embedded integer NOT NULL,                 -- 1: in a frame of another product
  expires_at  integer NOT NULL,
  used_at     integer,
  created_by  text    NOT NULL,
  PRIMARY KEY (account_id, hash)
) STRICT;

CREATE UNIQUE INDEX sign_in_links_by_hash ON sign_in_links (hash);

CREATE TABLE sessions (
  account_id  text    NOT NULL,
  id          text    NOT NULL,
  hash        text    NOT NULL,
  name        text    NOT NULL,
  role        text    NOT NULL,
  is_embedded integer NOT NULL,
  agent       text    NOT NULL,                 -- as the browser calls itself, cut
  created_at  integer NOT NULL,
  seen_at     integer NOT NULL,
  expires_at  integer NOT NULL,
  PRIMARY KEY (account_id, id)
) STRICT;

CREATE UNIQUE INDEX sessions_by_hash ON sessions (hash);

CREATE TABLE audit (
  account_id text    NOT NULL,
  id         text    NOT NULL,
  at         integer NOT NULL,
  actor      text    NOT NULL,
  action     text    NOT NULL,                  -- such as connection.pause
  subject    text    NOT NULL,                  -- the id of what it was done to
  detail     text    NOT NULL,                  -- JSON: what was asked for, without secrets; before and after where they are known
  PRIMARY KEY (account_id, id)
) STRICT;
