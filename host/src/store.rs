//! All SQL, by intent. One database is the truth and the hand-over between the steps of the flow.
//!
//! A batch statement takes `Rows`, which `sql!` reads as a table. The account stands in every row and every join, so
//! that each statement uses the full key.

mod access;
mod accounts;
mod alerts;
mod audit;
mod backup;
mod bindings;
mod breakers;
mod by_hand;
mod calls;
mod causes;
mod changes;
mod connections;
mod consents;
mod db;
mod deletion;
mod deliveries;
mod dropped;
mod duplicates;
mod endings;
mod events;
mod fills;
mod fleet;
mod health;
mod hours;
mod hurry;
mod issues;
mod keys;
mod lanes;
mod leads;
mod newer;
mod notes;
mod outbox;
mod pauses;
mod plans;
mod privacy;
mod processes;
mod read_only;
mod rejected;
mod repeats;
mod replays;
mod retention;
mod rules;
mod runs;
mod schemas;
mod shadows;
mod suppressions;
mod take;
mod tokens;
mod transformations;
mod uploads;
mod usage;
mod views;
mod waivers;
mod wishes;
mod words;

use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::time::Timestamp;
use crate::seal::KeyRing;

use db::postgres::PostgresDb;
use db::rows::Rows;
use db::sqlite::SqliteDb;
use db::{Conn, Db, Query, Sql, query, sql};

pub use access::{ApiKey, Person, SignInLink, StoredSession};
pub use accounts::{CreateAccount, NewSource, RotateSecret, SigningSource};
pub use audit::{AuditEntry, AuditFilter, AuditPage, Beside};
pub use bindings::{Bind, NewBinding};
pub use breakers::{Turn, waits};
pub use calls::{AnsweredCall, LimitUse, NewCall, OpenCall, ShownCall};
pub use changes::{Changes, Position, WATCHED, Watched};
pub use connections::{Connect, NewConnection};
pub use consents::{Consent, NewTicket, Ticket};
pub use db::disk::Room;
pub use db::{Result, StoreError, is_away};
pub use deletion::DeleteAccount;
pub use deliveries::{Attempt, DeliveryFilter, Settlement};
pub use dropped::{DroppedValue, Lacking};
pub use endings::WaitingLeads;
pub use events::{EventFilter, RunLog, ShownDelivery, ShownEvent};
pub use fleet::{AccountStanding, DatabaseRoom, DueWork, Migration, PortalCall, RecentRun, SourceSecret, age};
pub use hours::{Dealerships, HourOfLeads, HoursOfLeads};
pub use issues::{Acknowledged, Comment, Issue, Muted, PastIssue};
pub use keys::Resealed;
pub use lanes::LaneState;
pub use leads::{CauseCount, Count, Fit, LeadFilter, LeadPage, LeadRow};
pub use newer::NewerLead;
pub use pauses::{COUNTED_MAX, LaneDoing, LaneFilter, ShownLane};
pub use plans::{Decision, PlannedEvent, PlannedLane, Ran, RanTo, ReceivedEvent, RunFigures, StoredPlans};
pub use privacy::{Elsewhere, Erased, Swept};
pub(crate) use privacy::{erased, own_inputs, written};
pub use processes::ShownProcess;
pub use rejected::{Rejection, RejectionFilter};
pub use repeats::{KeptAnswer, Keyed, Known};
pub use replays::{Scan, SkippedLead};
pub(crate) use retention::time_of;
pub use retention::{Effect, Kept, KeptShorter, Removed};
pub use rules::Rules;
pub use runs::{PastRun, RunOutcome};
pub use schemas::CachedSchema;
pub use shadows::ShadowRun;
pub use take::{TakenDeliveries, TakenEvents};
pub use tokens::{Credentials, NewTokens};
pub use transformations::{Bound, HOUSE, Hold, NewVersion, TakenOut};
pub use uploads::Upload;
pub use usage::{TransformationVersions, VersionFigures, VersionRun, VersionUse};
pub use views::{SaveView, SavedView, VIEWS_MAX};
pub use waivers::Answering;
pub use words::MERGED_AT_ONCE;

/// A number of virtual shards that no installation outgrows.
const SHARDS: u64 = 4096;

/// Where the database is.
#[derive(Clone, Debug)]
pub enum Database {
    /// An SQLite file: for one process.
    File(PathBuf),
    /// A Postgres server, as `postgres://user:password@host/database`: for many processes.
    Postgres(SecretString),
}

/// The database, as the steps of the flow use it. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    db: Db,
    keys: Arc<KeyRing>,
    schemas: Arc<schemas::ParsedSchemas>,
    rules: Arc<rules::KnownRules>,
}

impl Store {
    /// Opens the database and brings its tables up to date. An SQLite file is made where there is none.
    ///
    /// # Errors
    /// When it cannot be opened, or is not as durable as an acknowledgement promises.
    pub async fn open(database: &Database, keys: KeyRing) -> anyhow::Result<Self> {
        let db = match database {
            Database::File(file) => Db::Sqlite(SqliteDb::open(file).await?),
            Database::Postgres(url) => Db::Postgres(PostgresDb::open(url).await?),
        };
        Ok(Self { db, keys: keys.into(), schemas: Arc::default(), rules: Arc::default() })
    }

    /// Whether no other process can work on this database: it is a file.
    pub fn is_for_one_process(&self) -> bool {
        matches!(self.db, Db::Sqlite(_))
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// The database's own.
    pub async fn ping(&self) -> Result<()> {
        query(sql!("SELECT CAST(1 AS bigint)")).fetch_one::<i64>(&self.db).await.map(drop)
    }

    /// What time it is at the database.
    pub async fn time(&self) -> Result<Timestamp> {
        let time = query(sql!(on(
            sqlite: "SELECT CAST(unixepoch('subsec') * 1000 AS integer)",
            postgres: "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"
        )));
        Ok(Timestamp(time.fetch_one(&self.db).await?))
    }

    /// Whether the database answered when it was last asked.
    pub fn answers(&self) -> bool {
        self.db.health().answers()
    }

    /// Ready while the database answers. Whoever found it away waits here instead of trying again and again.
    pub async fn wait_until_it_answers(&self) {
        self.db.health().wait_until_it_answers().await;
    }

    /// How much room the disk of the database had when somebody last looked.
    pub fn room(&self) -> Room {
        self.db.room()
    }

    /// Looks how much room it has, against a reserve of so many bytes.
    ///
    /// # Errors
    /// When the file system does not say.
    pub fn measure_room(&self, reserve: u64) -> std::io::Result<()> {
        self.db.measure_room(reserve)
    }

    /// Ready when a sync of the file has failed: from then on nothing is stored, and nothing that was read is certain.
    pub async fn disk_lost(&self) {
        self.db.disk_lost().await;
    }

    /// Waits for what is under way and closes the database.
    pub async fn close(&self) {
        self.db.close().await;
    }
}

/// The text of a JSON column.
fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("our own rows and values are JSON")
}

/// A JSON column as its value.
fn parse<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(StoreError::decode)
}

/// A word column as its enum.
fn word<T: DeserializeOwned>(text: &str) -> Result<T> {
    T::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(text)).map_err(StoreError::decode)
}

/// Which of the virtual shards an account is in.
fn shard(account: &crate::model::id::AccountId) -> i64 {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(account.as_str().as_bytes());
    let first = u64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"));
    i64::try_from(first % SHARDS).expect("4095 at most")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::cause::Code;
    use crate::model::account::Connection;
    use crate::model::delivery::{Delivery, DeliveryState, Progress};
    use crate::model::event::NewEvent;
    use crate::model::id::{CallId, DeliveryId, EventId, RejectionId, SourceId, VersionId};
    use crate::model::lane::LaneKind;
    use crate::model::outcome::{Group, Outcome};
    use crate::plan::Plan;
    use crate::words::LeadTraits;

    #[tokio::test]
    async fn what_runs_every_round_reads_by_key_and_no_whole_table() {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyRing::open_file(&folder.path().join("keys")).unwrap();
        let store = Store::open(&Database::File(folder.path().join("leadline.db")), keys).await.unwrap();
        let rows = [
            (calls::OPEN_CALLS, "c USING INDEX calls_open (account_id=? AND lane_id=?)"),
            (calls::OPEN_CALLS, "q USING INDEX sqlite_autoindex_call_requests_1 (call_id=? AND account_id=?)"),
            (calls::RECENT_CALLS, "calls USING PRIMARY KEY (account_id=? AND id>?)"),
            (calls::CALLS_OF, "c USING PRIMARY KEY (account_id=? AND id>? AND id<?)"),
            (deliveries::DUE, "w USING PRIMARY KEY (account_id=? AND lane_id=? AND band=? AND due_at<?)"),
            (deliveries::DUE, "r USING COVERING INDEX work_retries (account_id=? AND lane_id=? AND key_hash=?"),
            (
                deliveries::NEXT_OF_SAME,
                "w USING COVERING INDEX work_retries (account_id=? AND lane_id=? AND key_hash=?",
            ),
            (newer::NEWER, "x USING PRIMARY KEY (account_id=? AND id>?)"),
            (replays::DUE_REPLAY, "w USING PRIMARY KEY (account_id=? AND lane_id=? AND band=? AND due_at<?)"),
            (replays::LEADS, "e USING PRIMARY KEY (account_id=? AND id>? AND id<?)"),
            (replays::LEADS, "h USING COVERING INDEX held_by_item (item_id=? AND account_id=?)"),
            (replays::DELIVERIES, "k USING COVERING INDEX deliveries_by_event (account_id=? AND event_id=?)"),
            (replays::DELIVERIES, "d USING PRIMARY KEY (account_id=? AND id=?)"),
            (changes::CHANGES, "lead_changes USING PRIMARY KEY (account_id=? AND id>?)"),
            (leads::EVENTS, "e USING PRIMARY KEY (account_id=? AND id=?)"),
            (leads::DELIVERIES, "d USING INDEX deliveries_by_event (account_id=? AND event_id=?)"),
            (leads::WORK_OF_ONE, "w USING PRIMARY KEY (account_id=?)"),
            (leads::WORK_OF_ONE, "d USING PRIMARY KEY (account_id=? AND id=?)"),
            (duplicates::MARK, "d USING INDEX deliveries_by_phone (account_id=? AND phone_hash=?"),
            (duplicates::MARK, "o EXISTS USING INDEX deliveries_by_phone (account_id=? AND phone_hash=?"),
            (plans::RECEIVED, "d USING INDEX deliveries_by_event (account_id=? AND event_id=?)"),
            (plans::RECEIVED, "w USING PRIMARY KEY (account_id=? AND lane_id=? AND band=? AND due_at<?)"),
            (audit::OLDER, "audit USING INDEX sqlite_autoindex_audit_1 (account_id=? AND id>? AND id<?)"),
            (audit::NEWER, "audit USING INDEX sqlite_autoindex_audit_1 (account_id=? AND id>? AND id<?)"),
            (audit::OF_ACTIONS, "audit USING INDEX sqlite_autoindex_audit_1 (account_id=? AND id>? AND id<?)"),
        ];
        for (statement, expected) in rows {
            let explained =
                (1..=9).fold(query(Sql::same(format!("EXPLAIN QUERY PLAN {}", statement.sqlite))), |query, number| {
                    if statement.sqlite.contains(&format!("${number}")) { query.bind("") } else { query }
                });
            let plan: Vec<(i64, i64, i64, String)> = explained.fetch_all(&store.db).await.unwrap();
            let plan: Vec<_> = plan.into_iter().map(|(.., step)| step).collect();
            assert!(plan.iter().any(|step| step.contains(expected)), "{statement:?}\n{plan:#?}");
            // What a query inside reads stands in steps of its own.
            let is_query = |step: &str| plan.iter().any(|other| other.replace("CO-ROUTINE", "SCAN") == step);
            let whole = |step: &&String| step.starts_with("SCAN") && !step.contains("VIRTUAL TABLE") && !is_query(step);
            assert_eq!(plan.iter().find(whole), None, "{statement:?}\n{plan:#?}");
        }
    }

    /// The tables that grow with the leads.
    const HOT: [&str; 14] = [
        "events",
        "event_bodies",
        "event_keys",
        "deliveries",
        "plans",
        "run_logs",
        "work",
        "calls",
        "call_requests",
        "call_answers",
        "attempts",
        "held",
        "dropped",
        "lead_words",
    ];
    const NOW: Timestamp = Timestamp(1_795_435_200_000);

    static NEXT: AtomicU32 = AtomicU32::new(0);

    /// A database of its own: on the Postgres server that the tests are given, else in a file.
    async fn open(folder: &std::path::Path) -> Store {
        let keys = KeyRing::open_file(&folder.join("keys")).unwrap();
        let database = match std::env::var("LEADLINE_TEST_POSTGRES") {
            Ok(server) => {
                use sqlx::Connection as _;
                let name = format!("store_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
                let mut connection = sqlx::PgConnection::connect(&server).await.unwrap();
                sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
                    .execute(&mut connection)
                    .await
                    .unwrap();
                Database::Postgres(format!("{}/{name}", server.rsplit_once('/').unwrap().0).into())
            }
            Err(_) => Database::File(folder.join("leadline.db")),
        };
        Store::open(&database, keys).await.unwrap()
    }

    /// One lead on its way, by the functions that the steps of the flow call.
    async fn carry_out_a_lead(store: &Store, connection: &Connection, source: SourceId) -> EventId {
        let account = &connection.account_id;
        let id = EventId::new(NOW);
        let event = NewEvent {
            id: id.clone(),
            account_id: account.clone(),
            source_id: source,
            sender_id: "msg_1".to_owned(),
            event_type: "lead.captured.v1".to_owned(),
            occurred_at: NOW,
            body: "{}".to_owned(),
            body_hash: "hash".to_owned(),
        };
        store.insert_events(&[event], NOW).await.unwrap();
        let lease = store.lease_lanes(LaneKind::Plan, "test", 10, NOW).await.unwrap().remove(0);
        let event = store.received_events(&lease, 10, NOW).await.unwrap().remove(0);
        let plan = Plan { actions: Vec::new(), lead_id: None };
        let decision = Decision::Planned {
            connection_id: connection.id.clone(),
            version_id: VersionId::stored("tfv_1".to_owned()),
            progress: Progress::begin(&plan, Vec::new()),
            plan,
            key_hash: Some("key".to_owned()),
            figures: RunFigures::default(),
        };
        let log = Some((VersionId::stored("tfv_1".to_owned()), Vec::new()));
        let lead = LeadTraits { words: vec!["maya".to_owned()], ..LeadTraits::default() };
        let planned = vec![PlannedEvent { event, decision, lead: Some(lead), ran: None, log }];
        store.store_plans(&[PlannedLane { lease, planned, rest: None }], NOW).await.unwrap();
        let mut lease = store.lease_lanes(LaneKind::Deliver, "test", 10, NOW).await.unwrap().remove(0);
        store.open_calls(&lease).await.unwrap();
        store.recent_calls(&lease, NOW).await.unwrap();
        let claimed = store.due_deliveries(&lease, 10, NOW).await.unwrap();
        let call_id = CallId::new(NOW);
        let call = NewCall { id: call_id.clone(), operation: "x", request: "{}".to_owned(), items: &[] };
        store.next_call(&mut lease, None, call, NOW).await.unwrap();
        store
            .settle(&lease, Settlement { calls: &[call_id], ..Settlement::resting(LaneState::default()) }, NOW)
            .await
            .unwrap();
        assert_eq!(claimed.len(), 1);
        id
    }

    /// What the lists and pages read.
    async fn look_at_everything(store: &Store, connection: &Connection, event: &EventId) {
        let account = Some(connection.account_id.clone());
        let all = EventFilter { limit: 10, ..EventFilter::default() };
        let after = EventFilter { after: Some(event.clone()), limit: 10, ..EventFilter::default() };
        let of_one = EventFilter { account: account.clone(), limit: 10, ..EventFilter::default() };
        let of_one_after =
            EventFilter { account: account.clone(), after: Some(event.clone()), limit: 10, ..EventFilter::default() };
        for filter in [all, after, of_one, of_one_after] {
            store.events(&filter).await.unwrap();
            assert_eq!(store.event_count(&filter).await.unwrap(), Count { leads: 1, is_more: false });
        }
        let shown = store.event(event).await.unwrap().unwrap();
        look_at_deliveries(store, &shown.deliveries[0].delivery).await;
        assert_eq!((shown.deliveries.len(), shown.logs.len()), (1, 0));
        store.issues(None).await.unwrap();
        store.issues(account.as_ref()).await.unwrap();
        store.issue("iss_1").await.unwrap();
        store.past_issues(account.as_ref(), 10).await.unwrap();
        store.open_issues(&connection.account_id, NOW).await.unwrap();
        store.concerned_by_issues(account.as_ref(), NOW).await.unwrap();
        store.waiting_leads(connection).await.unwrap();
        store.rest_of(connection, NOW).await.unwrap();
        store.dropped_leads(connection).await.unwrap();
        store.dropped_values(connection, None, ("", ""), 10).await.unwrap();
        look_at_the_whole(store, connection).await;
        store.next_due(LaneKind::Deliver, NOW).await.unwrap();
        store.lanes(None, NOW).await.unwrap();
        store.lanes(account.as_ref(), NOW).await.unwrap();
        store.waiting(&connection.account_id).await.unwrap();
        store.last_lead_at(&connection.account_id).await.unwrap();
        look_for_leads(store, connection).await;
    }

    /// Deliveries by themselves.
    async fn look_at_deliveries(store: &Store, delivery: &Delivery) {
        let id = delivery.id.clone();
        let found = store.find_delivery(&id).await.unwrap();
        assert_eq!(found.map(|found| found.event_id), Some(delivery.event_id.clone()));
        assert!(store.find_delivery(&DeliveryId::new(NOW)).await.unwrap().is_none());
        for account in [None, Some(delivery.account_id.clone())] {
            let all = || DeliveryFilter { account: account.clone(), limit: 10, ..DeliveryFilter::default() };
            let rows = [
                (all(), 1),
                (DeliveryFilter { state: Some(DeliveryState::Failed), ..all() }, 0),
                (DeliveryFilter { state: Some(DeliveryState::Pending), ..all() }, 1),
                (DeliveryFilter { state: Some(DeliveryState::Delivered), ..all() }, 0),
                (DeliveryFilter { older_than: Some(id.clone()), ..all() }, 0),
                (DeliveryFilter { after: Some(id.clone()), ..all() }, 0),
                (DeliveryFilter { after: Some(DeliveryId::stored("dlv_0".to_owned())), ..all() }, 1),
            ];
            for (filter, expected) in rows {
                assert_eq!(store.deliveries(&filter).await.unwrap().len(), expected, "{filter:?}");
            }
        }
    }

    /// What an operator sees.
    async fn look_at_the_whole(store: &Store, connection: &Connection) {
        store.rejections(None, 10).await.unwrap();
        let rejection = RejectionId::new(NOW);
        let of_one = RejectionFilter {
            source: Some("src_1".to_owned()),
            class: Some("signature".to_owned()),
            limit: 10,
            ..RejectionFilter::default()
        };
        let before = RejectionFilter { older_than: Some(rejection.clone()), ..of_one.clone() };
        let after = RejectionFilter { source: None, after: Some(rejection), ..of_one.clone() };
        for filter in [of_one, before, after] {
            store.rejections_that_fit(&filter).await.unwrap();
        }
        store.due_work(NOW).await.unwrap();
        store.open_calls_everywhere().await.unwrap();
        store.limit_use(connection, NOW, NOW).await.unwrap();
        store.filled_hours(std::slice::from_ref(&connection.account_id), NOW).await.unwrap();
        store.planned_retries(NOW).await.unwrap();
        store.retries_by_attempt().await.unwrap();
        store.account_standings(NOW, NOW).await.unwrap();
        let account = Some(&connection.account_id);
        for account in [None, account] {
            store.version_uses(account).await.unwrap();
            store.shadowed_versions(account, NOW).await.unwrap();
            store.version_runs(account, NOW).await.unwrap();
        }
        store.newest_events(std::slice::from_ref(&connection.account_id)).await.unwrap();
        store.recent_runs(None, 10).await.unwrap();
        store.recent_runs(Some(&connection.account_id), 10).await.unwrap();
        store.processes(NOW).await.unwrap();
        store.draining_since("process").await.unwrap();
        store.read_only().await.unwrap();
        store.accounts_by_quota().await.unwrap();
        store.source_secrets(None, NOW).await.unwrap();
        store.calls_by_portal(NOW).await.unwrap();
        store.known_keys(&["k1".to_owned()], NOW).await.unwrap();
        store.failed_leads(&connection.account_id, NOW).await.unwrap();
        for state in LaneDoing::ALL {
            let filter = LaneFilter { account: None, state: Some(state), of_note: true };
            store.lanes_that_fit(&filter, (0, 10), NOW).await.unwrap();
        }
        assert!(store.migrations().await.unwrap().len() > 20);
        store.wishes(None).await.unwrap();
        assert!(store.database_room().await.unwrap().bytes > 0);
    }

    /// The list of leads, by everything that it can be asked for, and the figures of hours.
    async fn look_for_leads(store: &Store, connection: &Connection) {
        let all = LeadFilter { limit: 10, ..LeadFilter::default() };
        let of_one = LeadFilter { account: Some(connection.account_id.clone()), ..all.clone() };
        let text = Some("maya 305 555 0187".to_owned());
        let mut filters = vec![
            all.clone(),
            of_one.clone(),
            LeadFilter { outcome: Some(Outcome::Failed), ..all.clone() },
            LeadFilter { text: text.clone(), ..all },
            LeadFilter { text, dealership: Some("ocean".to_owned()), test: Some(true), ..of_one.clone() },
            LeadFilter { cause: Some(Code::PropertyMissing), ..of_one.clone() },
            LeadFilter { group: Some(Group::Open), ..of_one.clone() },
            LeadFilter { group: Some(Group::NotSent), has_email: Some(false), ..of_one.clone() },
            LeadFilter { contact: Some(None), ..of_one.clone() },
            LeadFilter { after: Some(EventId::earliest(NOW)), ..of_one.clone() },
        ];
        assert!(store.causes_since(&connection.account_id, Timestamp(0)).await.unwrap().len() < Code::ALL.len());
        store.dealerships(&connection.account_id, Timestamp(0)).await.unwrap();
        assert_eq!(store.account_of_lead("lead_1").await.unwrap(), None);
        filters.extend(Outcome::ALL.map(|outcome| LeadFilter { outcome: Some(outcome), ..of_one.clone() }));
        for filter in filters {
            store.leads(&filter).await.unwrap();
            store.lead_counts(&filter).await.unwrap();
        }
        assert_eq!(store.merge_words(MERGED_AT_ONCE).await.unwrap(), 1);
        let later = NOW + std::time::Duration::from_secs(24 * 60 * 60);
        while store.fill_hours(later).await.unwrap() {}
        store.lead_hours(&connection.account_id, &Dealerships::Each, NOW, later).await.unwrap();
        store.hours_of_all(NOW, later).await.unwrap();
        store
            .field_hours(&connection.account_id, &Dealerships::Each, NOW, later + std::time::Duration::from_secs(1))
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn what_runs_for_a_lead_and_what_people_list_reads_no_growing_table_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).await;
        store.make_partitions(&[NOW]).await.unwrap();
        let CreateAccount::Created(account) = store.create_account("acme", "Acme", NOW).await.unwrap() else {
            panic!()
        };
        let new = NewConnection {
            account: &account.id,
            portal_id: 1,
            api_version: "2026-09",
            auth: crate::model::account::Auth::Token,
            token: &SecretString::from("token"),
            refresh_token: None,
            expires_at: None,
            scopes: None,
            portal: None,
            agreed: None,
        };
        let Connect::Connected(connection) = store.connect(new, NOW).await.unwrap() else { panic!() };
        db::RUN.lock().unwrap().clear();
        let event = carry_out_a_lead(&store, &connection, SourceId::new(NOW)).await;
        look_at_everything(&store, &connection, &event).await;
        let run: Vec<Query> = db::RUN.lock().unwrap().clone();
        assert!(run.len() > 40, "{}", run.len());
        for query in run {
            let text = query.text(&store.db).to_owned();
            let plan = query.plan(&store.db).await.unwrap();
            let whole = plan.iter().find(|step| reads_whole(step, &plan, &text));
            assert_eq!(whole, None, "{text}\n{}", plan.join("\n"));
        }
    }

    #[tokio::test]
    async fn work_that_is_committed_after_the_lane_was_served_is_looked_for_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).await;
        if store.is_for_one_process() {
            return; // one writer: nothing is ever committed later than it was written
        }
        let CreateAccount::Created(account) = store.create_account("acme", "Acme", NOW).await.unwrap() else {
            panic!()
        };
        let (wrote, written) = tokio::sync::oneshot::channel();
        let (commit, go_on) = tokio::sync::oneshot::channel::<()>();
        let (late, id) = (store.clone(), account.id.to_string());
        let rows = Rows::of(&[serde_json::json!({ "account": id, "lane": id })]);
        lanes::wake(&rows, NOW).execute(&store.db).await.unwrap();
        let open = tokio::spawn(async move {
            let work = query(sql!(
                "INSERT INTO work (account_id, lane_id, band, due_at, item_id) VALUES ($1, $1, 0, $2, 'evt_1')"
            ));
            let work = work.bind(&id).bind(NOW.0);
            late.db
                .write(move |tx| {
                    Box::pin(async move {
                        work.execute(&mut *tx).await?;
                        lanes::wake(&rows, NOW).execute(tx).await?; // finds the lane due, and writes nothing
                        wrote.send(()).unwrap();
                        go_on.await.unwrap();
                        Ok(())
                    })
                })
                .await
        });
        written.await.unwrap();
        let served = store.take_events("test", 1, 10, NOW).await.unwrap().remove(0);
        assert_eq!(served.events.len(), 0, "not committed yet");
        let lane = PlannedLane { lease: served.lease, planned: Vec::new(), rest: None };
        store.store_plans(&[lane], NOW).await.unwrap();
        commit.send(()).unwrap();
        open.await.unwrap().unwrap();
        let due = store.next_due(LaneKind::Plan, NOW).await.unwrap();
        assert!(due.is_some_and(|due| due.since(NOW) < crate::lane::LEASE), "{due:?}");
    }

    /// Whether a step of a plan reads a growing table from one end to the other. A list that follows an index and stops
    /// at its limit does not. SQLite names a table by its alias.
    fn reads_whole(step: &str, plan: &[String], text: &str) -> bool {
        let words: Vec<_> = step.split_whitespace().collect();
        let hot = |table: &str| {
            let is = |hot: &&str| -> bool {
                let rest = table.strip_prefix(hot);
                table == *hot
                    || rest
                        .is_some_and(|rest| ["_d2", "_w2"].iter().any(|kind| rest.starts_with(kind)) || rest == "_rest")
                    || text.contains(&format!("{hot} AS {table} "))
            };
            HOT.iter().any(is)
        };
        match words[..] {
            ["SCAN", table, "USING", ..] if text.contains("LIMIT") => {
                hot(table) && plan.iter().any(|step| step.contains("TEMP B-TREE FOR ORDER BY"))
            }
            ["SCAN", table, ..] => hot(table),
            // All deliveries of an account, for one event.
            ["SEARCH", table, .., "(account_id=?)"] => {
                table == "deliveries" || text.contains(&format!("deliveries AS {table} "))
            }
            ["->", "Seq", "Scan", "on", table, ..] | ["Seq", "Scan", "on", table, ..] => hot(table),
            _ => false,
        }
    }
}
