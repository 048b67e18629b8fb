//! The door: a signed request becomes a stored event. Acknowledged only after the commit.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::crash::{self, Broken, crash_point};
use crate::digest::sha256_hex;
use crate::model::account::SchemaMode;
use crate::model::event::{Accepted, NewEvent};
use crate::model::id::{EventId, SourceId};
use crate::model::time::Timestamp;
use crate::payload::{Envelope, EnvelopeError};
use crate::rate::{Bucket, TooMany};
use crate::schema::{self, Violation};
use crate::signature::{self, Secret, SignatureError, Signed};
use crate::store::{self, Room, SigningSource, Store};
use crate::wake::Wake;

/// The body of one event. A conversation of 60,000 characters fits, and a flood does not.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// Events in one commit: one sync pays for all of them.
const GROUP_EVENTS_MAX: usize = 256;
/// Bodies in one commit, so that a group of large events does not hold up the small ones.
const GROUP_BYTES_MAX: usize = 1024 * 1024;
/// Events that wait for a commit. When the queue is full, senders are told to come back.
const QUEUE_EVENTS_MAX: usize = 2048;
/// Events of one source that wait for a commit: a loud source is slowed down before the others notice.
const IN_FLIGHT_MAX: usize = 512;
/// The longest that a sender waits for its answer; it gives up after some 15 s itself.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long what we know of a source is used without asking again: a rotated secret counts after this.
const SOURCE_FRESH: Duration = Duration::from_secs(1);

/// Why a request was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("the body has more than {BODY_BYTES_MAX} bytes, which is the limit for one event")]
    TooLarge,
    #[error("the body ended early: {0}")]
    Unreadable(String),
    #[error("the body did not arrive in time")]
    TooSlow,
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// Told to the sender as [`SignatureError::Mismatch`]: who guesses addresses learns nothing.
    #[error("there is no source of this address")]
    UnknownSource,
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    #[error("the data does not fit the schema of `{event_type}`: {}", violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Schema { event_type: String, violations: Vec<Violation> },
    #[error("the id `{sender_id}` was used before for another body; the first one is kept, as event {first}")]
    IdReused { sender_id: String, first: EventId },
    #[error("the source sends faster than its events are stored: {IN_FLIGHT_MAX} of them wait")]
    TooFast,
    #[error("the source sends more than its {} events a second", .0.rate)]
    OverRate(TooMany),
    #[error("too many events wait to be stored")]
    Busy,
    #[error("the store does not answer")]
    StoreDown,
    #[error("the store has no room for more")]
    NoRoom,
}

impl Refusal {
    /// The stable word for the class, in answers, lists and metrics.
    pub fn class(&self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Unreadable(_) => "malformed",
            Self::TooSlow => "too_slow",
            Self::Signature(error) => error.class(),
            Self::UnknownSource => "unknown_source",
            Self::Envelope(error) => error.class(),
            Self::Schema { .. } => "schema",
            Self::IdReused { .. } => "id_reused",
            Self::TooFast => "too_fast",
            Self::OverRate(_) => "over_rate",
            Self::Busy => "busy",
            Self::StoreDown => "store_down",
            Self::NoRoom => "no_room",
        }
    }

    /// Whether the request came as far as its signature, so that its source is known to exist.
    pub fn knows_source(&self) -> bool {
        self.is_signed()
            || matches!(
                self,
                Self::Signature(SignatureError::Mismatch | SignatureError::Stale { .. }) | Self::OverRate(_)
            )
    }

    /// Whether the signature was right, so that the body is the source's own.
    pub fn is_signed(&self) -> bool {
        matches!(self, Self::Envelope(_) | Self::Schema { .. } | Self::IdReused { .. })
    }
}

/// What the sender is told.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Receipt {
    pub event_id: EventId,
    /// The event was stored before, under this id.
    pub duplicate: bool,
}

/// A source's event whose signature held. Only [`Door::verify`] makes one.
pub struct Verified<'a> {
    source: Arc<SigningSource>,
    sender_id: &'a str,
    body: &'a [u8],
}

/// The way in: knows the sources for a moment, and hands events to the one who commits them in groups.
pub struct Door {
    store: Store,
    queue: mpsc::Sender<Waiting>,
    sources: Mutex<HashMap<String, (Arc<SigningSource>, Timestamp)>>,
    /// What each source that has a limit may still send.
    buckets: Mutex<HashMap<SourceId, Bucket>>,
    /// Checked for sources that do not exist, so that the answer takes the same time.
    decoy: Secret,
    /// The last source that was asked for could not be read.
    unreadable: AtomicBool,
}

struct Waiting {
    event: NewEvent,
    now: Timestamp,
    answer: oneshot::Sender<Result<Accepted, ()>>,
}

impl Door {
    /// Opens the door, and starts the task that commits. The task ends when the door is gone.
    pub fn open(store: Store, wake: Arc<Wake>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_EVENTS_MAX);
        tokio::spawn(commit_groups(store.clone(), waiting, wake));
        let decoy = Secret::parse(&Secret::generate()).expect("our own secrets can be read");
        Self {
            store,
            queue,
            sources: Mutex::default(),
            buckets: Mutex::default(),
            decoy,
            unreadable: AtomicBool::new(false),
        }
    }

    /// Whether the source may send now: asked before the body is read. Nothing is taken yet: who cannot sign for a source
    /// must not be able to use up what it may send.
    ///
    /// # Errors
    /// [`Refusal`], when it has to wait. One that does not exist is refused later, like a wrong signature.
    pub async fn look(&self, source: &str, now: Timestamp) -> Result<(), Refusal> {
        match self.source(source, now).await? {
            Some(source) => self.within_rate(&source, now, Bucket::look),
            None => Ok(()),
        }
    }

    fn within_rate(
        &self,
        source: &SigningSource,
        now: Timestamp,
        ask: impl FnOnce(&mut Bucket, i64, Timestamp) -> Result<(), TooMany>,
    ) -> Result<(), Refusal> {
        let (id, rate) = (&source.source.id, source.source.rate);
        if rate == 0 {
            return Ok(());
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(id.clone()).or_insert_with(|| Bucket::full(rate, now));
        ask(bucket, rate, now).map_err(Refusal::OverRate)
    }

    /// Whether the source signed these bytes.
    ///
    /// # Errors
    /// [`Refusal`], when it did not.
    pub async fn verify<'a>(
        &self,
        source: &str,
        signed: &Signed<'a>,
        body: &'a [u8],
        now: Timestamp,
    ) -> Result<Verified<'a>, Refusal> {
        let Some(mut source) = self.source(source, now).await? else {
            let checked = signature::verify(signed, body, std::slice::from_ref(&self.decoy), 0, now);
            debug_assert!(checked.is_err(), "nobody knows the decoy");
            return Err(Refusal::UnknownSource);
        };
        let check =
            |source: &SigningSource| signature::verify(signed, body, &source.secrets, source.source.tolerance_s, now);
        match check(&source) {
            Ok(_) => {}
            // The secret may have been rotated a moment ago.
            Err(SignatureError::Mismatch) => {
                source = self.read_source(source.source.id.as_str(), now).await?.unwrap_or(source);
                check(&source)?;
            }
            Err(other) => return Err(other.into()),
        }
        self.within_rate(&source, now, Bucket::take)?;
        Ok(Verified { source, sender_id: signed.id, body })
    }

    async fn source(&self, id: &str, now: Timestamp) -> Result<Option<Arc<SigningSource>>, Refusal> {
        let known = |sources: &HashMap<String, (Arc<SigningSource>, Timestamp)>| {
            let (source, read_at) = sources.get(id)?;
            (now < *read_at + SOURCE_FRESH && now >= *read_at).then(|| source.clone())
        };
        if let Some(source) = known(&self.sources.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(Some(source));
        }
        self.read_source(id, now).await
    }

    async fn read_source(&self, id: &str, now: Timestamp) -> Result<Option<Arc<SigningSource>>, Refusal> {
        let found = self.store.signing_source(id, now).await.map_err(|error| {
            // Once, until one can be read again: every request would say it.
            if !store::is_away(&error) && !self.unreadable.swap(true, Ordering::Relaxed) {
                tracing::error!(source.id = %id, "source {id} cannot be read: {error:#}");
            }
            Refusal::StoreDown
        })?;
        self.unreadable.store(false, Ordering::Relaxed);
        let found = found.map(Arc::new);
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        match &found {
            Some(source) => drop(sources.insert(id.to_owned(), (source.clone(), now))),
            None => drop(sources.remove(id)),
        }
        Ok(found)
    }

    /// Stores a verified event. Returns after the commit.
    ///
    /// # Errors
    /// [`Refusal`], when it is no event, or cannot be stored now.
    pub async fn accept(&self, verified: Verified<'_>, now: Timestamp) -> Result<Receipt, Refusal> {
        // Each waiting event of a source holds a handle to it, so counting handles counts events.
        if Arc::strong_count(&verified.source) > IN_FLIGHT_MAX {
            return Err(Refusal::TooFast);
        }
        if self.store.room() == Room::Reserve {
            return Err(Refusal::NoRoom);
        }
        let event = new_event(&verified, now)?;
        let (answer, answered) = oneshot::channel();
        let told_early = crash::is_broken(Broken::AckBeforeCommit).then(|| event.id.clone());
        self.queue.try_send(Waiting { event, now, answer }).map_err(|_| Refusal::Busy)?;
        if let Some(event_id) = told_early {
            return Ok(Receipt { event_id, duplicate: false });
        }
        // Out of time, it may still be stored: the sender repeats, and is told that it was.
        let Ok(Ok(Ok(accepted))) = tokio::time::timeout(ANSWER_TIMEOUT, answered).await else {
            return Err(Refusal::StoreDown);
        };
        match accepted {
            Accepted::New(event_id) => Ok(Receipt { event_id, duplicate: false }),
            Accepted::Duplicate(event_id) => Ok(Receipt { event_id, duplicate: true }),
            Accepted::IdReused(first) => Err(Refusal::IdReused { sender_id: verified.sender_id.to_owned(), first }),
        }
    }
}

/// The event in a verified body.
fn new_event(verified: &Verified<'_>, now: Timestamp) -> Result<NewEvent, Refusal> {
    let envelope = Envelope::read(verified.body)?;
    let source = &verified.source.source;
    if source.schema_mode(&envelope.event_type) == SchemaMode::Reject {
        let violations = schema::event_violations(&envelope.event_type, &envelope.data);
        if !violations.is_empty() {
            return Err(Refusal::Schema { event_type: envelope.event_type, violations });
        }
    }
    let body = std::str::from_utf8(verified.body).expect("the envelope was read from it");
    Ok(NewEvent {
        id: EventId::new(now),
        account_id: source.account_id.clone(),
        source_id: source.id.clone(),
        sender_id: verified.sender_id.to_owned(),
        occurred_at: envelope.occurred_at().unwrap_or(now),
        event_type: envelope.event_type,
        body_hash: sha256_hex(verified.body),
        body: body.to_owned(),
    })
}

/// Commits what waits, in groups: while one sync runs, the next group gathers.
async fn commit_groups(store: Store, mut queue: mpsc::Receiver<Waiting>, wake: Arc<Wake>) {
    while let Some(first) = queue.recv().await {
        let mut bytes = first.event.body.len();
        let mut group = vec![first];
        while group.len() < GROUP_EVENTS_MAX && bytes < GROUP_BYTES_MAX {
            let Ok(next) = queue.try_recv() else { break };
            bytes += next.event.body.len();
            group.push(next);
        }
        commit(&store, group).await;
        wake.plan.notify_one();
    }
}

async fn commit(store: &Store, mut group: Vec<Waiting>) {
    // Ids were made before the events queued up; the answer of the store is in the order of the ids.
    group.sort_by(|a, b| a.event.id.cmp(&b.event.id));
    let now = group.iter().map(|waiting| waiting.now).max().expect("a group has a first event");
    let (events, answers): (Vec<_>, Vec<_>) = group.into_iter().map(|waiting| (waiting.event, waiting.answer)).unzip();
    metrics::histogram!("leadline_commit_group_events").record(events.len() as f64);
    crash_point!("CP1");
    let accepted = store.insert_events(&events, now).await.inspect_err(|error| {
        metrics::counter!("leadline_commit_groups_failed_total").increment(1);
        if !error.is_away() {
            tracing::error!("{} events cannot be stored and were not acknowledged: {error}", events.len());
        }
    });
    crash_point!("CP2");
    match accepted {
        Ok(accepted) => {
            for (answer, accepted) in answers.into_iter().zip(accepted) {
                let result = match &accepted {
                    Accepted::New(_) => "new",
                    Accepted::Duplicate(_) => "duplicate",
                    Accepted::IdReused(_) => "id_reused",
                };
                metrics::counter!("leadline_events_received_total", "result" => result).increment(1);
                // A sender that has gone away is told again when it repeats.
                drop(answer.send(Ok(accepted)));
            }
        }
        Err(_) => answers.into_iter().for_each(|answer| drop(answer.send(Err(())))),
    }
}
