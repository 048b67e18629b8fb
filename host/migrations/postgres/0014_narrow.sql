-- What is wide of a call is written once, beside its row, which changes when a settle takes its answer in.

-- What was sent. Wide, written once.
CREATE TABLE call_requests (
  call_id    text COLLATE "C" NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  items      text COLLATE "C" NOT NULL,         -- JSON: the deliveries and actions that it serves
  request    text COLLATE "C" NOT NULL,         -- JSON: method, path and body; never a header, so never a token
  PRIMARY KEY (call_id, account_id)
) PARTITION BY RANGE (call_id);
CREATE TABLE call_requests_rest PARTITION OF call_requests DEFAULT;

-- What came back, if anything did. Wide, written once.
CREATE TABLE call_answers (
  call_id        text COLLATE "C" NOT NULL,
  account_id     text COLLATE "C" NOT NULL,
  ended_at       bigint           NOT NULL,
  status         bigint,                        -- null where HubSpot was not reached
  correlation_id text COLLATE "C",
  answer         text COLLATE "C" NOT NULL,     -- JSON: the raw body, cut, or why there was none
  PRIMARY KEY (call_id, account_id)
) PARTITION BY RANGE (call_id);
CREATE TABLE call_answers_rest PARTITION OF call_answers DEFAULT;

-- The days that calls are cut into already, so that what is there goes with its day.
DO $$
DECLARE
  day record;
  wide text;
BEGIN
  FOR day IN
    SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bounds
    FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'calls'::regclass AND c.relname <> 'calls_rest'
  LOOP
    FOREACH wide IN ARRAY ARRAY['call_requests', 'call_answers'] LOOP
      EXECUTE format('CREATE TABLE %I PARTITION OF %I %s', wide || substr(day.name, 6), wide, day.bounds);
    END LOOP;
  END LOOP;
END $$;

INSERT INTO call_requests (call_id, account_id, items, request) SELECT id, account_id, items, request FROM calls;
INSERT INTO call_answers (call_id, account_id, ended_at, status, correlation_id, answer)
SELECT id, account_id, ended_at, status, correlation_id, answer FROM calls WHERE answer IS NOT NULL;

ALTER TABLE calls
  DROP COLUMN items, DROP COLUMN request,
  DROP COLUMN ended_at, DROP COLUMN status, DROP COLUMN correlation_id, DROP COLUMN answer;
