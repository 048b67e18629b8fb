-- Leads that were delivered and wrote no contact, as a transformation of one's own may have it: few, and shown as a part of
-- all that were delivered. As with marks, it is made of the state, and whoever has a contact touches no index: a column of
-- its own lets the update that delivers a lead leave the indexes alone, where an index on the state itself would not.
ALTER TABLE deliveries
  ADD COLUMN lacks text COLLATE "C" GENERATED ALWAYS AS
    (CASE WHEN state = 'delivered' AND contact IS NULL THEN 'contact' END) STORED;

CREATE INDEX deliveries_by_lacks ON deliveries (account_id, lacks, event_id) WHERE lacks IS NOT NULL;
