//! `latency`: from accepted to applied at 100 leads a second, in an open loop: each lead goes out at its time, whatever
//! became of the ones before. The baseline is the same for leads that come alone.

use std::sync::Arc;
use std::time::Duration;

use leadline::view;
use tokio::time::Instant;

use crate::figure::{Figure, percentile};
use crate::service::Service;

const LEADS: u32 = 2_000;
const EVERY: Duration = Duration::from_millis(10);
const ACCOUNTS: usize = 5;
/// Leads that come alone, for the baseline.
const ALONE: u32 = 100;

pub(crate) async fn run() -> anyhow::Result<Vec<Figure>> {
    let service = Arc::new(Service::start(ACCOUNTS).await?);
    measure(&service, 1_000_000, ALONE, EVERY).await?; // warms up
    let mut alone = measure(&service, 2_000_000, ALONE, 5 * EVERY).await?;
    let mut steady = measure(&service, 0, LEADS, EVERY).await?;
    let figure = |name: &str, share: f64, steady: &mut [f64], alone: &mut [f64]| {
        Figure::alone("latency", format!("{name} at 100 leads/s, beside 20 leads/s"), percentile(steady, share), "ms")
            .beside(percentile(alone, share))
    };
    let figures = vec![
        figure("p50", 0.5, &mut steady, &mut alone),
        figure("p99", 0.99, &mut steady, &mut alone),
        Figure::alone("latency", "slowest", percentile(&mut steady, 1.0), "ms"),
    ];
    Arc::into_inner(service).ok_or_else(|| anyhow::anyhow!("a poster is still at work"))?.end().await?;
    Ok(figures)
}

/// Milliseconds from the commit that acknowledged each lead to HubSpot's last answer about it.
async fn measure(service: &Arc<Service>, first: usize, count: u32, every: Duration) -> anyhow::Result<Vec<f64>> {
    let before = service.applied();
    let started = Instant::now();
    let mut posters = tokio::task::JoinSet::new();
    for number in 0..count {
        tokio::time::sleep_until(started + every * number).await;
        let service = service.clone();
        posters.spawn(async move { service.post(first + number as usize).await });
    }
    let mut events = Vec::new();
    while let Some(posted) = posters.join_next().await {
        events.push(posted??);
    }
    service.wait_until_applied(before + count as usize).await?;
    let mut millis = Vec::new();
    for event in events {
        // Applied a moment before it is settled; the settled time is what we can vouch for.
        loop {
            let shown =
                service.app.store.event(&event).await?.ok_or_else(|| anyhow::anyhow!("event {event} is gone"))?;
            if let Some(took) = view::lead(&shown, "bench").millis {
                millis.push(took as f64);
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    Ok(millis)
}
