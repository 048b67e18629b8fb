//! The open work of one lane: what is taken next, and what an older retry of the same person holds back.

use std::collections::BTreeMap;

use super::share;
use crate::model::delivery::{BAND_FIRST, BAND_RETRY};
use crate::model::time::Timestamp;

/// Where an item stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place<I> {
    pub band: i64,
    pub due_at: Timestamp,
    pub id: I,
}

/// Items with ids that say which is older, each about a person or about none.
#[derive(Clone, Debug)]
pub struct Queue<I, K> {
    /// By band, each in the order in which it is taken.
    open: BTreeMap<i64, BTreeMap<(Timestamp, I), Option<K>>>,
    /// The retries of each person, oldest first, and when each is due.
    retries: BTreeMap<K, BTreeMap<I, Timestamp>>,
}

impl<I, K> Default for Queue<I, K> {
    fn default() -> Self {
        Self { open: BTreeMap::new(), retries: BTreeMap::new() }
    }
}

impl<I: Ord + Clone, K: Ord + Clone> Queue<I, K> {
    /// Puts an item in; one that is there already stays.
    pub fn put(&mut self, place: Place<I>, person: Option<K>) {
        if let Some(person) = person.as_ref().filter(|_| place.band == BAND_RETRY) {
            self.retries.entry(person.clone()).or_default().insert(place.id.clone(), place.due_at);
        }
        self.open.entry(place.band).or_default().entry((place.due_at, place.id)).or_insert(person);
    }

    /// Takes an item out.
    pub fn take(&mut self, place: &Place<I>) {
        let of_band = self.open.get_mut(&place.band);
        let taken = of_band.and_then(|open| open.remove(&(place.due_at, place.id.clone())));
        let Some(person) = taken.flatten().filter(|_| place.band == BAND_RETRY) else { return };
        if let Some(ids) = self.retries.get_mut(&person) {
            ids.remove(&place.id);
            if ids.is_empty() {
                self.retries.remove(&person);
            }
        }
    }

    /// Moves an item to where it goes on; one that is not there stays away.
    pub fn put_back(&mut self, from: &Place<I>, band: i64, due_at: Timestamp) {
        let of_band = self.open.get(&from.band);
        let Some(person) = of_band.and_then(|open| open.get(&(from.due_at, from.id.clone()))).cloned() else { return };
        self.take(from);
        self.put(Place { band, due_at, id: from.id.clone() }, person);
    }

    /// Up to `limit` items that are due, first attempts before retries. An item is among them only together with every
    /// older retry of its person: what waits behind a retry goes with it, in one batch.
    pub fn due(&self, limit: usize, now: Timestamp) -> Vec<Place<I>> {
        let is_due = |(place, _): &(Place<I>, Option<K>)| place.due_at <= now;
        let oldest: Vec<_> = self.free(BAND_RETRY).take_while(is_due).take(limit).collect();
        let mut next = self.next_of_same(&oldest, now);
        next.truncate(limit);
        let late = in_turn(oldest, next, limit, who);
        let firsts = self.of_band(BAND_FIRST).take_while(is_due);
        let firsts = firsts.filter(|(place, person)| self.all_before(&place.id, person.as_ref(), &late));
        let firsts = firsts.take(limit).collect();
        batch(limit, firsts, late, who).into_iter().map(|(place, _)| place).collect()
    }

    /// When the first item is due that nothing holds back.
    pub fn next_due(&self) -> Timestamp {
        let bands = [BAND_FIRST, BAND_RETRY];
        bands
            .iter()
            .filter_map(|band| self.free(*band).next())
            .map(|(place, _)| place.due_at)
            .min()
            .unwrap_or(Timestamp::NEVER)
    }

    pub fn is_empty(&self) -> bool {
        self.open.values().all(BTreeMap::is_empty)
    }

    /// The other retries of the persons of these that are due as well, and every older one with them; the oldest first.
    fn next_of_same(&self, oldest: &[(Place<I>, Option<K>)], now: Timestamp) -> Vec<(Place<I>, Option<K>)> {
        let mut next = Vec::new();
        for person in oldest.iter().filter_map(|(_, person)| person.as_ref()) {
            let retries = self.retries.get(person).into_iter().flatten();
            let due = retries.take_while(|(_, due_at)| **due_at <= now).skip(1);
            let place = |(id, due_at): (&I, &Timestamp)| Place { band: BAND_RETRY, due_at: *due_at, id: id.clone() };
            next.extend(due.map(|retry| (place(retry), Some(person.clone()))));
        }
        next.sort_by(|a, b| a.0.id.cmp(&b.0.id));
        next
    }

    /// Whether every older retry of a person is among these.
    fn all_before(&self, id: &I, person: Option<&K>, late: &[(Place<I>, Option<K>)]) -> bool {
        let retries = person.and_then(|person| self.retries.get(person));
        let mut older = retries.into_iter().flat_map(|retries| retries.range(..id.clone()));
        older.all(|(older, _)| late.iter().any(|(place, _)| place.id == *older))
    }

    fn of_band(&self, band: i64) -> impl Iterator<Item = (Place<I>, Option<K>)> {
        let of_band = self.open.get(&band).into_iter().flatten();
        of_band.map(move |((due_at, id), person)| (Place { band, due_at: *due_at, id: id.clone() }, person.clone()))
    }

    /// The items of a band that no older retry of the same person holds back.
    fn free(&self, band: i64) -> impl Iterator<Item = (Place<I>, Option<K>)> {
        self.of_band(band).filter(|(place, person)| !self.is_held_back(&place.id, person.as_ref()))
    }

    fn is_held_back(&self, id: &I, person: Option<&K>) -> bool {
        let oldest = person.and_then(|person| self.retries.get(person)?.first_key_value());
        oldest.is_some_and(|(oldest, _)| oldest < id)
    }
}

/// About whom an item is, and its id.
fn who<I, K>((place, person): &(Place<I>, Option<K>)) -> (Option<&K>, &I) {
    (person.as_ref(), &place.id)
}

/// The oldest retry of each person, and right behind it the next ones of the same person, `limit` at most. However the
/// list is cut, no retry loses an older one. `who` tells about whom an item is, and its id.
pub fn in_turn<T, K: PartialEq + ?Sized, I: ?Sized>(
    oldest: Vec<T>,
    mut next: Vec<T>,
    limit: usize,
    who: impl Fn(&T) -> (Option<&K>, &I),
) -> Vec<T> {
    let mut late = Vec::with_capacity(oldest.len() + next.len());
    for retry in oldest {
        let same: Vec<_> = next.extract_if(.., |other| who(other).0 == who(&retry).0).collect();
        late.push(retry);
        late.extend(same);
    }
    late.truncate(limit);
    late
}

/// What goes of what is due. A first attempt that waited behind one of these retries goes where they go: it counts among
/// them, and comes after them, so that none goes without the older ones of its person.
pub fn batch<T, K: PartialEq + ?Sized, I: PartialOrd + ?Sized>(
    limit: usize,
    firsts: Vec<T>,
    mut late: Vec<T>,
    who: impl Fn(&T) -> (Option<&K>, &I),
) -> Vec<T> {
    let is_behind = |first: &T| {
        let (person, id) = who(first);
        person.is_some() && late.iter().map(&who).any(|(other, older)| other == person && older < id)
    };
    let (mut behind, mut firsts): (Vec<_>, Vec<_>) = firsts.into_iter().partition(is_behind);
    late.append(&mut behind);
    let shares = share(limit, firsts.len(), late.len());
    firsts.truncate(shares.0);
    late.truncate(shares.1);
    firsts.append(&mut late);
    firsts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(band: i64, due: i64, id: u32) -> Place<u32> {
        Place { band, due_at: Timestamp(due), id }
    }

    fn ids(queue: &Queue<u32, &str>, now: i64) -> Vec<u32> {
        queue.due(10, Timestamp(now)).into_iter().map(|place| place.id).collect()
    }

    #[test]
    fn an_older_retry_holds_back_the_newer_leads_of_its_person_only() {
        let mut queue = Queue::default();
        queue.put(place(BAND_FIRST, 1, 1), Some("ana"));
        queue.put(place(BAND_FIRST, 2, 2), Some("ana"));
        queue.put(place(BAND_FIRST, 3, 3), Some("bob"));
        queue.put(place(BAND_FIRST, 4, 4), None);
        assert_eq!(ids(&queue, 9), [1, 2, 3, 4]);
        queue.put_back(&place(BAND_FIRST, 1, 1), BAND_RETRY, Timestamp(50));
        assert_eq!(ids(&queue, 9), [3, 4]);
        assert_eq!(queue.next_due(), Timestamp(3));
        queue.take(&place(BAND_FIRST, 3, 3));
        queue.take(&place(BAND_FIRST, 4, 4));
        assert_eq!(queue.next_due(), Timestamp(50), "what is held back does not count");
        assert_eq!(ids(&queue, 50), [1, 2], "what waits behind it goes with it");
        queue.take(&place(BAND_RETRY, 50, 1));
        assert_eq!((ids(&queue, 50), queue.next_due()), (vec![2], Timestamp(2)));
        queue.take(&place(BAND_FIRST, 2, 2));
        assert!(queue.is_empty() && queue.next_due() == Timestamp::NEVER);
    }

    #[test]
    fn what_waits_behind_a_retry_goes_with_it_once_every_older_one_is_due() {
        let mut queue = Queue::default();
        queue.put(place(BAND_RETRY, 5, 1), Some("ana"));
        queue.put(place(BAND_RETRY, 8, 3), Some("ana"));
        queue.put(place(BAND_RETRY, 2, 4), Some("ana"));
        for (due, id, person) in [(1, 2, "ana"), (2, 5, "bob"), (3, 6, "ana")] {
            queue.put(place(BAND_FIRST, due, id), Some(person));
        }
        assert_eq!((ids(&queue, 4), queue.next_due()), (vec![5], Timestamp(2)));
        assert_eq!(ids(&queue, 5), [5, 1, 2], "3 is not due, and 4 and 6 come after it");
        assert_eq!(ids(&queue, 8), [5, 1, 3, 4, 2, 6]);
    }

    #[test]
    fn a_batch_that_is_too_small_for_a_persons_leads_takes_the_oldest() {
        let mut queue = Queue::default();
        for id in 1..=6 {
            queue.put(place(BAND_RETRY, 10 - i64::from(id), id), Some("ana"));
        }
        for id in 7..=12 {
            queue.put(place(BAND_FIRST, 0, id), Some("ana"));
        }
        queue.put(place(BAND_FIRST, 1, 20), Some("bob"));
        let taken = |limit: usize| -> Vec<u32> {
            let mut taken: Vec<_> = queue.due(limit, Timestamp(20)).into_iter().map(|place| place.id).collect();
            taken.sort_unstable();
            taken
        };
        assert_eq!(taken(1), [1]);
        assert_eq!(taken(5), [1, 2, 3, 4, 20]);
        assert_eq!(taken(9), [1, 2, 3, 4, 5, 6, 7, 8, 20]);
        assert_eq!(taken(20), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 20]);
    }

    #[test]
    fn of_two_retries_of_a_person_the_older_goes_first() {
        let mut queue = Queue::default();
        queue.put(place(BAND_RETRY, 1, 8), Some("ana"));
        queue.put(place(BAND_RETRY, 5, 7), Some("ana"));
        queue.put(place(BAND_FIRST, 0, 6), Some("ana"));
        assert_eq!(ids(&queue, 4), [6]);
        assert_eq!(ids(&queue, 9), [6, 7, 8]);
        assert_eq!(queue.due(1, Timestamp(1)), [place(BAND_FIRST, 0, 6)]);
    }
}
