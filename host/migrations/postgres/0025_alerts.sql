-- By which rules people are told that something is wrong, what they were told of, and the messages on their way.
CREATE TABLE alert_rules (
  account_id text COLLATE "C" NOT NULL,
  id         text COLLATE "C" NOT NULL,
  watches    text COLLATE "C" NOT NULL,                  -- JSON: what for
  channel    text COLLATE "C" NOT NULL,                  -- JSON: who is told, by mail or by webhook
  quiet      text COLLATE "C",                              -- JSON: hours in which nobody is told
  secret     text COLLATE "C" NOT NULL,                  -- sealed: signs the requests of a webhook; empty where there is none
  is_on      bigint NOT NULL,
  revision   bigint NOT NULL,                  -- raised by each change, so that nobody overwrites what another one did
  created_by text COLLATE "C" NOT NULL,
  created_at bigint NOT NULL,
  problem    text COLLATE "C",                              -- why its last message did not arrive; null where it did
  PRIMARY KEY (account_id, id)
);

-- What a rule found, from the first time until it is over: by it each thing is told once.
CREATE TABLE alerts (
  account_id text COLLATE "C" NOT NULL,
  rule_id    text COLLATE "C" NOT NULL,
  subject    text COLLATE "C" NOT NULL,                  -- what it is about, such as an issue
  finding    text COLLATE "C" NOT NULL,                  -- JSON: as it was found first
  found_at   bigint NOT NULL,
  told_at    bigint,                           -- null while the hours are quiet
  gone_at    bigint,                           -- since when it is not found any more
  PRIMARY KEY (account_id, rule_id, subject)
);

-- When the rules of an account are looked at next. Whoever moves the time holds the turn.
CREATE TABLE alert_turns (
  account_id text COLLATE "C" NOT NULL PRIMARY KEY,
  next_at    bigint NOT NULL
);

CREATE INDEX alert_turns_due ON alert_turns (next_at);

-- Messages to people and programs. A link that signs somebody in is made when its message is sent, so none lies here.
CREATE TABLE outbox (
  account_id text COLLATE "C" NOT NULL,                  -- acc_house for what belongs to no account
  id         text COLLATE "C" NOT NULL,
  kind       text COLLATE "C" NOT NULL,                  -- sign_in, invitation, alert, resolved, test, digest
  way        text COLLATE "C" NOT NULL,                  -- mail, webhook
  recipient  text COLLATE "C" NOT NULL,                  -- an address
  rule_id    text COLLATE "C",
  subject    text COLLATE "C" NOT NULL,
  content    text COLLATE "C" NOT NULL,                  -- JSON: what it is made of
  state      text COLLATE "C" NOT NULL,                  -- waiting, sent, failed, dropped
  attempts   bigint NOT NULL,                  -- counted when one begins, so it tells whose attempt it is
  due_at     bigint NOT NULL,                  -- the next attempt; while one is under way, the end of its lease
  ends_at    bigint NOT NULL,                  -- after that nobody wants it any more
  reason     text COLLATE "C",                              -- why the last attempt failed
  created_at bigint NOT NULL,
  done_at    bigint,
  PRIMARY KEY (account_id, id)
);

CREATE INDEX outbox_due ON outbox (due_at) WHERE state = 'waiting';
CREATE INDEX outbox_by_time ON outbox (created_at);
-- How often an address was asked for of late.
CREATE INDEX outbox_by_recipient ON outbox (recipient, created_at);
