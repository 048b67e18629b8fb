-- What does not fit a portal before a lead meets it, and what a lead went through without.

ALTER TABLE portal_schemas ADD COLUMN tried_at bigint  NOT NULL DEFAULT 0;  -- of the last try to read it, good or bad

-- What a connection's portal lacks for its bindings, as its last check found. The issue of a row stays open while it stands.
CREATE TABLE drift (
  account_id    text COLLATE "C" NOT NULL,
  connection_id text COLLATE "C" NOT NULL,
  code          text COLLATE "C" NOT NULL,
  subject       text COLLATE "C" NOT NULL,
  PRIMARY KEY (account_id, connection_id, code, subject)
);

-- Values that a record in HubSpot went without, and that may be filled in one day: a job that waits to be asked for.
-- The value itself is in the delivery. Rows of one record stand together.
CREATE TABLE dropped (
  account_id    text COLLATE "C"    NOT NULL,
  connection_id text COLLATE "C"    NOT NULL,
  object_type   text COLLATE "C"    NOT NULL,
  record_id     text COLLATE "C"    NOT NULL,
  property      text COLLATE "C"    NOT NULL,
  delivery_id   text COLLATE "C"    NOT NULL,
  code          text COLLATE "C"    NOT NULL,
  subject       text COLLATE "C"    NOT NULL,               -- with the code: the issue that it counts for
  at            bigint  NOT NULL,
  PRIMARY KEY (account_id, connection_id, object_type, record_id, property, delivery_id)
);

CREATE INDEX dropped_by_issue ON dropped (account_id, code, subject);
