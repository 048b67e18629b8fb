//! Rules by which people are told, what they found, and the few figures that they are decided by.

use secrecy::{ExposeSecret as _, SecretString};

use super::retention::time_of;
use super::{Result, Store, StoreError, json, outbox, parse, query, sql};
use crate::cause::Code;
use crate::model::alert::AlertRule;
use crate::model::id::{AccountId, AlertId};
use crate::model::message::Message;
use crate::model::time::Timestamp;
use crate::watch::{Change, FailedLead, Found, Waiting};

/// Waiting leads that are counted of each state: beyond that it is "1,000 or more" anyway.
const COUNTED_MAX: i64 = 1_000;
/// A newest lead is looked for among so many: the others may all be test leads.
const LOOKED_MAX: i64 = 200;

type Row = (String, String, String, String, Option<String>, i64, i64, String, i64, Option<String>);

macro_rules! columns {
    () => {
        "account_id, id, watches, channel, quiet, is_on, revision, created_by, created_at, problem"
    };
}

fn rule(
    (account, id, watches, channel, quiet, is_on, revision, created_by, created_at, problem): Row,
) -> Result<AlertRule> {
    Ok(AlertRule {
        id: AlertId::stored(id),
        account_id: AccountId::stored(account),
        watches: parse(&watches)?,
        channel: parse(&channel)?,
        quiet: quiet.as_deref().map(parse).transpose()?,
        is_on: is_on != 0,
        revision,
        created_by,
        created_at: Timestamp(created_at),
        problem,
    })
}

fn place(id: &AlertId) -> String {
    format!("alert_rules/{id}/secret")
}

fn old_place(id: &AlertId) -> String {
    format!("alert_rules/{id}/old_secret")
}

/// When an account is looked at next that has no rules.
const NEVER: i64 = i64::MAX;

/// A turn to look at the rules of an account: who moved the time to this one has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    pub account_id: AccountId,
    /// The account was given the rules that suit everybody, or somebody made one before.
    pub was_suggested: bool,
    until: Timestamp,
}

impl Store {
    /// Keeps a new rule, with the secret that signs for its webhook. Its account is looked at from now on.
    pub async fn insert_alert_rule(&self, rule: &AlertRule, secret: Option<&SecretString>) -> Result<()> {
        let insert = insert(rule);
        let turn = chosen(&rule.account_id, rule.created_at);
        let (keys, place, secret) = (self.keys.clone(), place(&rule.id), secret.cloned());
        let kept = self.db.write(move |tx| {
            Box::pin(async move {
                tx.guard_keys(false).await?;
                let sealed = secret.map(|secret| keys.seal(&place, secret.expose_secret())).unwrap_or_default();
                insert.bind(sealed).execute(&mut *tx).await?;
                turn.execute(tx).await.map(drop)
            })
        });
        kept.await
    }

    /// Keeps the rules that an account is given by itself, and that it was: they are given once. All of them tell by mail.
    pub async fn insert_suggested_rules(&self, account: &AccountId, rules: &[AlertRule]) -> Result<()> {
        let given =
            query(sql!("UPDATE alert_turns SET was_suggested = 1 WHERE account_id = $1")).bind(account.as_str());
        let inserts: Vec<_> = rules.iter().map(|rule| insert(rule).bind(String::new())).collect();
        let kept = self.db.write(move |tx| {
            Box::pin(async move {
                for statement in inserts.into_iter().chain([given]) {
                    statement.execute(&mut *tx).await?;
                }
                Ok(())
            })
        });
        kept.await
    }

    /// The rules of an account, the oldest first.
    pub async fn alert_rules(&self, account: &AccountId) -> Result<Vec<AlertRule>> {
        let rows: Vec<Row> = query(sql!("SELECT " columns!() " FROM alert_rules WHERE account_id = $1 ORDER BY id"))
            .bind(account.as_str())
            .fetch_all(&self.db)
            .await?;
        rows.into_iter().map(rule).collect()
    }

    /// One rule, whosever it is.
    pub async fn alert_rule(&self, id: &str) -> Result<Option<AlertRule>> {
        let row: Option<Row> = query(sql!("SELECT " columns!() " FROM alert_rules WHERE id = $1"))
            .bind(id)
            .fetch_optional(&self.db)
            .await?;
        row.map(rule).transpose()
    }

    /// What signs for a rule's webhook now: the secret, and behind it the one before while that counts. Nothing where the
    /// rule is gone or has none.
    ///
    /// # Errors
    /// The database's, and when a secret cannot be opened with the key ring.
    pub async fn alert_secrets(
        &self,
        account: &AccountId,
        id: &AlertId,
        now: Timestamp,
    ) -> anyhow::Result<Vec<SecretString>> {
        let find =
            query(sql!("SELECT secret, old_secret, old_until FROM alert_rules WHERE account_id = $1 AND id = $2"));
        let found: Option<(String, String, i64)> =
            find.bind(account.as_str()).bind(id.as_str()).fetch_optional(&self.db).await?;
        let Some((secret, old, until)) = found else { return Ok(Vec::new()) };
        let sealed = [(place(id), secret), (old_place(id), if now.0 < until { old } else { String::new() })];
        let sealed = sealed.into_iter().filter(|(_, sealed)| !sealed.is_empty());
        Ok(sealed.map(|(place, sealed)| self.keys.open(&place, &sealed)).collect::<std::result::Result<_, _>>()?)
    }

    /// Gives the webhook of a rule a new secret, if the rule is still at the revision that it names. The one before signs
    /// beside it until `until`. Says whether it was done.
    ///
    /// # Errors
    /// The database's, and when the secret before cannot be opened with the key ring.
    pub async fn rotate_alert_secret(
        &self,
        rule: &AlertRule,
        secret: &SecretString,
        until: Timestamp,
    ) -> anyhow::Result<bool> {
        let find = query(sql!("SELECT secret FROM alert_rules WHERE account_id = $1 AND id = $2"));
        let before: Option<String> =
            find.bind(rule.account_id.as_str()).bind(rule.id.as_str()).fetch_optional(&self.db).await?;
        let before = before.filter(|sealed| !sealed.is_empty());
        let before = before.map(|sealed| self.keys.open(&place(&rule.id), &sealed)).transpose()?;
        let set = query(sql!(
            "UPDATE alert_rules SET revision = revision + 1, secret = $4, old_secret = $5, old_until = $6
             WHERE account_id = $1 AND id = $2 AND revision = $3"
        ));
        let set = set.bind(rule.account_id.as_str()).bind(rule.id.as_str()).bind(rule.revision);
        let (keys, id, secret) = (self.keys.clone(), rule.id.clone(), secret.clone());
        let done = self.db.write(move |tx| {
            Box::pin(async move {
                tx.guard_keys(false).await?;
                let seal = |place: String, secret: &SecretString| keys.seal(&place, secret.expose_secret());
                let old = before.map(|before| seal(old_place(&id), &before)).unwrap_or_default();
                set.bind(seal(place(&id), &secret)).bind(old).bind(until.0).execute(tx).await
            })
        });
        Ok(done.await? > 0)
    }

    /// Changes a rule that is still at the revision that it names; it is one further then. What the rule found before is
    /// forgotten where it watches for something else now.
    pub async fn set_alert_rule(&self, rule: &AlertRule, secret: Option<&SecretString>, forgets: bool) -> Result<bool> {
        let set = query(sql!(
            "UPDATE alert_rules SET watches = $4, channel = $5, quiet = $6, is_on = $7, revision = revision + 1, problem = NULL
             WHERE account_id = $1 AND id = $2 AND revision = $3"
        ));
        let (account, id) = (rule.account_id.to_string(), rule.id.to_string());
        let set = set.bind(&account).bind(&id).bind(rule.revision).bind(json(&rule.watches)).bind(json(&rule.channel));
        let set = set.bind(rule.quiet.as_ref().map(json)).bind(i64::from(rule.is_on));
        let (keys, place, secret) = (self.keys.clone(), place(&rule.id), secret.cloned());
        let done = self.db.write(move |tx| {
            Box::pin(async move {
                tx.guard_keys(false).await?;
                if set.execute(&mut *tx).await? == 0 {
                    return Ok(false);
                }
                if let Some(secret) = secret {
                    let sealed = keys.seal(&place, secret.expose_secret());
                    let seal = query(sql!(
                        "UPDATE alert_rules SET secret = $3, old_secret = '' WHERE account_id = $1 AND id = $2"
                    ));
                    seal.bind(&account).bind(&id).bind(sealed).execute(&mut *tx).await?;
                }
                if forgets {
                    let forget = query(sql!("DELETE FROM alerts WHERE account_id = $1 AND rule_id = $2"));
                    forget.bind(&account).bind(&id).execute(tx).await?;
                }
                Ok(true)
            })
        });
        done.await
    }

    /// Takes a rule out, with what it found. What is on its way is still sent. Says whether there was one.
    pub async fn remove_alert_rule(&self, rule: &AlertRule) -> Result<bool> {
        let of_rule = |sql| query(sql).bind(rule.account_id.as_str()).bind(rule.id.as_str());
        let forget = of_rule(sql!("DELETE FROM alerts WHERE account_id = $1 AND rule_id = $2"));
        let remove = of_rule(sql!("DELETE FROM alert_rules WHERE account_id = $1 AND id = $2"));
        let done = self.db.execute_all([forget, remove]).await?;
        Ok(done.last().is_some_and(|rows| *rows > 0))
    }

    /// What the rules of an account have found and is not over.
    pub async fn found(&self, account: &AccountId) -> Result<Vec<Found>> {
        type FoundRow = (String, String, i64, Option<i64>, Option<i64>);
        let find = query(sql!(
            "SELECT rule_id, finding, found_at, told_at, gone_at FROM alerts WHERE account_id = $1 ORDER BY rule_id, subject"
        ));
        let rows: Vec<FoundRow> = find.bind(account.as_str()).fetch_all(&self.db).await?;
        let found = |(rule, finding, found_at, told_at, gone_at): FoundRow| {
            Ok(Found {
                rule_id: AlertId::stored(rule),
                finding: parse(&finding)?,
                found_at: Timestamp(found_at),
                told_at: told_at.map(Timestamp),
                gone_at: gone_at.map(Timestamp),
            })
        };
        rows.into_iter().map(found).collect()
    }

    /// Takes the turn of an account whose time has come. Whoever takes it has it until `until`.
    pub async fn take_alert_turn(&self, until: Timestamp, now: Timestamp) -> Result<Option<Turn>> {
        // Nearly always there is none, and a look costs no commit.
        let due = query(sql!("SELECT account_id FROM alert_turns WHERE next_at <= $1 LIMIT 1")).bind(now.0);
        if due.fetch_optional::<String>(&self.db).await?.is_none() {
            return Ok(None);
        }
        let take = query(sql!(
            "UPDATE alert_turns SET next_at = $2 WHERE account_id IN
               (SELECT account_id FROM alert_turns WHERE next_at <= $1 ORDER BY next_at LIMIT 1"
            on(sqlite: "", postgres: " FOR UPDATE SKIP LOCKED") ") RETURNING account_id, was_suggested"
        ));
        let take = take.bind(now.0).bind(until.0);
        let taken: Option<(String, i64)> = self.db.write(move |tx| Box::pin(take.fetch_optional(tx))).await?;
        let turn = |(account, suggested): (String, i64)| Turn {
            account_id: AccountId::stored(account),
            was_suggested: suggested != 0,
            until,
        };
        Ok(taken.map(turn))
    }

    /// Ends a turn: what the rules found and what people are to be told of it, in one commit. Says whether the turn was
    /// still held; else nothing of it counts. Without a next time nobody looks until something wakes the account.
    pub async fn end_alert_turn(
        &self,
        turn: &Turn,
        changes: Vec<Change>,
        messages: &[Message],
        next: Option<Timestamp>,
    ) -> Result<bool> {
        let end = query(sql!("UPDATE alert_turns SET next_at = $3 WHERE account_id = $1 AND next_at = $2"));
        let end = end.bind(turn.account_id.as_str()).bind(turn.until.0).bind(next.map_or(NEVER, |next| next.0));
        let account = turn.account_id.to_string();
        let mut statements: Vec<_> = changes
            .into_iter()
            .map(|change| match change {
                Change::Keep(found) => keep(&account, &found),
                Change::Forget { rule_id, subject } => {
                    query(sql!("DELETE FROM alerts WHERE account_id = $1 AND rule_id = $2 AND subject = $3"))
                        .bind(&account)
                        .bind(rule_id.as_str())
                        .bind(subject)
                }
            })
            .collect();
        statements.extend(messages.iter().map(outbox::insert));
        let done = self.db.write(move |tx| {
            Box::pin(async move {
                if end.execute(&mut *tx).await? == 0 {
                    return Ok(false);
                }
                for statement in statements {
                    statement.execute(&mut *tx).await?;
                }
                Ok(true)
            })
        });
        done.await
    }

    /// What waits in an account, by why: how many leads, and since when the first of them.
    pub async fn waiting(&self, account: &AccountId) -> Result<Vec<Waiting>> {
        type WaitRow = (Option<String>, i64, Option<String>, Option<i64>);
        let blocked = query(sql!(
            "SELECT x.code, count(*), min(x.id), CAST(NULL AS bigint) FROM
               (SELECT d.code, d.id FROM deliveries AS d JOIN events AS e ON e.account_id = d.account_id AND e.id = d.event_id
                WHERE d.account_id = $1 AND d.mark = 'blocked' AND coalesce(e.is_test, 0) = 0 ORDER BY d.event_id LIMIT $2) AS x
             GROUP BY x.code"
        ));
        let retrying = query(sql!(
            "SELECT x.code, count(*), min(x.id), min(x.first_at) FROM
               (SELECT d.code, d.id, d.first_at FROM deliveries AS d JOIN events AS e ON e.account_id = d.account_id AND e.id = d.event_id
                WHERE d.account_id = $1 AND d.mark = 'retrying' AND coalesce(e.is_test, 0) = 0 ORDER BY d.event_id LIMIT $2) AS x
             GROUP BY x.code"
        ));
        let held = query(sql!(
            "SELECT x.code, count(*), min(x.id), CAST(NULL AS bigint) FROM
               (SELECT e.code, e.id FROM events AS e
                WHERE e.account_id = $1 AND e.mark = 'held' AND coalesce(e.is_test, 0) = 0 ORDER BY e.id LIMIT $2) AS x
             GROUP BY x.code"
        ));
        let mut all: Vec<Waiting> = Vec::new();
        for one in [blocked, retrying, held] {
            let rows: Vec<WaitRow> = one.bind(account.as_str()).bind(COUNTED_MAX).fetch_all(&self.db).await?;
            for (code, leads, id, first_at) in rows {
                let code = code.map(|code| code.parse::<Code>()).transpose().map_err(StoreError::decode)?;
                let since =
                    first_at.map(Timestamp).or_else(|| id.as_deref().and_then(time_of)).ok_or(StoreError::Missing)?;
                match all.iter_mut().find(|known| known.code == code) {
                    Some(known) => (known.leads, known.since) = (known.leads + leads, known.since.min(since)),
                    None => all.push(Waiting { code, leads, since }),
                }
            }
        }
        all.extend(self.queued(account).await?);
        Ok(all)
    }

    /// What waits for its first turn: the oldest of each lane. A lane that is paused looks like this.
    async fn queued(&self, account: &AccountId) -> Result<Option<Waiting>> {
        let oldest = query(sql!(
            "SELECT min(x.due_at) FROM (SELECT
               (SELECT w.due_at FROM work AS w WHERE w.account_id = l.account_id AND w.lane_id = l.id AND w.band = 0
                ORDER BY w.due_at LIMIT 1) AS due_at
             FROM lanes AS l WHERE l.account_id = $1) AS x"
        ));
        let oldest: Option<i64> = oldest.bind(account.as_str()).fetch_one(&self.db).await?;
        Ok(oldest.map(|since| Waiting { code: None, leads: 1, since: Timestamp(since) }))
    }

    /// The newest leads of an account that failed since then, or were refused and came since then; no test leads.
    pub async fn failed_leads(&self, account: &AccountId, since: Timestamp) -> Result<Vec<FailedLead>> {
        let failed = query(sql!(
            "SELECT x.reason, x.done_at FROM
               (SELECT d.reason, d.done_at, d.event_id FROM deliveries AS d
                JOIN events AS e ON e.account_id = d.account_id AND e.id = d.event_id
                WHERE d.account_id = $1 AND d.mark = 'failed' AND coalesce(e.is_test, 0) = 0
                ORDER BY d.event_id DESC LIMIT $2) AS x
             WHERE x.done_at >= $3 ORDER BY x.event_id DESC"
        ));
        let refused = query(sql!(
            "SELECT e.reason, e.received_at FROM events AS e
             WHERE e.account_id = $1 AND e.mark = 'refused' AND coalesce(e.is_test, 0) = 0 AND e.received_at >= $3
             ORDER BY e.id DESC LIMIT $2"
        ));
        let mut all = Vec::new();
        for one in [failed, refused] {
            let rows: Vec<(Option<String>, i64)> =
                one.bind(account.as_str()).bind(COUNTED_MAX).bind(since.0).fetch_all(&self.db).await?;
            for (reason, at) in rows {
                let problem = parse(&reason.ok_or(StoreError::Missing)?)?;
                all.push(FailedLead { problem, at: Timestamp(at) });
            }
        }
        Ok(all)
    }

    /// When the newest lead of an account came that is no test lead; none where there is none.
    pub async fn last_lead_at(&self, account: &AccountId) -> Result<Option<Timestamp>> {
        let newest = query(sql!(
            "SELECT max(x.received_at) FROM
               (SELECT e.received_at, e.is_test FROM events AS e WHERE e.account_id = $1 ORDER BY e.id DESC LIMIT $2) AS x
             WHERE coalesce(x.is_test, 0) = 0"
        ));
        Ok(newest.bind(account.as_str()).bind(LOOKED_MAX).fetch_one::<Option<i64>>(&self.db).await?.map(Timestamp))
    }
}

/// All but the secret.
fn insert(rule: &AlertRule) -> super::Query {
    query(sql!(
        "INSERT INTO alert_rules (account_id, id, watches, channel, quiet, is_on, revision, created_by, created_at, secret)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
    ))
    .bind(rule.account_id.as_str())
    .bind(rule.id.as_str())
    .bind(json(&rule.watches))
    .bind(json(&rule.channel))
    .bind(rule.quiet.as_ref().map(json))
    .bind(i64::from(rule.is_on))
    .bind(rule.revision)
    .bind(&rule.created_by)
    .bind(rule.created_at.0)
}

/// Somebody of the account makes a rule: it is looked at from now on, and given none by itself.
fn chosen(account: &AccountId, now: Timestamp) -> super::Query {
    query(sql!(
        "INSERT INTO alert_turns (account_id, next_at, was_suggested) VALUES ($1, $2, 1)
         ON CONFLICT (account_id) DO UPDATE SET next_at = excluded.next_at, was_suggested = 1"
    ))
    .bind(account.as_str())
    .bind(now.0)
}

/// Somebody came, or HubSpot was connected: an account that has no rules yet may be given those that suit everybody.
pub(super) fn wake(account: &str, now: Timestamp) -> super::Query {
    query(sql!(
        "INSERT INTO alert_turns (account_id, next_at, was_suggested) VALUES ($1, $2, 0)
         ON CONFLICT (account_id) DO UPDATE SET next_at = excluded.next_at WHERE alert_turns.was_suggested = 0"
    ))
    .bind(account)
    .bind(now.0)
}

fn keep(account: &str, found: &Found) -> super::Query {
    query(sql!(
        "INSERT INTO alerts (account_id, rule_id, subject, finding, found_at, told_at, gone_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (account_id, rule_id, subject) DO UPDATE
         SET finding = excluded.finding, told_at = excluded.told_at, gone_at = excluded.gone_at"
    ))
    .bind(account)
    .bind(found.rule_id.as_str())
    .bind(&found.finding.subject)
    .bind(json(&found.finding))
    .bind(found.found_at.0)
    .bind(found.told_at.map(|at| at.0))
    .bind(found.gone_at.map(|at| at.0))
}
