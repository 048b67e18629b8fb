//! What happens to the leads of an account, told to whoever watches it. One task of this process reads for all who watch
//! the same account, a few times a second; where nobody watches nothing is read and nothing is noted.
//!
//! A watcher is told each lead that he wants as it is now, at least once after each change, and of the others that
//! something happened to them. What he cannot be told any more, because it is too long ago or too much, he is told to read
//! again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep};

use crate::deliver::Clock;
use crate::model::access::Sight;
use crate::model::id::{AccountId, ChangeId, EventId};
use crate::model::time::Timestamp;
use crate::store::{LeadRow, Position, Result, Store};

/// How often is looked. A reader that has much to tell tells some hundred leads at a time, so what it takes has a bound.
const EVERY: Duration = Duration::from_millis(500);
/// How often the store is told that an account is still watched; well before it forgets.
const RENEWED: Duration = Duration::from_secs(60);
/// Where several processes write, a commit that began before the account was watched may end after it.
const UNDER_WAY: Duration = Duration::from_secs(1);
/// A reader that is so far behind goes on from now: who watches wants to see what is.
const BEHIND_MAX: Duration = Duration::from_secs(30);
/// Leads that somebody is told who comes back; for more he reads the list again.
const CAUGHT_UP_MAX: usize = 1_000;
/// Batches that wait for a watcher that is slow.
const WAITING_MAX: usize = 8;
/// Watchers of one asker: a browser watches with the tabs that are seen.
const OF_ONE_MAX: usize = 20;
/// Watchers in this process; each takes a connection, of which senders need some too.
const ALL_MAX: usize = 300;

/// Which leads somebody wants to be told as they are: those with these ids. Nothing is read of a lead that nobody wants.
#[derive(Clone, Debug)]
pub struct Wants {
    pub from: EventId,
    /// With it. None: and all that are newer.
    pub to: Option<EventId>,
}

impl Wants {
    pub fn all() -> Self {
        Self { from: EventId::stored(String::new()), to: None }
    }

    fn holds(&self, event: &EventId) -> bool {
        *event >= self.from && self.to.as_ref().is_none_or(|to| event <= to)
    }
}

/// A lead to which something happened.
pub struct Changed {
    pub event: EventId,
    /// Apart, because of most of a flood there is none.
    now: Option<Box<Now>>,
}

/// A lead as it is now.
pub struct Now {
    pub lead: LeadRow,
    drawn: [OnceLock<String>; Drawn::ALL],
}

/// A way to draw a lead, the same for all who read it so: drawn once, however many they are.
#[derive(Clone, Copy, Debug)]
pub enum Drawn {
    Row { sight: Sight, may_change: bool },
    Json { sight: Sight },
}

impl Drawn {
    const ALL: usize = 6;

    fn place(self) -> usize {
        let of = |sight: Sight| usize::from(sight == Sight::Masked);
        match self {
            Self::Row { sight, may_change } => of(sight) * 2 + usize::from(may_change),
            Self::Json { sight } => 4 + of(sight),
        }
    }
}

impl Changed {
    /// The lead as it is now. None where it is gone, and where nobody wanted it when it was read: who wants it since then
    /// has read what happened before by himself.
    pub fn now(&self) -> Option<&Now> {
        self.now.as_deref()
    }
}

impl Now {
    fn of(lead: LeadRow) -> Self {
        Self { lead, drawn: Default::default() }
    }

    /// The lead as `draw` draws it, or has drawn it for somebody else.
    pub fn drawn(&self, how: Drawn, draw: impl FnOnce(&LeadRow) -> String) -> &str {
        self.drawn[how.place()].get_or_init(|| draw(&self.lead))
    }
}

/// What a watcher is told.
#[derive(Clone)]
pub enum Happened {
    /// To these leads something happened.
    Leads(Arc<[Changed]>, ChangeId),
    /// Something happened before this, which is not told: the list is to be read again.
    Missed(ChangeId),
}

/// Who watches what. Cheap to clone.
#[derive(Clone)]
pub struct Live {
    of: Arc<Of>,
}

struct Of {
    store: Store,
    clock: Clock,
    /// The readers that run, by account.
    readers: Mutex<HashMap<AccountId, Reader>>,
    /// How many watch, by who they are.
    watching: Mutex<HashMap<String, usize>>,
    ended: watch::Sender<bool>,
}

/// What reads for all who watch an account.
#[derive(Clone)]
struct Reader {
    told: broadcast::Sender<Happened>,
    /// What those want who are told, and some who went away.
    wanted: Arc<Mutex<Vec<Weak<Wants>>>>,
}

impl Reader {
    fn new() -> Self {
        Self { told: broadcast::Sender::new(WAITING_MAX), wanted: Arc::default() }
    }

    fn subscribe(&self, wants: &Arc<Wants>) -> broadcast::Receiver<Happened> {
        lock(&self.wanted).push(Arc::downgrade(wants));
        self.told.subscribe()
    }

    /// Whoever went away meanwhile is not told.
    fn tell(&self, happened: Happened) {
        drop(self.told.send(happened));
    }

    /// What is wanted now.
    fn wanted(&self) -> Vec<Arc<Wants>> {
        let mut wanted = lock(&self.wanted);
        wanted.retain(|wants| wants.strong_count() > 0);
        wanted.iter().filter_map(Weak::upgrade).collect()
    }
}

/// A place among those who watch, until it is dropped.
pub struct Place {
    of: Arc<Of>,
    asker: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut watching = lock(&self.of.watching);
        if let Some(count) = watching.get_mut(&self.asker) {
            *count -= 1;
            if *count == 0 {
                watching.remove(&self.asker);
            }
        }
        count(&watching);
    }
}

fn count(watching: &HashMap<String, usize>) {
    metrics::gauge!("leadline_streams").set(watching.values().sum::<usize>() as f64);
}

/// There is no place to watch from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Crowded {
    #[error("{OF_ONE_MAX} streams of the same key, or of the same browser, are open")]
    OfOne,
    #[error("{ALL_MAX} streams are open in this process")]
    Of,
}

impl Live {
    pub fn new(store: Store, clock: Clock) -> Self {
        let (readers, watching) = Default::default();
        Self { of: Arc::new(Of { store, clock, readers, watching, ended: watch::Sender::new(false) }) }
    }

    /// Takes a place to watch from.
    ///
    /// # Errors
    /// When there are too many, of this asker or in all.
    pub fn enter(&self, asker: &str) -> std::result::Result<Place, Crowded> {
        let mut watching = lock(&self.of.watching);
        if watching.get(asker).is_some_and(|count| *count >= OF_ONE_MAX) {
            return Err(Crowded::OfOne);
        }
        if watching.values().sum::<usize>() >= ALL_MAX {
            return Err(Crowded::Of);
        }
        *watching.entry(asker.to_owned()).or_default() += 1;
        count(&watching);
        Ok(Place { of: self.of.clone(), asker: asker.to_owned() })
    }

    /// Where somebody goes on who reads a list now.
    pub fn cursor(&self) -> ChangeId {
        ChangeId::earliest((self.of.clock)())
    }

    /// Watches an account, from a cursor on. Without one, or where what happened since is not known any more, the first
    /// that he is told is to read the list again.
    pub async fn watch(&self, account: &AccountId, wants: Wants, from: Option<ChangeId>) -> Result<Watcher> {
        let wants = Arc::new(wants);
        // Before it is looked what happened since: nothing falls between the two.
        let rest = self.subscribe(account, &wants);
        let store = &self.of.store;
        let now = (self.of.clock)();
        let watched = store.watch(account, now).await?;
        let mut first = VecDeque::new();
        match from.map(Position::at).filter(|from| watched.reaches(from.time(), now)) {
            Some(from) => self.catch_up(account, &wants, from, &mut first).await?,
            None => {
                if watched.is_new && !store.is_for_one_process() {
                    sleep(UNDER_WAY).await;
                }
                first.push_back(Happened::Missed(ChangeId::earliest(now)));
            }
        }
        Ok(Watcher { first, rest, _wants: wants, ended: self.of.ended.subscribe(), clock: self.of.clock.clone() })
    }

    /// Nobody is told anything any more: the service ends.
    pub fn end(&self) {
        self.of.ended.send_replace(true);
    }

    /// What happened behind a cursor.
    async fn catch_up(
        &self,
        account: &AccountId,
        wants: &Arc<Wants>,
        mut from: Position,
        told: &mut VecDeque<Happened>,
    ) -> Result<()> {
        let mut leads = 0;
        while let Some(happened) = self.of.next(account, || vec![wants.clone()], &mut from).await? {
            if let Happened::Leads(changed, _) = &happened {
                leads += changed.len();
            }
            if leads > CAUGHT_UP_MAX {
                told.clear();
                told.push_back(Happened::Missed(ChangeId::earliest((self.of.clock)())));
                return Ok(());
            }
            told.push_back(happened);
        }
        Ok(())
    }

    /// What the reader of an account tells from now on; the first who asks starts it.
    fn subscribe(&self, account: &AccountId, wants: &Arc<Wants>) -> broadcast::Receiver<Happened> {
        let mut readers = lock(&self.of.readers);
        if let Some(reader) = readers.get(account) {
            return reader.subscribe(wants);
        }
        let reader = Reader::new();
        let told = reader.subscribe(wants);
        readers.insert(account.clone(), reader.clone());
        tokio::spawn(self.of.clone().read_on(account.clone(), reader));
        told
    }
}

impl Of {
    /// The next leads to which something happened, and of those that are wanted what they are now; none where nothing did.
    /// The position moves when they are read.
    async fn next(
        &self,
        account: &AccountId,
        wanted: impl Fn() -> Vec<Arc<Wants>> + Send + Sync,
        position: &mut Position,
    ) -> Result<Option<Happened>> {
        // Asked when the rows are read: whoever comes after that finds in his own catching up what was in them.
        let now_wanted = OnceLock::new();
        let is_wanted = |event: &EventId| now_wanted.get_or_init(&wanted).iter().any(|wants| wants.holds(event));
        let mut then = position.clone();
        let changes = self.store.changes(account, &mut then, is_wanted).await?;
        let now = (self.clock)();
        if changes.events.is_empty() {
            then.nothing_until(now);
        } else if !changes.is_all && then.time() < now - BEHIND_MAX {
            *position = Position::at(ChangeId::earliest(now));
            return Ok(Some(Happened::Missed(position.cursor().clone())));
        }
        let read: Vec<_> = changes.events.iter().filter(|event| is_wanted(event)).cloned().collect();
        let leads = if read.is_empty() { Vec::new() } else { self.store.leads_of(account, &read).await? };
        let now_of = |lead: LeadRow| (lead.event.id.clone(), Box::new(Now::of(lead)));
        let mut leads: HashMap<_, _> = leads.into_iter().map(now_of).collect();
        *position = then;
        let changed = |event| Changed { now: leads.remove(&event), event };
        let changed: Arc<[_]> = changes.events.into_iter().map(changed).collect();
        Ok((!changed.is_empty()).then(|| Happened::Leads(changed, position.cursor().clone())))
    }

    /// Reads for all who watch an account, until there are none.
    async fn read_on(self: Arc<Self>, account: AccountId, reader: Reader) {
        let mut position = Position::at(ChangeId::earliest((self.clock)()));
        let (mut ended, mut renewed) = (self.ended.subscribe(), Instant::now());
        loop {
            tokio::select! {
                _ = ended.wait_for(|ended| *ended) => return,
                () = sleep(EVERY) => {}
            }
            if self.leaves(&account, &reader) {
                return;
            }
            let told = async {
                if renewed.elapsed() >= RENEWED {
                    renewed = Instant::now();
                    self.renew(&account, &mut position, &reader).await?;
                }
                self.next(&account, || reader.wanted(), &mut position).await
            };
            match told.await {
                Ok(Some(happened)) => reader.tell(happened),
                Ok(None) => {}
                Err(error) if error.is_away() => self.store.wait_until_it_answers().await,
                Err(error) => {
                    tracing::error!(account.id = %account, "what happens to {account} cannot be read: {error:#}");
                }
            }
        }
    }

    /// Keeps the account watched. A reader that was away so long that what it has to tell is gone says so, and goes on from
    /// now.
    async fn renew(&self, account: &AccountId, position: &mut Position, reader: &Reader) -> Result<()> {
        let now = (self.clock)();
        let watched = self.store.watch(account, now).await?;
        if !watched.reaches(position.time(), now) {
            *position = Position::at(ChangeId::earliest(now));
            reader.tell(Happened::Missed(position.cursor().clone()));
        }
        Ok(())
    }

    /// Whether nobody watches any more; then the next one starts another reader.
    fn leaves(&self, account: &AccountId, reader: &Reader) -> bool {
        let mut readers = lock(&self.readers);
        let is_alone = reader.told.receiver_count() == 0;
        if is_alone {
            readers.remove(account);
        }
        is_alone
    }
}

/// What somebody is told who watches an account.
pub struct Watcher {
    first: VecDeque<Happened>,
    rest: broadcast::Receiver<Happened>,
    /// As long as he is there, it is read for him.
    _wants: Arc<Wants>,
    ended: watch::Receiver<bool>,
    clock: Clock,
}

impl Watcher {
    /// The next thing that happened; none when the service ends.
    pub async fn next(&mut self) -> Option<Happened> {
        if let Some(happened) = self.first.pop_front() {
            return Some(happened);
        }
        let now: Timestamp = (self.clock)();
        tokio::select! {
            _ = self.ended.wait_for(|ended| *ended) => None,
            happened = self.rest.recv() => match happened {
                Ok(happened) => Some(happened),
                // He was too slow.
                Err(broadcast::error::RecvError::Lagged(_)) => Some(Happened::Missed(ChangeId::earliest(now))),
                Err(broadcast::error::RecvError::Closed) => None,
            },
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
impl Changed {
    /// A lead that nobody wanted to be told of.
    pub(crate) fn unread(event: EventId) -> Self {
        Self { event, now: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_has_two_ends_or_one() {
        let id = |number: u32| EventId::stored(format!("evt_{number}"));
        let held = |wants: &Wants| (1..=5).filter(|number| wants.holds(&id(*number))).collect::<Vec<_>>();
        assert_eq!(held(&Wants::all()), [1, 2, 3, 4, 5]);
        assert_eq!(held(&Wants { from: id(2), to: Some(id(4)) }), [2, 3, 4]);
        assert_eq!(held(&Wants { from: id(4), to: None }), [4, 5]);
        assert_eq!(held(&Wants { from: id(3), to: Some(EventId::stored(String::new())) }), [0; 0]);
    }

    #[test]
    fn each_way_to_draw_a_lead_has_a_place_of_its_own() {
        let sights = [Sight::Whole, Sight::Masked];
        let rows = sights.map(|sight| [false, true].map(|may_change| Drawn::Row { sight, may_change }));
        let all = rows.into_iter().flatten().chain(sights.map(|sight| Drawn::Json { sight }));
        let mut places: Vec<_> = all.map(Drawn::place).collect();
        places.sort_unstable();
        assert_eq!(places, (0..Drawn::ALL).collect::<Vec<_>>());
    }
}
