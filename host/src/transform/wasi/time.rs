//! `wasi:clocks` and `wasi:io/poll`: the wall clock stands at the event's time, the other one begins at 0 and is moved
//! by sleeps only. Nobody waits: a sleep on a real timer burns no fuel, and one guest would hold a thread for ever.

use wasmtime::component::Resource;

use super::Ended;
use super::wasi::clocks::wall_clock::Datetime;
use super::wasi::clocks::{monotonic_clock, wall_clock};
use super::wasi::io::poll::{Host, HostPollable, Pollable};
use crate::transform::guest::Guest;

/// What is always ready: a stream. Every other pollable is a moment, in its place of [`Clock::moments`].
pub(super) const READY: u32 = 0;

/// What a guest's clocks say, in a run that has no time.
#[derive(Default)]
pub(super) struct Clock {
    occurred_at_ms: i64,
    now_ns: u64,
    /// Moments that somebody may wait for; the place of one that was dropped is used again, so there are no more than
    /// a component may have handles.
    moments: Vec<Option<u64>>,
}

impl Clock {
    pub(super) fn at(occurred_at_ms: i64) -> Self {
        Self { occurred_at_ms, ..Self::default() }
    }

    fn subscribe(&mut self, moment: u64) -> Resource<Pollable> {
        let free = self.moments.iter().position(Option::is_none);
        let place = free.unwrap_or_else(|| {
            self.moments.push(None);
            self.moments.len() - 1
        });
        self.moments[place] = Some(moment);
        // A component may hold fewer handles than fit into 32 bits by far.
        Resource::new_own(u32::try_from(place + 1).expect("there are no more moments than handles"))
    }

    fn moment(&self, pollable: &Resource<Pollable>) -> u64 {
        self.place(pollable).and_then(|place| self.moments.get(place).copied().flatten()).unwrap_or(0)
    }

    fn forget(&mut self, pollable: &Resource<Pollable>) {
        if let Some(moment) = self.place(pollable).and_then(|place| self.moments.get_mut(place)) {
            *moment = None;
        }
    }

    fn place(&self, pollable: &Resource<Pollable>) -> Option<usize> {
        (pollable.rep() != READY).then(|| pollable.rep() as usize - 1)
    }
}

impl monotonic_clock::Host for Guest {
    fn now(&mut self) -> wasmtime::Result<u64> {
        self.wasi.count_call()?;
        Ok(self.wasi.clock.now_ns)
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        self.wasi.count_call()?;
        Ok(1)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<Pollable>> {
        self.wasi.count_call()?;
        Ok(self.wasi.clock.subscribe(when))
    }

    fn subscribe_duration(&mut self, when: u64) -> wasmtime::Result<Resource<Pollable>> {
        self.wasi.count_call()?;
        let moment = self.wasi.clock.now_ns.saturating_add(when);
        Ok(self.wasi.clock.subscribe(moment))
    }
}

impl wall_clock::Host for Guest {
    fn now(&mut self) -> wasmtime::Result<Datetime> {
        self.wasi.count_call()?;
        // WASI counts from 1970 on; no sender of ours is older.
        let at = u64::try_from(self.wasi.clock.occurred_at_ms).unwrap_or(0);
        Ok(Datetime { seconds: at / 1000, nanoseconds: u32::try_from(at % 1000).unwrap_or(0) * 1_000_000 })
    }

    fn resolution(&mut self) -> wasmtime::Result<Datetime> {
        self.wasi.count_call()?;
        Ok(Datetime { seconds: 0, nanoseconds: 1_000_000 })
    }
}

impl Host for Guest {
    /// What is ready now; where nothing is, the clock moves to the first moment that somebody waits for.
    fn poll(&mut self, waiting: Vec<Resource<Pollable>>) -> wasmtime::Result<Vec<u32>> {
        self.wasi.count_call()?;
        let clock = &mut self.wasi.clock;
        let first = waiting.iter().map(|pollable| clock.moment(pollable)).min().ok_or(Ended::EmptyPoll)?;
        clock.now_ns = clock.now_ns.max(first);
        let ready = (0..).zip(&waiting).filter(|(_, pollable)| clock.moment(pollable) <= clock.now_ns);
        Ok(ready.map(|(place, _)| place).collect())
    }
}

impl HostPollable for Guest {
    fn ready(&mut self, pollable: Resource<Pollable>) -> wasmtime::Result<bool> {
        self.wasi.count_call()?;
        Ok(self.wasi.clock.moment(&pollable) <= self.wasi.clock.now_ns)
    }

    fn block(&mut self, pollable: Resource<Pollable>) -> wasmtime::Result<()> {
        self.wasi.count_call()?;
        let clock = &mut self.wasi.clock;
        clock.now_ns = clock.now_ns.max(clock.moment(&pollable));
        Ok(())
    }

    fn drop(&mut self, pollable: Resource<Pollable>) -> wasmtime::Result<()> {
        self.wasi.clock.forget(&pollable);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::limits::Quota;

    const SECOND: u64 = 1_000_000_000;
    const HOUR: u64 = 3600 * SECOND;

    fn guest() -> Guest {
        Guest::within(Quota::STANDARD)
    }

    #[test]
    fn a_sleep_takes_no_time_and_moves_the_clock() {
        let mut guest = guest();
        let sleep = monotonic_clock::Host::subscribe_duration(&mut guest, HOUR).unwrap();
        assert!(!guest.ready(Resource::new_borrow(sleep.rep())).unwrap());
        guest.block(Resource::new_borrow(sleep.rep())).unwrap();
        assert_eq!(monotonic_clock::Host::now(&mut guest).unwrap(), HOUR);
        assert!(guest.ready(sleep).unwrap());
    }

    #[test]
    fn who_waits_for_several_things_gets_the_first() {
        let mut guest = guest();
        let hour = monotonic_clock::Host::subscribe_duration(&mut guest, HOUR).unwrap();
        let second = monotonic_clock::Host::subscribe_instant(&mut guest, SECOND).unwrap();
        let borrow = |pollable: &Resource<Pollable>| Resource::new_borrow(pollable.rep());
        let both = vec![borrow(&hour), borrow(&second)];
        assert_eq!(guest.poll(both).unwrap(), [1]);
        assert_eq!(monotonic_clock::Host::now(&mut guest).unwrap(), SECOND);
        let with_a_stream = vec![borrow(&hour), Resource::new_borrow(READY)];
        assert_eq!(guest.poll(with_a_stream).unwrap(), [1]);
        assert_eq!(guest.poll(vec![borrow(&hour), borrow(&hour)]).unwrap(), [0, 1]);
        assert!(guest.poll(vec![]).unwrap_err().is::<Ended>());
    }

    #[test]
    fn the_place_of_a_dropped_moment_is_used_again() {
        let mut guest = guest();
        for _ in 0..1000 {
            let moment = monotonic_clock::Host::subscribe_instant(&mut guest, 1).unwrap();
            HostPollable::drop(&mut guest, moment).unwrap();
        }
        assert_eq!(guest.wasi.clock.moments.len(), 1);
    }
}
