//! What the service does when its disk does not do what a disk should: the power fails, it is full, read-only, or does
//! not sync. The service is the real binary; between it and the disk stands `disk.c`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod random;
mod scene;
mod trace;

mod backup;
mod faults;
mod power;
