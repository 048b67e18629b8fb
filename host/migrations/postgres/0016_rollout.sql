-- How an account comes to use a version: who chose it and why, a share of the events to begin with, the way back, and what
-- a rule needs to know that takes it by itself.

-- A row is never changed: what follows it says what became of it.
ALTER TABLE bindings
  ADD COLUMN made_by text COLLATE "C" NOT NULL DEFAULT '',  -- a person's name or a token's; `system`: a rule
  ADD COLUMN reason text COLLATE "C" NOT NULL DEFAULT '',
  ADD COLUMN share bigint NOT NULL DEFAULT 100,              -- percent of the events; the rest goes to `before_id`
  ADD COLUMN before_id text COLLATE "C",                     -- the binding that a rollback goes back to
  ADD COLUMN restores_id text COLLATE "C";                   -- of a rollback: the binding that it repeats

UPDATE bindings SET before_id = (SELECT max(b.id) FROM bindings AS b WHERE b.account_id = bindings.account_id
  AND b.connection_id = bindings.connection_id AND b.event_type = bindings.event_type AND b.id < bindings.id);

-- How the runs of a binding went of late. There is a row only while somebody has to look: the binding is young, or some of
-- its last runs failed. So whoever plans with one that is old and well writes nothing here.
CREATE TABLE breakers (
  account_id text COLLATE "C" NOT NULL,
  binding_id text COLLATE "C" NOT NULL,
  recent     text COLLATE "C" NOT NULL,                  -- its last 20 runs, the oldest first: `.` or, where it failed, `x`
  runs       bigint NOT NULL,                            -- since it was enabled
  tripped_at bigint,                                     -- since when its events wait instead of running
  PRIMARY KEY (account_id, binding_id)
);

-- Who plans keeps in mind which bindings have a row, and which of them wait.
CREATE TRIGGER breakers_revise AFTER INSERT OR DELETE ON breakers FOR EACH ROW EXECUTE FUNCTION account_revised();
CREATE TRIGGER breakers_tripped AFTER UPDATE OF tripped_at ON breakers FOR EACH ROW
  WHEN (OLD.tripped_at IS DISTINCT FROM NEW.tripped_at) EXECUTE FUNCTION account_revised();

-- With what a plan was made: version and settings stand in the binding. None of the plans from before this column.
ALTER TABLE plans ADD COLUMN binding_id text COLLATE "C";

-- Runs that led to no delivery: those that led to one are in `plans`, and need no row of their own.
CREATE TABLE runs (
  account_id   text COLLATE "C" NOT NULL,
  event_id     text COLLATE "C" NOT NULL,
  id           text COLLATE "C" NOT NULL,
  binding_id   text COLLATE "C" NOT NULL,
  problem      text COLLATE "C" NOT NULL,                -- JSON: why there are no actions
  dropped      text COLLATE "C" NOT NULL,                -- JSON
  fuel         bigint NOT NULL,
  memory_bytes bigint NOT NULL,
  micros       bigint NOT NULL,
  PRIMARY KEY (account_id, event_id, id)
) PARTITION BY RANGE (event_id);
CREATE TABLE runs_rest PARTITION OF runs DEFAULT;
