-- What the list of leads is found by, and what the overview is added up from.

-- What is neither on its way nor simply done, by what it is, and by why; null for all others. Both are made of the state,
-- so no statement can forget them. An update that leaves a mark as it was touches no index: a column of its own lets it,
-- where the state itself in an index would not.
ALTER TABLE events
  ADD COLUMN mark text COLLATE "C" GENERATED ALWAYS AS
    (CASE WHEN state IN ('skipped', 'held', 'refused') THEN state END) STORED,
  ADD COLUMN code text COLLATE "C" GENERATED ALWAYS AS
    (CASE WHEN state IN ('skipped', 'held', 'refused') THEN substring(reason FROM '"code":"([^"]*)"') END) STORED,
  -- What is counted and filtered of a lead when its body is long gone. Null where the event is about no lead, or has not
  -- been planned since these columns are there.
  ADD COLUMN dealership text COLLATE "C",  -- its slug
  ADD COLUMN has_email bigint,
  ADD COLUMN is_test bigint;
ALTER TABLE deliveries
  ADD COLUMN mark text COLLATE "C" GENERATED ALWAYS AS
    (CASE WHEN state = 'pending' THEN CASE WHEN attempts > 0 THEN 'retrying' END
          WHEN state = 'delivered' THEN CASE WHEN strpos(outcome, '"dropped":[') > 0 THEN 'warned' END
          ELSE state END) STORED,
  ADD COLUMN code text COLLATE "C" GENERATED ALWAYS AS
    (CASE WHEN state IN ('blocked', 'failed') OR state = 'pending' AND attempts > 0
          THEN substring(reason FROM '"code":"([^"]*)"') END) STORED,
  ADD COLUMN contact text COLLATE "C";     -- created, updated; null: no contact is written yet

CREATE INDEX events_by_mark ON events (account_id, mark, id) WHERE mark IS NOT NULL;
CREATE INDEX events_by_code ON events (account_id, code, id) WHERE code IS NOT NULL;
CREATE INDEX deliveries_by_mark ON deliveries (account_id, mark, event_id) WHERE mark IS NOT NULL;
CREATE INDEX deliveries_by_code ON deliveries (account_id, code, event_id) WHERE code IS NOT NULL;

-- The words that a lead is found by. An hour's words stand together: a search reads the newest hours first and stops when it
-- has a page, and what is written now lies on few pages.
CREATE TABLE lead_words (
  account_id text COLLATE "C" NOT NULL,
  hour       bigint           NOT NULL,         -- since 1970, by the event's id
  word       text COLLATE "C" NOT NULL,
  event_id   text COLLATE "C" NOT NULL,
  PRIMARY KEY (account_id, hour, word, event_id)
) PARTITION BY RANGE (event_id);
CREATE TABLE lead_words_rest PARTITION OF lead_words DEFAULT;

-- Figures of an hour that is over, without anything personal. An hour without leads has no row.
CREATE TABLE lead_hours (
  account_id text COLLATE "C" NOT NULL,
  hour       bigint           NOT NULL,         -- since 1970
  dealership text COLLATE "C" NOT NULL,         -- = and its slug, = where a lead names none; empty: of all leads of the hour
  figures    text COLLATE "C" NOT NULL,         -- JSON
  PRIMARY KEY (account_id, hour, dealership)
);

-- Up to where the hours of an account are added up.
CREATE TABLE hours_filled (
  account_id text COLLATE "C" NOT NULL PRIMARY KEY,
  filled_to  bigint           NOT NULL,         -- the first hour that is not
  ids_from   text COLLATE "C" NOT NULL          -- events before this id came before it
);

-- Hours in which something changed after they were over: what is stored of them no longer counts.
CREATE TABLE hours_changed (
  account_id text COLLATE "C" NOT NULL,
  hour       bigint           NOT NULL,
  times      bigint           NOT NULL,         -- how often: whoever adds it up again sees that it changed meanwhile
  PRIMARY KEY (account_id, hour)
);
