//! The running service: handed its listener and its stop signal, so that a test starts it as production does.

use std::future::Future;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::app::App;
use crate::{http, process, worker};

/// Serves until `shutdown` is ready, then finishes what is under way.
///
/// # Errors
/// When the listener fails, or leases of an earlier run cannot be voided.
pub async fn run(
    app: Arc<App>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    app.store.void_leases().await?;
    let (stop, stopped) = watch::channel(false);
    let warmed = app.clone();
    tokio::spawn(async move {
        if let Err(error) = process::warm_up(&warmed.store, &warmed.transformer).await {
            tracing::error!("a transformation that is in use cannot be loaded: {error:#}");
        }
    });
    let workers = tokio::spawn(worker::run(app.clone(), stopped.clone()));
    let mut ended = stopped;
    let served = axum::serve(listener, http::router(app)).with_graceful_shutdown(async move {
        // Fails only when the sender is gone, and then it is over as well.
        drop(ended.wait_for(|stop| *stop).await);
    });
    let signal = async {
        shutdown.await;
        stop.send_replace(true);
    };
    let (served, ()) = tokio::join!(served, signal);
    served?;
    workers.await?;
    Ok(())
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
