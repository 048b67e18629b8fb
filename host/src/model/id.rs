//! Ids: a prefix that says what it names, then a UUIDv7 in lower case, so that text order is time order.

use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::time::Timestamp;

/// The text is no id of the kind that was asked for.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is not an id of the form `{prefix}_…`")]
pub struct IdError {
    text: String,
    prefix: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// A new id, later in text order than every id that this process made before `now`.
            pub fn new(now: Timestamp) -> Self {
                Self(format!(concat!($prefix, "_{}"), uuid_v7(now).simple()))
            }

            /// In text order before every id of this time or a later one, and after every id of an earlier time.
            pub fn earliest(at: Timestamp) -> Self {
                Self(format!(concat!($prefix, "_{:012x}"), at.0.max(0)))
            }

            /// An id as the store holds it.
            pub fn stored(text: String) -> Self {
                Self(text)
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::schema::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some(concat!("^", $prefix, "_[0-9a-z]+$")))
                    .examples([concat!($prefix, "_019ab0d3a40071008000c2f5a8d1e7b4")])
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                match text.strip_prefix(concat!($prefix, "_")) {
                    Some(rest) if !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric()) => Ok(Self(text.to_owned())),
                    _ => Err(IdError { text: text.to_owned(), prefix: $prefix }),
                }
            }
        }
    )*};
}

ids! {
    /// One dealership.
    AccountId = "acc";
    /// Who signs an account's events.
    SourceId = "src";
    /// One secret of a source.
    SecretId = "sec";
    /// An account's HubSpot portal. Also the id of its lane.
    ConnectionId = "con";
    /// A transformation, whatever its version.
    TransformationId = "trn";
    /// One immutable version of a transformation.
    VersionId = "tfv";
    /// Which version, with which settings, an account uses.
    BindingId = "bnd";
    /// One stored event.
    EventId = "evt";
    /// One event on its way to one connection.
    DeliveryId = "dlv";
    /// One HTTP request to HubSpot.
    CallId = "cal";
    /// An issue: what holds things up until somebody mends it.
    CauseId = "iss";
    /// A request that was refused at the door.
    RejectionId = "rej";
    /// A job that sends leads once more.
    ReplayId = "rpl";
    /// One run of a transformation that led to no delivery.
    RunId = "run";
    /// A version's trial on real leads, beside the one in force.
    ShadowRunId = "shr";
    /// A request to use a version although gates are closed.
    WaiverId = "wvr";
    /// What somebody uploaded, whatever became of it.
    UploadId = "upl";
    /// Somebody who may sign in.
    PersonId = "per";
    /// A key by which a program is known.
    ApiKeyId = "key";
    /// A browser in which somebody is signed in.
    SessionId = "ses";
    /// Something that somebody did.
    AuditId = "aud";
    /// A commit that changed leads of an account that somebody watches.
    ChangeId = "chg";
    /// A filter of the list of leads that has a name.
    ViewId = "viw";
    /// One person's data that is removed.
    ErasureId = "era";
    /// Somebody whom no lead may be about any more.
    SuppressionId = "sup";
    /// By what an account's hashes of people are made.
    SubjectKeyId = "sbk";
    /// A rule by which people are told.
    AlertId = "alr";
    /// A letter or a request to somebody outside.
    MessageId = "msg";
    /// A request to us, where its sender gave it no id.
    RequestId = "req";
}

/// Times that are further apart are two clocks: the one before it was set, with which a step may still work, and the one
/// after.
const APART_MILLIS_MAX: i64 = 10_000;

/// Ids of one millisecond are told apart, and kept in order, by this many counts.
const SEQUENCE_BITS: u32 = 18;

/// The millisecond of the newest id, and how many came before it in that millisecond: by the clock that was asked last,
/// and by the one before it.
static SEQUENCES: Mutex<[(i64, u32); 2]> = Mutex::new([(0, 0); 2]);

/// The millisecond and the count of an id that is made at `now`.
fn next_in(sequences: &mut [(i64, u32); 2], now: i64) -> (i64, u32) {
    match sequences.iter().position(|(last, _)| (last - now).abs() <= APART_MILLIS_MAX) {
        Some(0) => {}
        Some(_) => sequences.swap(0, 1),
        None => *sequences = [(now - 1, 0), sequences[0]],
    }
    let (last, count) = sequences[0];
    sequences[0] = match now {
        now if now > last => (now, 0),
        _ if count + 1 < 1 << SEQUENCE_BITS => (last, count + 1),
        _ => (last + 1, 0),
    };
    sequences[0]
}

/// A UUIDv7 whose first 18 random bits count the ids of the millisecond, so that ids made by one process sort in the
/// order they were made, also when `now` is a little behind. The other 56 bits are random.
fn uuid_v7(now: Timestamp) -> uuid::Uuid {
    let (millis, count) = next_in(&mut SEQUENCES.lock().unwrap_or_else(std::sync::PoisonError::into_inner), now.0);
    let mut bytes = [0_u8; 10];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    // Twelve bits stand before the variant (the version nibble is overwritten), six behind it.
    let [.., high, middle] = (count >> 6).to_be_bytes();
    bytes[0] = high;
    bytes[1] = middle;
    bytes[2] = (count & 0x3f) as u8;
    uuid::Builder::from_unix_timestamp_millis(u64::try_from(millis).unwrap_or(0), &bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_millisecond_sort_in_the_order_they_were_made() {
        let ids: Vec<_> = (0..5_000).map(|_| EventId::new(Timestamp(1_800_000_000_000))).collect();
        assert!(ids.is_sorted());
    }

    #[test]
    fn a_round_that_began_earlier_makes_ids_in_order_too() {
        let times = [1_900_000_000_500, 1_900_000_000_400, 1_900_000_000_501, 1_900_000_000_450];
        let ids: Vec<_> = times.map(|millis| EventId::new(Timestamp(millis))).to_vec();
        assert!(ids.is_sorted(), "{ids:?}");
    }

    #[test]
    fn ids_by_a_clock_that_was_set_stay_in_order_while_others_still_go_by_the_old_one() {
        let (old, new) = (1_800_000_000_000, 1_800_000_090_000);
        let mut sequences = [(0, 0); 2];
        let made: Vec<_> = [old, new, old, new, new, old, new].map(|now| next_in(&mut sequences, now)).to_vec();
        let of = |clock: i64| made.iter().filter(|(at, _)| *at == clock).map(|(_, count)| *count).collect::<Vec<_>>();
        assert_eq!((of(old), of(new)), (vec![0, 1, 2], vec![0, 1, 2, 3]));
    }

    #[test]
    fn later_ids_sort_later() {
        let early = EventId::new(Timestamp(1_700_000_000_000));
        let late = EventId::new(Timestamp(1_700_000_000_001));
        assert!(early < late);
    }

    #[test]
    fn foreign_text_is_no_id() {
        for text in ["", "evt_", "dlv_0192", "evt_01' OR 1", "evt_é"] {
            assert!(text.parse::<EventId>().is_err(), "{text}");
        }
        assert!("evt_0192f3".parse::<EventId>().is_ok());
    }
}
