-- What retention looks for when it removes what is old. None of these columns ever changes.

-- Oldest first, a page at a time.
CREATE INDEX event_keys_by_time ON event_keys (seen_at);
-- Of all sources, for the operator's list too.
CREATE INDEX rejected_by_id ON rejected (id);
-- What may be filled in keeps its delivery.
CREATE INDEX dropped_by_delivery ON dropped (delivery_id, account_id);
