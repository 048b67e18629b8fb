//! The loops around the steps: work while there is work, then sleep until something is due or somebody knocks.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::app::App;
use crate::deliver;
use crate::model::lane::{LaneKind, Step};
use crate::process;

/// Plan steps at once: one a core is enough, since guests burn processor time only.
const PLANNERS: usize = 2;
/// Deliver steps at once: they wait for HubSpot most of the time, each for another portal.
const DELIVERERS: usize = 16;
/// The longest sleep: work that another process left in the database is found by then.
const SLEEP_MAX: Duration = Duration::from_secs(1);
/// After our own failure, before the next try.
const MEND: Duration = Duration::from_secs(1);

/// Runs every loop until `stop` says so; a round that is under way is finished.
pub async fn run(app: Arc<App>, stop: watch::Receiver<bool>) {
    let mut loops = tokio::task::JoinSet::new();
    for number in 0..PLANNERS {
        let (app, stop, owner) = (app.clone(), stop.clone(), owner("plan", number));
        loops.spawn(async move {
            let step = || async {
                let step = process::plan_next(&app.store, &app.transformer, &owner, (app.clock)()).await?;
                if step == Step::Worked {
                    app.wake.deliver.notify_one();
                }
                Ok(step)
            };
            run_loop(&app, LaneKind::Plan, &app.wake.plan, stop, step).await;
        });
    }
    for number in 0..DELIVERERS {
        let (app, stop, owner) = (app.clone(), stop.clone(), owner("deliver", number));
        loops.spawn(async move {
            let step = || deliver::deliver_next(&app.store, &app.hubspot, &owner, &app.clock);
            run_loop(&app, LaneKind::Deliver, &app.wake.deliver, stop, step).await;
        });
    }
    while let Some(ended) = loops.join_next().await {
        if let Err(error) = ended {
            tracing::error!("a worker loop panicked: {error}");
        }
    }
}

/// Who holds a lease: unique while the process lives.
fn owner(kind: &str, number: usize) -> String {
    format!("{kind}-{}-{number}", std::process::id())
}

async fn run_loop<S, F>(app: &App, kind: LaneKind, knock: &Notify, mut stop: watch::Receiver<bool>, step: S)
where
    S: Fn() -> F,
    F: Future<Output = anyhow::Result<Step>>,
{
    while !*stop.borrow() {
        let rest = match step().await {
            Ok(Step::Worked) => {
                // Where one lane had work another may have some: wake a neighbour, who does the same.
                knock.notify_one();
                continue;
            }
            Ok(Step::Idle) => sleep_time(app, kind).await,
            Err(error) => {
                tracing::error!("a {} step failed and is tried again: {error:#}", kind.as_str());
                MEND
            }
        };
        tokio::select! {
            () = knock.notified() => {}
            () = tokio::time::sleep(rest) => {}
            _ = stop.changed() => {}
        }
    }
}

async fn sleep_time(app: &App, kind: LaneKind) -> Duration {
    let now = (app.clock)();
    match app.store.next_due(kind, now).await {
        Ok(Some(due)) => due.since(now).clamp(Duration::from_millis(1), SLEEP_MAX),
        Ok(None) => SLEEP_MAX,
        Err(error) => {
            tracing::error!("the queue cannot be read: {error}");
            MEND
        }
    }
}
