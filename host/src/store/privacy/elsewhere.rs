//! What holds a person beside the leads: where it is, and how he is taken out of it.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use super::super::{Conn, HOUSE, Result, Rows, Sql, Store, parse, query, sql};
use crate::cause::Problem;
use crate::model::erasure::Tally;
use crate::model::id::AccountId;
use crate::subject::{REMOVED, Subject};

/// What holds the person beside the leads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = HeldElsewhere)]
pub struct Elsewhere {
    /// Requests that were refused at the door, as they came.
    #[schema(value_type = Vec<String>)]
    pub refused_requests: Vec<String>,
    /// Answers that are kept for a day, for a repeat of their request.
    pub kept_answers: u64,
    /// Samples of the account's own transformations, as `version/name`.
    pub samples: Vec<String>,
    /// Open issues, by their ids, whose words name the person.
    pub issues: Vec<String>,
    /// Entries of the history that name the person.
    pub history: Vec<String>,
}

impl Store {
    /// What holds a person beside the leads.
    pub async fn elsewhere(&self, account: &AccountId, subject: &Subject) -> Result<Elsewhere> {
        let (account, subject) = (account.clone(), subject.clone());
        let found = self.db.read(move |conn| Box::pin(async move { find_elsewhere(conn, &account, &subject).await }));
        Ok(found.await?.told())
    }
}

/// What holds a person beside the leads, by its keys.
#[derive(Default)]
pub(super) struct FoundElsewhere {
    /// Source and id, with what was sent.
    rejected: Vec<(String, String, String)>,
    /// Asker and key.
    answers: Vec<(String, String)>,
    /// Version and name.
    samples: Vec<(String, String)>,
    /// Id, and the words without the person.
    causes: Vec<(String, String)>,
    /// The same of issues that are over.
    past_causes: Vec<(String, String)>,
    /// Issue and number of what somebody said.
    comments: Vec<(String, i64)>,
    /// Numbers of notes of support.
    notes: Vec<i64>,
    /// Id, what it was done to, and what was asked for, without the person.
    audit: Vec<(String, String, String)>,
}

pub(super) async fn find_elsewhere(conn: &mut Conn, account: &AccountId, subject: &Subject) -> Result<FoundElsewhere> {
    let of = |sql: Sql| query(sql).bind(account.as_str());
    let mut found = FoundElsewhere::default();
    let rejected: Vec<(String, String, String)> = of(sql!(
        "SELECT r.source_id, r.id, coalesce(r.body, '') FROM sources AS s CROSS JOIN rejected AS r
         WHERE s.account_id = $1 AND r.source_id = s.id ORDER BY r.id"
    ))
    .fetch_all(&mut *conn)
    .await?;
    found.rejected = rejected.into_iter().filter(|(.., body)| subject.is_in_json(body)).collect();
    let answers: Vec<(String, String, String)> =
        of(sql!("SELECT asker, key, body FROM kept_answers WHERE account_id IN ($1, $2) AND body IS NOT NULL"))
            .bind(HOUSE)
            .fetch_all(&mut *conn)
            .await?;
    let named = answers.into_iter().filter(|(.., body)| subject.is_in_json(body));
    found.answers = named.map(|(asker, key, _)| (asker, key)).collect();
    let samples: Vec<(String, String, String, Option<String>)> =
        of(sql!("SELECT version_id, name, event, expected FROM version_samples WHERE account_id = $1"))
            .fetch_all(&mut *conn)
            .await?;
    let named = samples.into_iter().filter(|(_, _, event, expected)| {
        subject.is_in_json(event) || expected.as_ref().is_some_and(|expected| subject.is_in_json(expected))
    });
    found.samples = named.map(|(version, name, ..)| (version, name)).collect();
    let without_words = |causes: Vec<(String, String)>| {
        let named = causes.into_iter().filter(|(_, problem)| subject.is_in_json(problem));
        let without = named.map(|(id, problem)| {
            let problem = Problem { detail: format!("what it said is {REMOVED}"), ..parse(&problem)? };
            Ok((id, super::super::json(&problem)))
        });
        without.collect::<Result<Vec<_>>>()
    };
    let causes = of(sql!("SELECT id, problem FROM causes WHERE account_id = $1")).fetch_all(&mut *conn).await?;
    found.causes = without_words(causes)?;
    let past = of(sql!("SELECT id, problem FROM past_causes WHERE account_id = $1")).fetch_all(&mut *conn).await?;
    found.past_causes = without_words(past)?;
    let comments: Vec<(String, i64, String)> =
        of(sql!("SELECT cause_id, number, words FROM cause_comments WHERE account_id = $1"))
            .fetch_all(&mut *conn)
            .await?;
    let named = comments.into_iter().filter(|(.., words)| subject.is_in(words));
    found.comments = named.map(|(cause, number, _)| (cause, number)).collect();
    let notes: Vec<(i64, String)> =
        of(sql!("SELECT number, words FROM account_notes WHERE account_id = $1")).fetch_all(&mut *conn).await?;
    found.notes = notes.into_iter().filter(|(_, words)| subject.is_in(words)).map(|(number, _)| number).collect();
    let audit: Vec<(String, String, String, String)> =
        of(sql!("SELECT id, action, subject, detail FROM audit WHERE account_id = $1")).fetch_all(conn).await?;
    for (id, action, about, detail) in audit {
        let (is_about, is_detail) = (subject.is_in(&about), subject.is_in_json(&detail));
        if is_about || is_detail {
            let about = if is_about { REMOVED.to_owned() } else { about };
            let detail = if is_detail { without_person(&action, parse(&detail)?, subject) } else { parse(&detail)? };
            found.audit.push((id, about, detail.to_string()));
        }
    }
    Ok(found)
}

/// What was asked for, without the person. Who was given access stays in the history, but for the address itself; all else
/// that named the person goes as a whole, because a name and a sentence do not say whose they are.
fn without_person(action: &str, detail: Value, subject: &Subject) -> Value {
    if ["people", "sign-in-links", "settings"].iter().any(|kind| action.contains(kind)) {
        return subject.out_of(detail);
    }
    json!({ "removed": REMOVED })
}

impl FoundElsewhere {
    /// Issues that name the person: in their own words, or in what was said about them. Each once.
    fn issues(&self) -> Vec<String> {
        let own = self.causes.iter().chain(&self.past_causes).map(|(id, _)| id);
        let all: BTreeSet<_> = own.chain(self.comments.iter().map(|(id, _)| id)).collect();
        all.into_iter().cloned().collect()
    }

    fn told(self) -> Elsewhere {
        let issues = self.issues();
        let samples = self.samples.into_iter().map(|(version, name)| format!("{version}/{name}"));
        Elsewhere {
            refused_requests: self.rejected.into_iter().map(|(.., body)| body).collect(),
            kept_answers: self.answers.len() as u64,
            samples: samples.collect(),
            issues,
            history: self.audit.into_iter().map(|(id, ..)| id).collect(),
        }
    }

    pub(super) async fn remove(self, tx: &mut Conn, account: &AccountId, removed: &mut Tally) -> Result<()> {
        let pair = |(first, second): &(String, String)| json!({ "first": first, "second": second });
        let pairs = |pairs: &[(String, String)]| Rows::of(&pairs.iter().map(pair).collect::<Vec<_>>());
        let rejected: Vec<_> = self.rejected.into_iter().map(|(source, id, _)| (source, id)).collect();
        let reject = query(sql!(
            "UPDATE rejected AS r SET body = NULL, detail = $2 FROM " rows("$1"; first text, second text) " AS j
             WHERE r.source_id = j.first AND r.id = j.second"
        ));
        removed.refused_requests += reject.bind(pairs(&rejected)).bind(REMOVED).execute(&mut *tx).await?;
        let answers = query(sql!(
            "UPDATE kept_answers AS k SET body = NULL FROM " rows("$1"; first text, second text) " AS j
             WHERE k.asker = j.first AND k.key = j.second"
        ));
        removed.kept_answers += answers.bind(pairs(&self.answers)).execute(&mut *tx).await?;
        let samples = query(sql!(
            "DELETE FROM version_samples WHERE account_id = $1 AND (version_id, name) IN (
               SELECT j.first, j.second FROM " rows("$2"; first text, second text) " AS j)"
        ));
        removed.samples += samples.bind(account.as_str()).bind(pairs(&self.samples)).execute(&mut *tx).await?;
        let causes = query(sql!(
            "UPDATE causes AS c SET problem = j.second FROM " rows("$2"; first text, second text) " AS j
             WHERE c.account_id = $1 AND c.id = j.first"
        ));
        removed.sentences += causes.bind(account.as_str()).bind(pairs(&self.causes)).execute(&mut *tx).await?;
        let past = query(sql!(
            "UPDATE past_causes AS c SET problem = j.second FROM " rows("$2"; first text, second text) " AS j
             WHERE c.account_id = $1 AND c.id = j.first"
        ));
        removed.sentences += past.bind(account.as_str()).bind(pairs(&self.past_causes)).execute(&mut *tx).await?;
        let said = |(cause, number): &(String, i64)| json!({ "cause": cause, "number": number });
        let comments = query(sql!(
            "UPDATE cause_comments AS k SET words = $3 FROM " rows("$2"; cause text, number bigint) " AS j
             WHERE k.account_id = $1 AND k.cause_id = j.cause AND k.number = j.number"
        ));
        let comments = comments.bind(account.as_str());
        let comments = comments.bind(Rows::of(&self.comments.iter().map(said).collect::<Vec<_>>())).bind(REMOVED);
        removed.sentences += comments.execute(&mut *tx).await?;
        let noted = |number: &i64| json!({ "number": number });
        let notes = query(sql!(
            "UPDATE account_notes AS k SET words = $3 FROM " rows("$2"; number bigint) " AS j
             WHERE k.account_id = $1 AND k.number = j.number"
        ));
        let notes = notes.bind(account.as_str());
        let notes = notes.bind(Rows::of(&self.notes.iter().map(noted).collect::<Vec<_>>())).bind(REMOVED);
        removed.sentences += notes.execute(&mut *tx).await?;
        let row =
            |(id, about, detail): &(String, String, String)| json!({ "id": id, "about": about, "detail": detail });
        let audit = query(sql!(
            "UPDATE audit AS a SET detail = j.detail, subject = j.about FROM " rows("$2"; id text, about text, detail text) " AS j
             WHERE a.account_id = $1 AND a.id = j.id"
        ));
        let audit = audit.bind(account.as_str()).bind(Rows::of(&self.audit.iter().map(row).collect::<Vec<_>>()));
        removed.sentences += audit.execute(tx).await?;
        Ok(())
    }
}
