//! What a connection needs beside its leads: its portal's schema read again, its bindings checked against it, and
//! whatever waited for something that is there by now released.

use std::collections::BTreeSet;
use std::time::Duration;

use super::access;
use super::drift;
use super::portal::{self, Read};
use super::session::Session;
use crate::cause::{Code, Problem};
use crate::fit::{Gone, is_gone};
use crate::hubspot::Meaning;
use crate::model::account::{Connection, Names};
use crate::model::portal::PortalSchema;
use crate::model::time::{DAY, Timestamp};
use crate::store::{self, Bound, CachedSchema, Issue, Store};

/// While leads come, a schema is believed for so long.
const FRESH: Duration = Duration::from_secs(3600);
/// After HubSpot did not answer, leads go on for so long before it is asked again.
const RETRY: Duration = Duration::from_secs(10 * 60);
/// While something waits for the portal to change, it is read this often: who mends it wants to see it.
const WAITING: Duration = Duration::from_secs(15 * 60);
/// While something does not fit but nothing waits.
const UNFIT: Duration = Duration::from_secs(3600);
/// The daily checks of all connections are spread by up to this, so that they do not come together.
const SPREAD_MILLIS: u64 = 2 * 3600 * 1000;
/// An issue that nothing waits under, and that nobody has met for so long, is taken for gone.
const QUIET: Duration = Duration::from_secs(3600);
/// The same, where leads went through without a value: people should have seen it.
const QUIET_WITH_DROPS: Duration = Duration::from_secs(24 * 3600);
/// The same, where the portal says that it is still so.
const QUIET_BUT_THERE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Whether the connection is to be looked after before its next round.
pub fn is_due(cached: Option<&CachedSchema>, has_work: bool, now: Timestamp) -> bool {
    let Some(cached) = cached else { return true };
    let is_old = cached.read_at + FRESH <= now && cached.tried_at + RETRY <= now;
    cached.care_due <= now || (has_work && is_old)
}

/// What a look after a connection came to.
#[derive(Debug)]
pub enum Cared {
    Done,
    /// HubSpot did not show its portal, and what it said instead: everything stays as it is until later.
    NotNow(Meaning),
}

/// Looks after a connection: reads its portal, checks its bindings, and releases what may go on.
///
/// # Errors
/// The store's. Whatever HubSpot does is never an error.
pub async fn look_after(store: &Store, session: &Session, now: Timestamp) -> anyhow::Result<Cared> {
    let connection = &session.connection;
    access::introspect(store, session.hubspot(), session.hubspot().app(), connection, now).await?;
    let bound = store.bound(connection).await?;
    match portal::read_schema(session, &drift::needs(&bound)).await {
        Ok(read) => {
            take_in(store, connection, &bound, &read, now).await?;
            Ok(Cared::Done)
        }
        Err(meaning) => {
            let (id, problem) = (&connection.id, meaning.clone().problem());
            tracing::info!(connection.id = %id, code = %problem.code, "the portal of {id} could not be read: {problem}");
            store.schema_not_read(connection, now).await?;
            store.cared(connection, now + UNFIT, None).await?;
            Ok(Cared::NotNow(meaning))
        }
    }
}

/// Says that something waits under a cause: whoever removes it wants to see it go on soon.
///
/// # Errors
/// The store's.
pub async fn expect_a_change(store: &Store, connection: &Connection, now: Timestamp) -> anyhow::Result<()> {
    Ok(store.call_for_care(connection, now + WAITING).await?)
}

/// Puts the next look after a connection off, because nobody may talk to its portal now.
///
/// # Errors
/// The store's.
pub async fn put_off(store: &Store, connection: &Connection, now: Timestamp) -> anyhow::Result<()> {
    let cached = store.schema(connection).await?;
    if is_due(cached.as_ref(), false, now) {
        store.cared(connection, now + UNFIT, None).await?;
    }
    Ok(())
}

/// Takes in what was just read of a portal: keeps it, opens and closes issues, and releases what waited for it.
///
/// # Errors
/// The store's.
pub async fn take_in(
    store: &Store,
    connection: &Connection,
    bound: &[Bound],
    read: &Read,
    now: Timestamp,
) -> anyhow::Result<()> {
    let before = store.schema(connection).await?;
    store.keep_schema(connection, &read.schema, now).await?;
    store.set_drift(connection, &drift::drift(bound, connection, read), now).await?;
    let is_daily = next_check(connection) <= now;
    let before = before.map(|cached| cached.schema).unwrap_or_default();
    for issue in store.issues(Some(&connection.account_id)).await? {
        let gone = gone(&issue, &before, &read.schema, connection, now);
        match fate(&issue, gone, is_daily, now) {
            Fate::Stays => {}
            Fate::Released => {
                let released = store.release_issue(connection, &issue.problem, now).await?;
                let (account, code) = (&connection.account_id, issue.problem.code);
                tracing::info!(account.id = %account, code = %code, "{code} is gone; {released} that waited go on");
            }
            Fate::Tried => {
                store.try_issue(connection, &issue.problem, now).await?;
            }
            Fate::Closed => {
                store.close_issue(&issue, now).await?;
            }
        }
    }
    let left = store.issues(Some(&connection.account_id)).await?;
    let checked_at = if is_daily { now } else { connection.checked_at };
    let daily = next_check(&Connection { checked_at, ..connection.clone() });
    let left = left.iter().filter(|issue| is_about_a_portal(issue.problem.code));
    let sooner = left.map(|issue| if issue.held > 0 { now + WAITING } else { now + UNFIT }).min();
    let next = sooner.map_or(daily, |sooner| sooner.min(daily));
    store.cared(connection, next, is_daily.then_some(now)).await?;
    Ok(())
}

/// Takes in that values go under other names: by what was read of the portal last, issues open and close, and what waited for
/// a name in `left`, under which nothing goes any more, goes on. Returns how much that was.
///
/// # Errors
/// The store's.
pub async fn take_in_names(
    store: &Store,
    connection: &Connection,
    left: &BTreeSet<String>,
    now: Timestamp,
) -> store::Result<u64> {
    let known = store.schema(connection).await?.map(|cached| cached.schema).unwrap_or_default();
    let issues = store.issues(Some(&connection.account_id)).await?.into_iter();
    // What HubSpot did not show is not asked for again: it stands as it did.
    let unseen = issues.filter(|issue| issue.stands && issue.problem.code == Code::AuthMissingScope);
    let refused = unseen.map(|issue| issue.problem).collect();
    let read = Read { schema: (*known).clone(), refused };
    let bound = store.bound(connection).await?;
    store.set_drift(connection, &drift::drift(&bound, connection, &read), now).await?;
    let mut released = 0;
    for Issue { problem, stands, .. } in store.issues(Some(&connection.account_id)).await? {
        released += match property_of(&problem).is_some_and(|name| left.contains(name)) {
            false => 0,
            // Another kind of record still misses it under this name.
            true if stands => store.try_issue(connection, &problem, now).await?,
            true => store.release_issue(connection, &problem, now).await?,
        };
    }
    Ok(released)
}

/// The property to which a value could not go, as an issue names it; none where it is about something else.
fn property_of(problem: &Problem) -> Option<&str> {
    let subject = problem.subject.as_deref()?;
    match problem.code {
        Code::PropertyMissing
        | Code::PropertyArchived
        | Code::PropertyReadOnly
        | Code::PropertyWrongType
        | Code::PropertyRule => Some(subject),
        Code::OptionUnknown => Some(subject.split_once('=').map_or(subject, |(name, _)| name)),
        _ => None,
    }
}

/// Whether the values that a problem is about go under another name by now.
fn goes_elsewhere(problem: &Problem, names: &Names) -> bool {
    property_of(problem).is_some_and(|name| names.values().any(|of_type| of_type.contains_key(name)))
}

/// When the daily check of a connection is due: a day after the last one, or a little less.
fn next_check(connection: &Connection) -> Timestamp {
    let spread = connection.id.as_str().bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    connection.checked_at + DAY - Duration::from_millis(spread % SPREAD_MILLIS)
}

/// Whether the cause of an issue is gone. An option whose value nobody noted may have come with any change of the list.
fn gone(issue: &Issue, before: &PortalSchema, schema: &PortalSchema, connection: &Connection, now: Timestamp) -> Gone {
    if goes_elsewhere(&issue.problem, &connection.policy.names) {
        // A round that was under way when another name was chosen met it once more.
        return Gone::Yes;
    }
    let subject = issue.problem.subject.as_deref().unwrap_or("");
    let gone = |schema| is_gone(issue.problem.code, subject, schema, connection.scopes.as_deref());
    if gone(before) == Gone::Yes && gone(schema) == Gone::Yes && issue.last_at + WAITING > now {
        // HubSpot showed it all the time and refused it all the same: what it shows says nothing about this.
        return Gone::Unknown;
    }
    let gone = gone(schema);
    if issue.problem.code == Code::OptionUnknown && gone == Gone::Unknown {
        let options = |schema: &PortalSchema| {
            let lists = schema.objects.values().filter_map(|properties| properties.get(subject));
            lists.flat_map(|property| property.options.clone()).collect::<Vec<_>>()
        };
        return if options(before) == options(schema) { Gone::Unknown } else { Gone::Yes };
    }
    gone
}

/// What becomes of an issue at a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Stays,
    /// What waits goes on, and the issue is closed.
    Released,
    /// What waits is tried once.
    Tried,
    Closed,
}

fn fate(issue: &Issue, gone: Gone, is_daily: bool, now: Timestamp) -> Fate {
    if issue.stands || !is_about_a_portal(issue.problem.code) {
        return Fate::Stays;
    }
    let quiet = match gone {
        Gone::Yes => return Fate::Released,
        Gone::No => QUIET_BUT_THERE,
        Gone::Unknown if issue.dropped > 0 => QUIET_WITH_DROPS,
        Gone::Unknown => QUIET,
    };
    match issue.held {
        0 if issue.last_at + quiet <= now => Fate::Closed,
        0 => Fate::Stays,
        _ if is_daily && gone == Gone::Unknown => Fate::Tried,
        _ => Fate::Stays,
    }
}

/// Whether an issue is about what a portal has or allows. The others have their own ends: a reconnect, another version.
fn is_about_a_portal(code: Code) -> bool {
    matches!(
        code,
        Code::PropertyMissing
            | Code::PropertyReadOnly
            | Code::PropertyWrongType
            | Code::PropertyRule
            | Code::PropertyArchived
            | Code::PropertyRequired
            | Code::PropertyNotUnique
            | Code::OptionUnknown
            | Code::PipelineMissing
            | Code::StageMissing
            | Code::OwnerUnknown
            | Code::AuthMissingScope
            | Code::AuthPermission
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::id::{AccountId, CauseId};

    const NOW: Timestamp = Timestamp(1_795_435_200_000);

    fn cached(read_ago: u64, tried_ago: u64, due_in: u64) -> CachedSchema {
        CachedSchema {
            schema: PortalSchema::default().into(),
            read_at: NOW - Duration::from_secs(read_ago),
            tried_at: NOW - Duration::from_secs(tried_ago),
            care_due: NOW + Duration::from_secs(due_in),
            stale: false,
        }
    }

    #[test]
    fn a_connection_is_looked_after_when_its_schema_is_old_and_leads_come() {
        let rows = [
            (None, false, true),
            (Some(cached(60, 60, 9_999)), true, false),
            (Some(cached(3_600, 3_600, 9_999)), true, true),
            (Some(cached(3_600, 3_600, 9_999)), false, false),
            (Some(cached(99_999, 599, 9_999)), true, false),
            (Some(cached(99_999, 600, 9_999)), true, true),
            (Some(cached(60, 60, 0)), false, true),
        ];
        for (cached, has_work, due) in rows {
            assert_eq!(is_due(cached.as_ref(), has_work, NOW), due, "{cached:?} {has_work}");
        }
    }

    #[test]
    fn an_issue_names_the_property_to_which_a_value_could_not_go() {
        for (code, subject, expected) in [
            (Code::PropertyMissing, "vehicle_of_interest", Some("vehicle_of_interest")),
            (Code::OptionUnknown, "lead_priority=hot", Some("lead_priority")),
            (Code::OptionUnknown, "lead_priority", Some("lead_priority")),
            // HubSpot wants a value there, whatever leads bring.
            (Code::PropertyRequired, "city", None),
            (Code::StageMissing, "new", None),
        ] {
            assert_eq!(property_of(&Problem::new(code, "x").about(subject)), expected, "{code}");
        }
        assert_eq!(property_of(&Problem::new(Code::PropertyMissing, "x")), None);
    }

    #[test]
    fn values_that_go_under_another_name_by_now_are_of_no_issue_any_more() {
        let of_type = BTreeMap::from([("budget_range".to_owned(), "budget".to_owned())]);
        let names = Names::from([("0-1".to_owned(), of_type)]);
        for (code, subject, expected) in [
            (Code::PropertyMissing, "budget_range", true),
            (Code::OptionUnknown, "budget_range=high", true),
            // Under this name they go.
            (Code::PropertyMissing, "budget", false),
            (Code::PropertyMissing, "vehicle_of_interest", false),
            (Code::PropertyRequired, "budget_range", false),
        ] {
            let problem = Problem::new(code, "x").about(subject);
            assert_eq!(goes_elsewhere(&problem, &names), expected, "{code} {subject}");
            assert!(!goes_elsewhere(&problem, &Names::new()), "{code} {subject}");
        }
    }

    #[test]
    fn issues_end_when_their_cause_is_gone_or_nobody_meets_it_any_more() {
        use Fate::{Closed, Released, Stays, Tried};
        let hours = |hours: u64| NOW - Duration::from_secs(hours * 3600);
        let issue = |code, held, dropped, stands, last_at| Issue {
            id: CauseId::stored("iss_1".into()),
            account_id: AccountId::stored("acc_1".into()),
            problem: Problem::new(code, "x").about("p"),
            first_at: last_at,
            last_at,
            held,
            dropped,
            stands,
            acknowledged: None,
            muted: None,
        };
        let missing = Code::PropertyMissing;
        let rows = [
            (issue(missing, 3, 0, false, hours(0)), Gone::Yes, false, Released),
            (issue(missing, 0, 5, false, hours(0)), Gone::Yes, false, Released),
            (issue(missing, 3, 0, true, hours(0)), Gone::Yes, false, Stays),
            (issue(missing, 3, 0, false, hours(999)), Gone::No, true, Stays),
            (issue(missing, 0, 0, false, hours(24)), Gone::No, true, Stays),
            (issue(missing, 0, 0, false, hours(7 * 24)), Gone::No, true, Closed),
            (issue(Code::PropertyRequired, 3, 0, false, hours(30)), Gone::Unknown, false, Stays),
            (issue(Code::PropertyRequired, 3, 0, false, hours(30)), Gone::Unknown, true, Tried),
            (issue(Code::PropertyRequired, 0, 0, false, hours(0)), Gone::Unknown, true, Stays),
            (issue(Code::PropertyRequired, 0, 0, false, hours(1)), Gone::Unknown, false, Closed),
            (issue(Code::PropertyWrongType, 0, 2, false, hours(1)), Gone::Unknown, false, Stays),
            (issue(Code::PropertyWrongType, 0, 2, false, hours(24)), Gone::Unknown, false, Closed),
            (issue(Code::AuthRevoked, 0, 0, false, hours(999)), Gone::Unknown, true, Stays),
            (issue(Code::TransformTrap, 4, 0, false, hours(999)), Gone::Unknown, true, Stays),
        ];
        for (issue, gone, is_daily, expected) in rows {
            assert_eq!(fate(&issue, gone, is_daily, NOW), expected, "{issue:?} {gone:?} {is_daily}");
        }
    }
}
