-- About whom a delivery is, so that an old lead that is released or replayed finds the newer ones of the same person.
-- Without an index: it is asked for old leads only, and every new one would pay for it.
ALTER TABLE deliveries ADD COLUMN key_hash text COLLATE "C"; -- as in work; none of the deliveries from before this column
