-- How often something changed that decides how an account's events are planned. Whoever leases the plan lane reads it
-- with the lease, and what it read of the account before still counts if it is the same. Triggers keep it, so that no
-- statement can forget it.
ALTER TABLE lanes ADD COLUMN revision integer NOT NULL DEFAULT 0;

CREATE TRIGGER connections_inserted AFTER INSERT ON connections BEGIN
  UPDATE lanes SET revision = revision + 1 WHERE account_id = NEW.account_id AND id = NEW.account_id;
END;
CREATE TRIGGER connections_updated AFTER UPDATE OF state ON connections BEGIN
  UPDATE lanes SET revision = revision + 1 WHERE account_id = NEW.account_id AND id = NEW.account_id;
END;
CREATE TRIGGER subscriptions_inserted AFTER INSERT ON subscriptions BEGIN
  UPDATE lanes SET revision = revision + 1 WHERE account_id = NEW.account_id AND id = NEW.account_id;
END;
CREATE TRIGGER subscriptions_deleted AFTER DELETE ON subscriptions BEGIN
  UPDATE lanes SET revision = revision + 1 WHERE account_id = OLD.account_id AND id = OLD.account_id;
END;
CREATE TRIGGER bindings_inserted AFTER INSERT ON bindings BEGIN
  UPDATE lanes SET revision = revision + 1 WHERE account_id = NEW.account_id AND id = NEW.account_id;
END;
CREATE TRIGGER sources_inserted AFTER INSERT ON sources BEGIN
  UPDATE lanes SET revision = revision + 1 WHERE account_id = NEW.account_id AND id = NEW.account_id;
END;
CREATE TRIGGER sources_updated AFTER UPDATE ON sources BEGIN
  UPDATE lanes SET revision = revision + 1 WHERE account_id = NEW.account_id AND id = NEW.account_id;
END;
