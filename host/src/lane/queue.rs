//! The open work of one lane: what is taken next, and what an older retry of the same person holds back.

use std::collections::{BTreeMap, BTreeSet};

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
    /// The retries of each person.
    retries: BTreeMap<K, BTreeSet<I>>,
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
            self.retries.entry(person.clone()).or_default().insert(place.id.clone());
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

    /// Up to `limit` items that are due, first attempts before retries.
    pub fn due(&self, limit: usize, now: Timestamp) -> Vec<Place<I>> {
        let due = |band| {
            let due = self.free(band).take_while(move |place| place.due_at <= now);
            due.take(limit).collect::<Vec<_>>()
        };
        let (mut firsts, mut retries) = (due(BAND_FIRST), due(BAND_RETRY));
        let shares = share(limit, firsts.len(), retries.len());
        firsts.truncate(shares.0);
        retries.truncate(shares.1);
        firsts.append(&mut retries);
        firsts
    }

    /// When the first item is due that nothing holds back.
    pub fn next_due(&self) -> Timestamp {
        let bands = [BAND_FIRST, BAND_RETRY];
        bands
            .iter()
            .filter_map(|band| self.free(*band).next())
            .map(|place| place.due_at)
            .min()
            .unwrap_or(Timestamp::NEVER)
    }

    pub fn is_empty(&self) -> bool {
        self.open.values().all(BTreeMap::is_empty)
    }

    /// The items of a band that no older retry of the same person holds back.
    fn free(&self, band: i64) -> impl Iterator<Item = Place<I>> {
        let of_band = self.open.get(&band).into_iter().flatten();
        let free = of_band.filter(|((_, id), person)| !self.is_held_back(id, person.as_ref()));
        free.map(move |((due_at, id), _)| Place { band, due_at: *due_at, id: id.clone() })
    }

    fn is_held_back(&self, id: &I, person: Option<&K>) -> bool {
        let oldest = person.and_then(|person| self.retries.get(person)?.first());
        oldest.is_some_and(|oldest| oldest < id)
    }
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
        assert_eq!(ids(&queue, 50), [1]);
        queue.take(&place(BAND_RETRY, 50, 1));
        assert_eq!((ids(&queue, 50), queue.next_due()), (vec![2], Timestamp(2)));
        queue.take(&place(BAND_FIRST, 2, 2));
        assert!(queue.is_empty() && queue.next_due() == Timestamp::NEVER);
    }

    #[test]
    fn of_two_retries_of_a_person_the_older_goes_first() {
        let mut queue = Queue::default();
        queue.put(place(BAND_RETRY, 1, 8), Some("ana"));
        queue.put(place(BAND_RETRY, 5, 7), Some("ana"));
        queue.put(place(BAND_FIRST, 0, 6), Some("ana"));
        assert_eq!(ids(&queue, 9), [6, 7]);
        assert_eq!(queue.due(1, Timestamp(1)), [place(BAND_FIRST, 0, 6)]);
    }
}
