//! A share of the events: whoever tries a version begins with a few.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::id::EventId;

/// A share in percent, from 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "i64", into = "i64")]
#[schema(value_type = i64, minimum = 0, maximum = 100, example = 100)]
pub struct Share(u8);

/// The text or number is no share.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no share; it takes 1 to 100 percent, such as `10%`")]
pub struct ShareError(String);

impl Share {
    /// What a rollback leaves of a binding that nothing was before; and of one that is tried with test leads only, where
    /// something was.
    pub const NONE: Self = Self(0);
    pub const ALL: Self = Self(100);

    /// A share as the store holds it.
    pub fn stored(percent: i64) -> Self {
        Self(u8::try_from(percent.clamp(0, 100)).expect("it is 100 at most"))
    }

    pub fn percent(self) -> i64 {
        self.0.into()
    }

    /// Whether the event is in it. The same every time, and an event that is in a share is in every larger one, so that
    /// a share that is raised takes no event away from the version that ran it.
    pub fn takes(self, event: &EventId) -> bool {
        self == Self::ALL || bucket(event) < self.0
    }
}

/// From 0 to 99. Made of a digest: an id begins with a time, and its end counts.
fn bucket(event: &EventId) -> u8 {
    let digest = Sha256::digest(event.as_str().as_bytes());
    let first = u64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"));
    u8::try_from(first % 100).expect("99 at most")
}

impl TryFrom<i64> for Share {
    type Error = ShareError;
    fn try_from(percent: i64) -> Result<Self, ShareError> {
        if (1..=100).contains(&percent) { Ok(Self::stored(percent)) } else { Err(ShareError(percent.to_string())) }
    }
}

impl From<Share> for i64 {
    fn from(share: Share) -> Self {
        share.percent()
    }
}

impl FromStr for Share {
    type Err = ShareError;
    fn from_str(text: &str) -> Result<Self, ShareError> {
        let percent: Option<i64> = text.trim().trim_end_matches('%').trim_end().parse().ok();
        percent.and_then(|percent| Self::try_from(percent).ok()).ok_or_else(|| ShareError(text.to_owned()))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;

    fn events() -> Vec<EventId> {
        (0..10_000).map(|_| EventId::new(Timestamp(1_795_435_200_000))).collect()
    }

    #[test]
    fn a_share_takes_about_as_many_events_as_it_says() {
        let events = events();
        for (percent, range) in [(1, 50..170), (10, 880..1_120), (50, 4_800..5_200), (100, 10_000..10_001)] {
            let taken = events.iter().filter(|event| Share::stored(percent).takes(event)).count();
            assert!(range.contains(&taken), "{percent} %: {taken} of 10,000");
        }
        assert!(!events.iter().any(|event| Share::NONE.takes(event)));
    }

    #[test]
    fn an_event_stays_with_the_version_that_a_smaller_share_gave_it() {
        for event in events().iter().take(200) {
            let taken: Vec<_> = (0..=100).map(|percent| Share::stored(percent).takes(event)).collect();
            assert!(taken.is_sorted(), "{event}");
        }
        let known = EventId::stored("evt_01931c5ab2007000800000000000abcd".to_owned());
        assert_eq!(bucket(&known), 60, "whoever changes this moves events to another version");
    }

    #[test]
    fn a_share_is_read_as_people_write_it() {
        for (text, share) in [("10%", Some(10)), ("10", Some(10)), ("100 %", Some(100)), ("1%", Some(1))] {
            assert_eq!(text.parse::<Share>().ok().map(Share::percent), share, "{text:?}");
        }
        for text in ["0", "101%", "ten", "", "%", "-5", "1.5"] {
            assert!(text.parse::<Share>().is_err(), "{text:?}");
        }
    }
}
