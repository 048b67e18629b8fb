//! `latency`: from accepted to applied at 100 leads a second, in an open loop: each lead goes out at its time, whatever
//! became of the ones before. The baseline is the same for leads that come alone.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use crate::figure::{Figure, percentile};
use crate::service::{self, Posted, Service, Setup, millis};

const LEADS: u32 = 2_000;
const EVERY: Duration = Duration::from_millis(10);
const ACCOUNTS: usize = 5;
/// Leads that come alone, for the baseline.
const ALONE: u32 = 100;

pub(crate) async fn run() -> anyhow::Result<Vec<Figure>> {
    let mut service = Arc::new(Service::start(Setup { accounts: ACCOUNTS, ..Setup::default() }).await?);
    service.warm_up().await?;
    let alone = post(&service, 2_000_000, ALONE, 5 * EVERY).await?;
    let steady = post(&service, 0, LEADS, EVERY).await?;
    let service = Arc::get_mut(&mut service).context("a poster is still at work")?;
    let store = service.settled().await?;
    let (mut alone, mut steady) = (millis(&store, alone).await?, millis(&store, steady).await?);
    store.close().await;
    let figure = |name: &str, share: f64, steady: &mut [f64], alone: &mut [f64]| {
        let value = percentile(steady, share);
        Figure::alone("latency", format!("{name} at 100 leads/s, beside 20 leads/s"), value, "ms")
            .beside(&[percentile(alone, share)])
    };
    Ok(vec![
        figure("p50", 0.5, &mut steady, &mut alone),
        figure("p99", 0.99, &mut steady, &mut alone),
        Figure::alone("latency", "slowest", percentile(&mut steady, 1.0), "ms"),
    ])
}

/// Posts so many leads in an open loop and waits until they have arrived.
async fn post(service: &Arc<Service>, first: usize, count: u32, every: Duration) -> anyhow::Result<Vec<Posted>> {
    let applied = service.applied();
    let request = |number: u32| (number < count).then(|| service.request(first + number as usize));
    let posted = service::open_loop(service, every, request).await?;
    service.wait_until_applied(applied + count as usize).await?;
    Ok(posted)
}
