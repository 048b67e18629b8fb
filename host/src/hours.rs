//! Figures of the leads of an hour, and how hours are added up to days: counts, and times whose percentiles can still be
//! told of the sum.

pub mod fields;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::fields::FieldFigures;
use crate::cause::Code;
use crate::model::delivery::ContactWrite;
use crate::model::outcome::Outcome;
use crate::model::time::Timestamp;

const HOUR_MILLIS: i64 = 60 * 60 * 1000;

/// The hour of a time, counted from 1970.
pub fn hour(at: Timestamp) -> i64 {
    at.0.div_euclid(HOUR_MILLIS)
}

/// When an hour begins.
pub fn begin(hour: i64) -> Timestamp {
    Timestamp(hour.saturating_mul(HOUR_MILLIS))
}

/// A lead, as far as it is counted.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    pub outcome: Outcome,
    /// The transformation refused it, so it was never sent.
    pub is_refused: bool,
    pub contact: Option<ContactWrite>,
    /// None where that is not known.
    pub has_email: Option<bool>,
    /// Why it waits, failed or was skipped.
    pub cause: Option<Code>,
    /// From received to delivered.
    pub took: Option<Duration>,
}

/// Leads that are delivered: with a new contact, with one that was there, and without any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ByContact {
    pub created: u64,
    pub updated: u64,
    pub saved: u64,
}

impl ByContact {
    fn sum(&self) -> u64 {
        self.created + self.updated + self.saved
    }

    fn is_empty(&self) -> bool {
        self.sum() == 0
    }
}

/// What became of some leads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Figures {
    /// All of them: the sum of those that are delivered, open, or neither.
    pub received: u64,
    /// Delivered, with a new contact, with one that was there, and without any.
    pub created: u64,
    pub updated: u64,
    pub saved: u64,
    /// Of those that are delivered: something is missing.
    pub warnings: u64,
    /// The same by contact. Hours that were added up before this was counted do not tell.
    #[serde(skip_serializing_if = "ByContact::is_empty")]
    pub warned: ByContact,
    pub skipped: u64,
    pub refused: u64,
    pub failed: u64,
    pub cancelled: u64,
    pub removed: u64,
    pub sending: u64,
    pub retrying: u64,
    /// For somebody to remove a cause.
    pub waiting: u64,
    pub without_email: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub causes: BTreeMap<Code, u64>,
    /// Of the causes: why leads were skipped. Hours that were added up before this was counted do not tell.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub skips: BTreeMap<Code, u64>,
    /// From received to delivered.
    pub took: Times,
    /// Empty where nobody asked for them, and in hours that were added up before they were counted.
    #[serde(skip_serializing_if = "FieldFigures::is_empty")]
    pub fields: FieldFigures,
}

impl Figures {
    pub fn add(&mut self, lead: &Counted) {
        self.received += 1;
        let (contact, warned) = match lead.contact {
            Some(ContactWrite::Created) => (&mut self.created, &mut self.warned.created),
            Some(ContactWrite::Updated) => (&mut self.updated, &mut self.warned.updated),
            None => (&mut self.saved, &mut self.warned.saved),
        };
        match lead.outcome {
            Outcome::Synced => *contact += 1,
            Outcome::SyncedWithWarnings => {
                *contact += 1;
                *warned += 1;
                self.warnings += 1;
            }
            Outcome::Sending => self.sending += 1,
            Outcome::Retrying => self.retrying += 1,
            Outcome::NeedsAttention => self.waiting += 1,
            Outcome::Failed if lead.is_refused => self.refused += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Skipped => self.skipped += 1,
            Outcome::Cancelled => self.cancelled += 1,
            Outcome::Removed => self.removed += 1,
        }
        self.without_email += u64::from(lead.has_email == Some(false));
        if let Some(cause) = lead.cause {
            *self.causes.entry(cause).or_default() += 1;
        }
        if let Some(cause) = lead.cause.filter(|_| lead.outcome == Outcome::Skipped) {
            *self.skips.entry(cause).or_default() += 1;
        }
        if let Some(took) = lead.took {
            self.took.add(took);
        }
    }

    pub fn merge(&mut self, other: &Self) {
        let Self { received, created, updated, saved, warnings, skipped, refused, failed, cancelled, removed, .. } =
            other;
        let Self { sending, retrying, waiting, without_email, warned, causes, skips, took, fields, .. } = other;
        for (sum, more) in [
            (&mut self.received, received),
            (&mut self.created, created),
            (&mut self.updated, updated),
            (&mut self.saved, saved),
            (&mut self.warnings, warnings),
            (&mut self.warned.created, &warned.created),
            (&mut self.warned.updated, &warned.updated),
            (&mut self.warned.saved, &warned.saved),
            (&mut self.skipped, skipped),
            (&mut self.refused, refused),
            (&mut self.failed, failed),
            (&mut self.cancelled, cancelled),
            (&mut self.removed, removed),
            (&mut self.sending, sending),
            (&mut self.retrying, retrying),
            (&mut self.waiting, waiting),
            (&mut self.without_email, without_email),
        ] {
            *sum += more;
        }
        for (sums, more) in [(&mut self.causes, causes), (&mut self.skips, skips)] {
            for (cause, leads) in more {
                *sums.entry(*cause).or_default() += leads;
            }
        }
        self.took.merge(took);
        self.fields.merge(fields);
    }

    /// In HubSpot, with or without warnings.
    pub fn delivered(&self) -> u64 {
        self.created + self.updated + self.saved
    }

    /// In HubSpot with nothing missing, by contact; none where an hour is among these that does not tell.
    pub fn clean(&self) -> Option<ByContact> {
        (self.warned.sum() == self.warnings).then(|| ByContact {
            created: self.created.saturating_sub(self.warned.created),
            updated: self.updated.saturating_sub(self.warned.updated),
            saved: self.saved.saturating_sub(self.warned.saved),
        })
    }

    /// More will happen to them.
    pub fn open(&self) -> u64 {
        self.sending + self.retrying + self.waiting
    }

    /// They will not go to HubSpot, and nothing failed.
    pub fn not_sent(&self) -> u64 {
        self.skipped + self.cancelled + self.removed
    }

    /// How many were skipped for one of these causes. Where an hour is among these that does not tell, that may include
    /// leads that wait for the same cause.
    pub fn skipped_for(&self, causes: &[Code]) -> u64 {
        let is_told = self.skips.values().sum::<u64>() == self.skipped;
        let leads_of = if is_told { &self.skips } else { &self.causes };
        causes.iter().filter_map(|cause| leads_of.get(cause)).sum::<u64>().min(self.skipped)
    }
}

/// How many times lie in each step of a scale on which every eighth step doubles: so a percentile is off by a tenth at most,
/// and those of many hours can be told from their sum.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Times(BTreeMap<u16, u64>);

/// Steps until a time doubles.
const STEPS: f64 = 8.0;

impl Times {
    pub fn add(&mut self, time: Duration) {
        let millis = time.as_millis().max(1) as f64;
        *self.0.entry((millis.log2() * STEPS) as u16).or_default() += 1;
    }

    pub fn merge(&mut self, other: &Self) {
        for (step, times) in &other.0 {
            *self.0.entry(*step).or_default() += times;
        }
    }

    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// The time that this share of them did not exceed, rounded up to its step; none of none.
    pub fn percentile(&self, share: f64) -> Option<Duration> {
        let wanted = ((self.count() as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let step = self.0.iter().find(|(_, times)| {
            seen += **times;
            seen >= wanted
        });
        step.map(|(step, _)| Duration::from_millis((f64::from(step + 1) / STEPS).exp2() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead(outcome: Outcome) -> Counted {
        Counted { outcome, is_refused: false, contact: None, has_email: Some(true), cause: None, took: None }
    }

    #[test]
    fn every_lead_is_counted_once_and_a_sum_is_that_of_all_of_its_leads() {
        let mut leads: Vec<_> = Outcome::ALL.map(lead).to_vec();
        leads.extend([
            Counted {
                contact: Some(ContactWrite::Created),
                took: Some(Duration::from_secs(2)),
                ..lead(Outcome::Synced)
            },
            Counted { contact: Some(ContactWrite::Updated), ..lead(Outcome::SyncedWithWarnings) },
            Counted { cause: Some(Code::AuthRevoked), ..lead(Outcome::Skipped) },
            Counted {
                is_refused: true,
                cause: Some(Code::TransformRefused),
                has_email: Some(false),
                ..lead(Outcome::Failed)
            },
            Counted { cause: Some(Code::AuthRevoked), has_email: None, ..lead(Outcome::NeedsAttention) },
        ]);
        let of = |leads: &[Counted]| {
            let mut figures = Figures::default();
            leads.iter().for_each(|lead| figures.add(lead));
            figures
        };
        let all = of(&leads);
        let ended = all.skipped + all.refused + all.failed + all.cancelled + all.removed;
        assert_eq!((all.received, all.delivered() + all.open() + ended), (14, 14));
        assert_eq!((all.created, all.updated, all.saved, all.warnings, all.without_email), (1, 1, 2, 2, 1));
        assert_eq!(all.warned, ByContact { created: 0, updated: 1, saved: 1 });
        assert_eq!((all.causes.get(&Code::AuthRevoked), all.skips.get(&Code::AuthRevoked)), (Some(&2), Some(&1)));
        for cut in 0..=leads.len() {
            let mut sum = of(&leads[..cut]);
            sum.merge(&of(&leads[cut..]));
            assert_eq!(sum, all);
        }
        let text = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<Figures>(&text).unwrap(), all);
    }

    #[test]
    fn what_lacks_something_is_told_by_contact_and_an_hour_of_before_that_says_so() {
        let of = |leads: &[(Outcome, Option<ContactWrite>)]| {
            let mut figures = Figures::default();
            leads.iter().for_each(|(outcome, contact)| figures.add(&Counted { contact: *contact, ..lead(*outcome) }));
            figures
        };
        let [created, updated] = [ContactWrite::Created, ContactWrite::Updated].map(Some);
        let new = of(&[
            (Outcome::SyncedWithWarnings, created),
            (Outcome::Synced, updated),
            (Outcome::SyncedWithWarnings, updated),
            (Outcome::Synced, None),
        ]);
        assert_eq!(new.clean(), Some(ByContact { created: 0, updated: 1, saved: 1 }));
        let stored = |text| serde_json::from_str::<Figures>(text).unwrap();
        let mut sum = stored(r#"{"received":2,"created":1,"updated":1}"#);
        sum.merge(&new);
        assert_eq!(sum.clean(), Some(ByContact { created: 1, updated: 2, saved: 1 }), "there were no warnings");
        sum.merge(&stored(r#"{"received":2,"created":1,"updated":1,"warnings":1}"#));
        assert_eq!((sum.clean(), sum.delivered(), sum.warnings), (None, 8, 3));
    }

    #[test]
    fn who_was_skipped_for_a_cause_is_not_who_waits_for_it() {
        let gone = Some(Code::ConnectionDisconnected);
        let mut figures = Figures::default();
        for outcome in [Outcome::Skipped, Outcome::NeedsAttention, Outcome::NeedsAttention, Outcome::Cancelled] {
            figures.add(&Counted { cause: gone, ..lead(outcome) });
        }
        figures.add(&Counted { cause: Some(Code::EventNotSelected), ..lead(Outcome::Skipped) });
        assert_eq!(figures.skipped_for(&[Code::ConnectionDisconnected, Code::AccountNotConnected]), 1);
        let before: Figures =
            serde_json::from_str(r#"{"received":3,"skipped":3,"causes":{"connection.disconnected":2}}"#).unwrap();
        figures.merge(&before);
        assert_eq!(figures.skipped_for(&[Code::ConnectionDisconnected]), 5, "the most that may have been");
    }

    #[test]
    fn a_percentile_is_off_by_a_tenth_at_most() {
        for millis in [1_u64, 7, 90, 1_000, 61_000, 3_600_000, 259_200_000] {
            let mut times = Times::default();
            times.add(Duration::from_millis(millis));
            let told = times.percentile(0.5).unwrap().as_millis() as f64 / millis as f64;
            assert!((0.9..=1.1).contains(&told), "{millis}: {told}");
        }
        let mut times = Times::default();
        (1..=100).for_each(|second| times.add(Duration::from_secs(second)));
        let told = [0.5, 0.95, 1.0].map(|share| times.percentile(share).unwrap().as_secs());
        for (told, expected) in told.into_iter().zip([50.0, 95.0, 100.0]) {
            assert!((told as f64 / expected - 1.0).abs() < 0.1, "{told} for {expected}");
        }
        assert_eq!(Times::default().percentile(0.5), None);
    }
}
