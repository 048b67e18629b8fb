//! `end-to-end`: leads per second from signed POST to the simulator, SQLite at FULL. Load, service and simulator share
//! the machine. The baseline is one lead at a time: posted, and waited for, before the next.

use std::sync::Arc;
use std::time::Instant;

use crate::figure::{Figure, median};
use crate::service::{self, Service};

const RUNS: usize = 5;
const LEADS: usize = 4_000;
const CONNECTIONS: usize = 64;
/// One at a time is slow; so many give a steady figure.
const ALONE: usize = 200;

pub(crate) async fn run() -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let mut alone = Vec::new();
    for accounts in [1, 20] {
        let mut rates = Vec::new();
        let mut acked = Vec::new();
        for _ in 0..RUNS {
            let service = Arc::new(Service::start(accounts).await?);
            warm_up(&service).await?;
            if accounts == 1 {
                alone.push(one_at_a_time(&service).await?);
            }
            let before = service.applied();
            let started = Instant::now();
            service::post_all(service.clone(), LEADS, CONNECTIONS).await?;
            acked.push(LEADS as f64 / started.elapsed().as_secs_f64());
            service.wait_until_applied(before + LEADS).await?;
            rates.push(LEADS as f64 / started.elapsed().as_secs_f64());
            Arc::into_inner(service).ok_or_else(|| anyhow::anyhow!("a poster is still at work"))?.end().await?;
        }
        let baseline = median(&mut alone);
        let portals = if accounts == 1 { "1 portal".to_owned() } else { format!("{accounts} portals") };
        figures.push(
            Figure::alone("end-to-end", format!("{portals}, beside one lead at a time"), median(&mut rates), "leads/s")
                .beside(baseline),
        );
        figures.push(Figure::alone(
            "end-to-end",
            format!("{portals}, acknowledged while delivering"),
            median(&mut acked),
            "leads/s",
        ));
    }
    Ok(figures)
}

async fn warm_up(service: &Service) -> anyhow::Result<()> {
    for number in 0..200 {
        service.post(10_000_000 + number).await?;
    }
    service.wait_until_applied(200).await
}

async fn one_at_a_time(service: &Service) -> anyhow::Result<f64> {
    let before = service.applied();
    let started = Instant::now();
    for number in 0..ALONE {
        service.post(20_000_000 + number).await?;
        service.wait_until_applied(before + number + 1).await?;
    }
    Ok(ALONE as f64 / started.elapsed().as_secs_f64())
}
