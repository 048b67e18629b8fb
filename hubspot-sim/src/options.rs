//! How a simulator is started.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Calls a portal allows in 10 seconds: the figure for an app from HubSpot's marketplace.
const RATE_LIMIT: u32 = 110;

/// Calls kept for inspection: enough for a long test, and a ring, so that a benchmark does not grow.
const CALLS_KEPT: usize = 1_000;

/// What a new simulator begins with. All of it but the address and the seed can change later.
#[derive(Clone, Debug)]
pub struct Options {
    /// Must be a loopback address. Port 0 lets the system choose.
    pub address: SocketAddr,
    /// The same seed, clock and calls give the same bytes.
    pub seed: u64,
    pub clock: Clock,
    /// Calls in 10 seconds and portal. `None`: no limit, and no headers that speak of one.
    pub rate_limit: Option<u32>,
    /// How many calls are kept for inspection; 0 switches the log off.
    pub calls_kept: usize,
    /// How long every answer waits.
    pub latency: Duration,
}

/// Where the simulator takes the time from. Windows, lags, locks and timestamps use it alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    Real,
    /// Milliseconds since 1970; it moves only when somebody moves it.
    Standing(i64),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 1,
            clock: Clock::Real,
            rate_limit: Some(RATE_LIMIT),
            calls_kept: CALLS_KEPT,
            latency: Duration::ZERO,
        }
    }
}
