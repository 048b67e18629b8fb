-- A replay has a name, and may plan anew what failed instead of letting it go on with its stored plan.
ALTER TABLE replays ADD COLUMN name text NOT NULL DEFAULT '';          -- empty: nobody gave it one
ALTER TABLE replays ADD COLUMN afresh integer NOT NULL DEFAULT 0;      -- 1: what failed or was cancelled is planned anew
