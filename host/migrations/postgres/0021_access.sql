-- Who may do what: people, keys of programs, links that sign somebody in, the sessions of browsers; and what was done.
-- The account is `acc_house` for whoever works across accounts. Of every secret there is only its SHA-256.
CREATE TABLE people (
  account_id text COLLATE "C"    NOT NULL,
  id         text COLLATE "C"    NOT NULL,
  email      text COLLATE "C"    NOT NULL,                  -- in lower case
  name       text COLLATE "C"    NOT NULL,
  role       text COLLATE "C"    NOT NULL,                  -- viewer, manager; of the house: support, operator
  created_by text COLLATE "C"    NOT NULL,
  created_at bigint  NOT NULL,
  PRIMARY KEY (account_id, id),
  UNIQUE (account_id, email)
);

CREATE INDEX people_by_email ON people (email);

CREATE TABLE api_keys (
  account_id   text COLLATE "C"    NOT NULL,
  id           text COLLATE "C"    NOT NULL,
  hash         text COLLATE "C"    NOT NULL,
  name         text COLLATE "C"    NOT NULL,
  rights       text COLLATE "C"    NOT NULL,                -- JSON
  created_by   text COLLATE "C"    NOT NULL,
  created_at   bigint  NOT NULL,
  expires_at   bigint ,
  last_used_at bigint ,
  revoked_at   bigint ,
  PRIMARY KEY (account_id, id)
);

CREATE UNIQUE INDEX api_keys_by_hash ON api_keys (hash);

CREATE TABLE sign_in_links (
  account_id  text COLLATE "C"    NOT NULL,
  hash        text COLLATE "C"    NOT NULL,
  name        text COLLATE "C"    NOT NULL,                 -- who is signed in by it
  role        text COLLATE "C"    NOT NULL,
  session_ms  bigint  NOT NULL,                 -- how long its session lives
  is_embedded bigint  NOT NULL,                 -- 1: in a frame of another product
  expires_at  bigint  NOT NULL,
  used_at     bigint ,
  created_by  text COLLATE "C"    NOT NULL,
  PRIMARY KEY (account_id, hash)
);

CREATE UNIQUE INDEX sign_in_links_by_hash ON sign_in_links (hash);

CREATE TABLE sessions (
  account_id  text COLLATE "C"    NOT NULL,
  id          text COLLATE "C"    NOT NULL,
  hash        text COLLATE "C"    NOT NULL,
  name        text COLLATE "C"    NOT NULL,
  role        text COLLATE "C"    NOT NULL,
  is_embedded bigint  NOT NULL,
  agent       text COLLATE "C"    NOT NULL,                 -- as the browser calls itself, cut
  created_at  bigint  NOT NULL,
  seen_at     bigint  NOT NULL,
  expires_at  bigint  NOT NULL,
  PRIMARY KEY (account_id, id)
);

CREATE UNIQUE INDEX sessions_by_hash ON sessions (hash);

CREATE TABLE audit (
  account_id text COLLATE "C"    NOT NULL,
  id         text COLLATE "C"    NOT NULL,
  at         bigint  NOT NULL,
  actor      text COLLATE "C"    NOT NULL,
  action     text COLLATE "C"    NOT NULL,                  -- such as connection.pause
  subject    text COLLATE "C"    NOT NULL,                  -- the id of what it was done to
  detail     text COLLATE "C"    NOT NULL,                  -- JSON: what was asked for, without secrets; before and after where they are known
  PRIMARY KEY (account_id, id)
);
