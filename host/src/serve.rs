//! The running service: handed its listener and its stop signal, so that a test starts it as production does.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::app::App;
use crate::config::{DISK_RESERVE_MIB, DRAIN, Role};
use crate::crash::crash_point;
use crate::housekeeping::Limits;
use crate::{housekeeping, http, process, store, worker};

/// What a process does, and how it ends.
#[derive(Clone, Debug)]
pub struct Manner {
    pub roles: Vec<Role>,
    /// How long it may take to finish what is under way.
    pub drain: Duration,
    /// How long what grows is kept.
    pub keep: Limits,
    /// Room on the disk that new leads leave free, in bytes; none, and nobody looks.
    pub disk_reserve: u64,
    /// How many senders there may be, and how slow.
    pub senders: http::Limits,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            roles: Role::ALL.to_vec(),
            drain: DRAIN,
            keep: Limits::default(),
            disk_reserve: DISK_RESERVE_MIB << 20,
            senders: http::Limits::default(),
        }
    }
}

/// How a service ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// What was under way is finished.
    Finished,
    /// The time was up, or somebody asked again. Nothing is lost: what was under way goes on after the next start.
    Cut,
    /// The disk did not do a sync. Nothing that was acknowledged is lost, and nothing can be stored any more: what the
    /// disk has is only certain after the next start, which reads it again.
    DiskLost,
}

/// Serves until `shutdown` is ready, then finishes what is under way, for as long as `manner` allows.
///
/// # Errors
/// When leases of an earlier run cannot be voided.
pub async fn run(
    app: Arc<App>,
    manner: Manner,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<Ended> {
    let Manner { roles, drain, keep, disk_reserve, senders } = manner;
    app.keep.get_or_init(|| keep);
    // Of an earlier run on the same file. Beside others, a dead one's leases end by themselves.
    if app.store.is_for_one_process() {
        app.store.void_leases().await?;
        let now = (app.clock)();
        if let Some(by) = app.store.set_back_by(now).await? {
            tracing::warn!("the clock was set back since the last run, to {now}; work goes on by the new time");
            app.store.move_back(now, by).await?;
        }
    } else {
        // Before the first lease.
        app.clock_watch.look(&app.store).await?;
    }
    // Leads are taken in without them too; those then stay outside of the partitions.
    if let Err(error) = housekeeping::make_partitions(&app.store, (app.clock)()).await
        && !store::is_away(&error)
    {
        tracing::error!("{error:#}");
    }
    // What waits for somebody to resume it looks like nothing to do.
    for (scope, since) in app.store.pauses().await? {
        tracing::warn!("{scope} is paused since {since}");
    }
    let (stop, stopped) = watch::channel(false);
    if roles.contains(&Role::Plan) {
        let warmed = app.clone();
        tokio::spawn(async move {
            if let Err(error) = process::warm_up(&warmed.store, &warmed.transformer).await
                && !store::is_away(&error)
            {
                tracing::error!("a transformation that is in use cannot be loaded: {error:#}");
            }
        });
    }
    let workers = tokio::spawn(worker::run(app.clone(), roles.clone(), (keep, disk_reserve), stopped.clone()));
    let (store, live, mut ended) = (app.store.clone(), app.live.clone(), stopped);
    let served = http::serve(listener, http::router(app, &roles), senders, async move {
        // Fails only when the sender is gone, and then it is over as well.
        drop(ended.wait_for(|stop| *stop).await);
    });
    let mut served = tokio::spawn(served);
    tokio::select! {
        // Before anybody asked for it: it panicked.
        served = &mut served => {
            served?;
            anyhow::bail!("the service stopped answering requests");
        }
        () = store.disk_lost() => return Ok(Ended::DiskLost),
        () = shutdown => {}
    }
    stop.send_replace(true);
    live.end();
    crash_point!("CP18");
    let finish = async {
        served.await?;
        workers.await?;
        anyhow::Ok(Ended::Finished)
    };
    tokio::select! {
        ended = finish => ended,
        () = store.disk_lost() => Ok(Ended::DiskLost),
        () = tokio::time::sleep(drain) => Ok(Ended::Cut),
        () = asked_to_end()? => Ok(Ended::Cut),
    }
}

/// Ready when the process is asked to end: SIGTERM, or Ctrl-C.
///
/// # Errors
/// When the signals cannot be listened to.
pub fn asked_to_end() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
