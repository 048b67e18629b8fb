-- Leads that were delivered and wrote no contact, as a transformation of one's own may have it: few, and shown as a part of
-- all that were delivered. As with marks, it is made of the state, and whoever has a contact touches no index.
ALTER TABLE deliveries ADD COLUMN lacks text GENERATED ALWAYS AS
  (CASE WHEN state = 'delivered' AND contact IS NULL THEN 'contact' END) VIRTUAL;

CREATE INDEX deliveries_by_lacks ON deliveries (account_id, lacks, event_id) WHERE lacks IS NOT NULL;
