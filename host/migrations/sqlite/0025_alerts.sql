-- By which rules people are told that something is wrong, what they were told of, and the messages on their way.
CREATE TABLE alert_rules (
  account_id text    NOT NULL,
  id         text    NOT NULL,
  watches    text    NOT NULL,                  -- JSON: what for
  channel    text    NOT NULL,                  -- JSON: who is told, by mail or by webhook
  quiet      text,                              -- JSON: hours in which nobody is told
  secret     text    NOT NULL,                  -- sealed: signs the requests of a webhook; empty where there is none
  is_on      integer NOT NULL,
  revision   integer NOT NULL,                  -- raised by each change, so that nobody overwrites what another one did
  created_by text    NOT NULL,
  created_at integer NOT NULL,
  problem    text,                              -- why its last message did not arrive; null where it did
  PRIMARY KEY (account_id, id)
) STRICT;

-- What a rule found, from the first time until it is over: by it each thing is told once.
CREATE TABLE alerts (
  account_id text    NOT NULL,
  rule_id    text    NOT NULL,
  subject    text    NOT NULL,                  -- what it is about, such as an issue
  finding    text    NOT NULL,                  -- JSON: as it was found first
  found_at   integer NOT NULL,
  told_at    integer,                           -- null while the hours are quiet
  gone_at    integer,                           -- since when it is not found any more
  PRIMARY KEY (account_id, rule_id, subject)
) STRICT, WITHOUT ROWID;

-- When the rules of an account are looked at next. Whoever moves the time holds the turn.
CREATE TABLE alert_turns (
  account_id text    NOT NULL PRIMARY KEY,
  next_at    integer NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX alert_turns_due ON alert_turns (next_at);

-- Messages to people and programs. A link that signs somebody in is made when its message is sent, so none lies here.
CREATE TABLE outbox (
  account_id text    NOT NULL,                  -- acc_house for what belongs to no account
  id         text    NOT NULL,
  kind       text    NOT NULL,                  -- sign_in, invitation, alert, resolved, test, digest
  way        text    NOT NULL,                  -- mail, webhook
  recipient  text    NOT NULL,                  -- an address
  rule_id    text,
  subject    text    NOT NULL,
  content    text    NOT NULL,                  -- JSON: what it is made of
  state      text    NOT NULL,                  -- waiting, sent, failed, dropped
  attempts   integer NOT NULL,                  -- counted when one begins, so it tells whose attempt it is
  due_at     integer NOT NULL,                  -- the next attempt; while one is under way, the end of its lease
  ends_at    integer NOT NULL,                  -- after that nobody wants it any more
  reason     text,                              -- why the last attempt failed
  created_at integer NOT NULL,
  done_at    integer,
  PRIMARY KEY (account_id, id)
) STRICT;

CREATE INDEX outbox_due ON outbox (due_at) WHERE state = 'waiting';
CREATE INDEX outbox_by_time ON outbox (created_at);
-- How often an address was asked for of late.
CREATE INDEX outbox_by_recipient ON outbox (recipient, created_at);
