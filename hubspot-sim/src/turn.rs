//! What every step of one call needs to know: when, in which version, and on whose behalf.

use crate::portal::record::Source;
use crate::random::Random;

#[derive(Clone, Debug)]
pub(crate) struct Turn {
    pub(crate) number: u64,
    pub(crate) now: i64,
    pub(crate) version: Version,
    pub(crate) by: Source,
    pub(crate) random: Random,
}

/// The dated API versions that are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// Refuses odd dates, and knows no required fields.
    March2026,
    /// Puts odd dates right, and enforces required fields.
    September2026,
}

impl Version {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "2026-03" => Some(Self::March2026),
            "2026-09" => Some(Self::September2026),
            _ => None,
        }
    }

    /// The status of a batch that failed in part; `whole` is the one of complete success.
    pub(crate) fn partial_status(self, whole: u16) -> u16 {
        match self {
            Self::March2026 => 207,
            Self::September2026 => whole,
        }
    }
}
