-- How an account comes to use a version: who chose it and why, a share of the events to begin with, the way back, and what
-- a rule needs to know that takes it by itself.

-- A row is never changed: what follows it says what became of it.
ALTER TABLE bindings ADD COLUMN made_by text NOT NULL DEFAULT '';  -- a person's name or a token's; `system`: a rule
ALTER TABLE bindings ADD COLUMN reason text NOT NULL DEFAULT '';
ALTER TABLE bindings ADD COLUMN share integer NOT NULL DEFAULT 100; -- percent of the events; the rest goes to `before_id`
ALTER TABLE bindings ADD COLUMN before_id text;                    -- the binding that a rollback goes back to
ALTER TABLE bindings ADD COLUMN restores_id text;                  -- of a rollback: the binding that it repeats

UPDATE bindings SET before_id = (SELECT max(b.id) FROM bindings AS b WHERE b.account_id = bindings.account_id
  AND b.connection_id = bindings.connection_id AND b.event_type = bindings.event_type AND b.id < bindings.id);

-- How the runs of a binding went of late. There is a row only while somebody has to look: the binding is young, or some of
-- its last runs failed. So whoever plans with one that is old and well writes nothing here.
CREATE TABLE breakers (
  account_id text    NOT NULL,
  binding_id text    NOT NULL,
  recent     text    NOT NULL,                  -- its last 20 runs, the oldest first: `.` or, where it failed, `x`
  runs       integer NOT NULL,                  -- since it was enabled
  tripped_at integer,                           -- since when its events wait instead of running
  PRIMARY KEY (account_id, binding_id)
) STRICT, WITHOUT ROWID;

-- Who plans keeps in mind which bindings have a row, and which of them wait.
CREATE TRIGGER breakers_inserted AFTER INSERT ON breakers BEGIN
  UPDATE lanes SET revision = revision + 1 WHERE account_id = NEW.account_id AND id = NEW.account_id;
END;
CREATE TRIGGER breakers_tripped AFTER UPDATE OF tripped_at ON breakers WHEN OLD.tripped_at IS NOT NEW.tripped_at BEGIN
  UPDATE lanes SET revision = revision + 1 WHERE account_id = NEW.account_id AND id = NEW.account_id;
END;
CREATE TRIGGER breakers_deleted AFTER DELETE ON breakers BEGIN
  UPDATE lanes SET revision = revision + 1 WHERE account_id = OLD.account_id AND id = OLD.account_id;
END;

-- With what a plan was made: version and settings stand in the binding. None of the plans from before this column.
ALTER TABLE plans ADD COLUMN binding_id text;

-- Runs that led to no delivery: those that led to one are in `plans`, and need no row of their own.
CREATE TABLE runs (
  account_id   text    NOT NULL,
  event_id     text    NOT NULL,
  id           text    NOT NULL,
  binding_id   text    NOT NULL,
  problem      text    NOT NULL,                -- JSON: why there are no actions
  dropped      text    NOT NULL,                -- JSON
  fuel         integer NOT NULL,
  memory_bytes integer NOT NULL,
  micros       integer NOT NULL,
  PRIMARY KEY (account_id, event_id, id)
) STRICT, WITHOUT ROWID;
