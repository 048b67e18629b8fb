//! `wasi:random`: numbers that look random and are the same in every run of the same event.

use sha2::{Digest as _, Sha256};

use super::wasi::random::{insecure, insecure_seed, random};
use super::{Ended, within_a_call};
use crate::transform::guest::Guest;
use crate::transform::limits::RANDOM_BYTES_MAX;

/// SplitMix64. Nobody's secret hangs on it: whoever knows the id of the event knows the numbers.
#[derive(Default)]
pub(super) struct Chance {
    state: u64,
    given_bytes: usize,
}

impl Chance {
    pub(super) fn seeded(event_id: &str) -> Self {
        let hash: [u8; 32] = Sha256::digest(event_id).into();
        let (seed, _) = hash.split_first_chunk().expect("a hash has more than 8 bytes");
        Self { state: u64::from_le_bytes(*seed), given_bytes: 0 }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn bytes(&mut self, function: &'static str, count: u64) -> wasmtime::Result<Vec<u8>> {
        let count = within_a_call(function, count)?;
        self.given_bytes += count;
        if self.given_bytes > RANDOM_BYTES_MAX {
            return Err(Ended::TooMuchChance.into());
        }
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(count);
        Ok(bytes)
    }
}

impl random::Host for Guest {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.wasi.count_call()?;
        self.wasi.chance.bytes("get-random-bytes", len)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.wasi.count_call()?;
        Ok(self.wasi.chance.next())
    }
}

impl insecure::Host for Guest {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.wasi.count_call()?;
        self.wasi.chance.bytes("get-insecure-random-bytes", len)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.wasi.count_call()?;
        Ok(self.wasi.chance.next())
    }
}

impl insecure_seed::Host for Guest {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        self.wasi.count_call()?;
        Ok((self.wasi.chance.next(), self.wasi.chance.next()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_has_one_sequence_and_two_events_have_two() {
        let bytes = |id: &str| Chance::seeded(id).bytes("test", 100).unwrap();
        assert_eq!(bytes("msg_1"), bytes("msg_1"));
        assert_ne!(bytes("msg_1"), bytes("msg_2"));
        assert_eq!(bytes("msg_1").len(), 100);
        // Pinned, because a stored run must be the same after an upgrade.
        assert_eq!(Chance::seeded("msg_1").next(), 4_644_742_158_215_891_139);
    }
}
