-- How often something changed that decides how an account's events are planned. Whoever leases the plan lane reads it
-- with the lease, and what it read of the account before still counts if it is the same. Triggers keep it, so that no
-- statement can forget it.
ALTER TABLE lanes ADD COLUMN revision bigint NOT NULL DEFAULT 0;

CREATE FUNCTION account_revised() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE lanes SET revision = revision + 1 WHERE account_id = coalesce(NEW.account_id, OLD.account_id)
    AND id = coalesce(NEW.account_id, OLD.account_id);
  RETURN NULL;
END $$;

CREATE TRIGGER connections_revise AFTER INSERT OR UPDATE OF state ON connections FOR EACH ROW EXECUTE FUNCTION account_revised();
CREATE TRIGGER subscriptions_revise AFTER INSERT OR DELETE ON subscriptions FOR EACH ROW EXECUTE FUNCTION account_revised();
CREATE TRIGGER bindings_revise AFTER INSERT ON bindings FOR EACH ROW EXECUTE FUNCTION account_revised();
CREATE TRIGGER sources_revise AFTER INSERT OR UPDATE ON sources FOR EACH ROW EXECUTE FUNCTION account_revised();
