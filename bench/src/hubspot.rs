//! `hubspot`: what one portal takes at its own rate limit of 110 calls in ten seconds. The baseline is the same service
//! without batches: each lead is posted only when the one before it has arrived, so every call carries one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hubspot_sim::Options;

use crate::figure::Figure;
use crate::service::{self, HUBSPOTS_LIMIT, Service, Setup};

const RUNS: usize = 3;
/// Calls of a window that leads may use: the portal's limit less what the service keeps for people's own questions.
const LANE_LIMIT: f64 = 100.0;
/// HubSpot counts the calls of ten seconds.
const WINDOW: Duration = Duration::from_secs(10);
/// The first window begins with nothing used, so it is not measured.
const WINDOWS_MEASURED: u32 = 2;
/// More than three windows take.
const LEADS: usize = 12_000;
const CONNECTIONS: usize = 64;
/// What a HubSpot that is far away takes to answer, for the lead that comes alone.
const ROUND_TRIP: Duration = Duration::from_millis(50);
const ALONE: usize = 20;

pub(crate) async fn run() -> anyhow::Result<Vec<Figure>> {
    let (mut rates, mut alone, mut shares, mut per_lead, mut refused) = (vec![], vec![], vec![], vec![], 0);
    for _ in 0..RUNS {
        let loaded = measure(true).await?;
        rates.push(loaded.leads_per_s);
        shares.push(loaded.share_percent);
        per_lead.push(loaded.calls_per_lead);
        refused += loaded.refused;
        alone.push(measure(false).await?.leads_per_s);
    }
    let trips = round_trips().await?;
    Ok(vec![
        Figure::of("hubspot", "one portal at its limit, beside one lead a call", &rates, "leads/s").beside(&alone),
        Figure::of("hubspot", "calls a lead", &per_lead, "calls"),
        Figure::of("hubspot", "share of the lane's limit used", &shares, "%"),
        Figure::alone("hubspot", "calls refused for the limit", refused as f64, "calls"),
        Figure::of("hubspot", "a lead alone, until its contact is there", &trips, "round trips"),
    ])
}

struct Measured {
    leads_per_s: f64,
    calls_per_lead: f64,
    share_percent: f64,
    refused: usize,
}

/// Two windows of a portal that is kept busy, with batches or without.
async fn measure(batched: bool) -> anyhow::Result<Measured> {
    let options = Options { rate_limit: Some(HUBSPOTS_LIMIT), calls_kept: 5_000, ..Options::default() };
    let service = Arc::new(Service::start(Setup { hubspot: options, ..Setup::default() }).await?);
    let posting = match batched {
        true => tokio::spawn(all(service.clone())),
        false => tokio::spawn(one_by_one(service.clone())),
    };
    while service.applied() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(WINDOW).await;
    let (leads, calls, started) = (service.applied(), service.simulator.call_count(), Instant::now());
    tokio::time::sleep(WINDOW * WINDOWS_MEASURED).await;
    let (leads, calls) = (service.applied() - leads, service.simulator.call_count() - calls);
    let seconds = started.elapsed().as_secs_f64();
    posting.abort();
    anyhow::ensure!(leads > 0, "no lead arrived while it was measured");
    let refused = service.simulator.calls().iter().filter(|call| call.status == 429).count();
    Ok(Measured {
        leads_per_s: leads as f64 / seconds,
        calls_per_lead: calls as f64 / leads as f64,
        share_percent: 100.0 * calls as f64 / (LANE_LIMIT * seconds / WINDOW.as_secs_f64()),
        refused,
    })
}

async fn all(service: Arc<Service>) -> anyhow::Result<()> {
    service::post_all(&service, LEADS, CONNECTIONS).await.map(drop)
}

/// Posts each lead only when the one before it has arrived.
async fn one_by_one(service: Arc<Service>) -> anyhow::Result<()> {
    for number in 0..LEADS {
        service.post(number).await?;
        service.wait_until_applied(number + 1).await?;
    }
    Ok(())
}

/// How long a lead that comes alone takes until its contact is in HubSpot, in round trips.
async fn round_trips() -> anyhow::Result<Vec<f64>> {
    let options = Options { rate_limit: None, calls_kept: 0, latency: ROUND_TRIP, ..Options::default() };
    let service = Service::start(Setup { hubspot: options, ..Setup::default() }).await?;
    let mut trips = Vec::new();
    for number in 0..ALONE {
        service.post(number).await?;
        let started = Instant::now();
        while service.contacts() <= number {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        trips.push(started.elapsed().as_secs_f64() / ROUND_TRIP.as_secs_f64());
        service.wait_until_applied(number + 1).await?;
    }
    service.end().await?;
    Ok(trips)
}
