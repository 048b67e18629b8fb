//! Whether the database answers. Every read and write notes how it went; the first that finds it away says so once, and
//! one task looks until it is back, so that nobody else has to try, and nothing is said a second time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::db::{Db, Result, StoreError};

/// The first look, soon: most absences are a restart.
const LOOK_MIN: Duration = Duration::from_millis(100);
/// Between two looks at most: work goes on within this time once the database is back.
const LOOK_MAX: Duration = Duration::from_secs(2);
/// Away again within this time, the looks go on where they were: a database that comes and goes is no news each time.
const STEADY: Duration = Duration::from_secs(10);

/// What is known of the database. Cheap to clone.
#[derive(Clone)]
pub(super) struct Health(Arc<watch::Sender<State>>);

#[derive(Clone, Copy)]
struct State {
    answers: bool,
    /// When that changed; none while it never did.
    since: Option<tokio::time::Instant>,
    /// How long to wait before the next look.
    rest: Duration,
}

impl Default for Health {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(State { answers: true, since: None, rest: LOOK_MIN })))
    }
}

impl Health {
    pub(super) fn answers(&self) -> bool {
        self.0.borrow().answers
    }

    pub(super) async fn wait_until_it_answers(&self) {
        let mut state = self.0.subscribe();
        state.wait_for(|state| state.answers).await.expect("the sender is in `self`");
    }

    /// Notes how something went; the first that finds the database away starts the looks.
    pub(super) fn note<T>(&self, db: &Db, done: &Result<T>) {
        let Err(error) = done else { return };
        if !error.is_away() {
            return;
        }
        let news = self.0.send_if_modified(|state| {
            let news = state.answers;
            if news {
                let unsteady = state.since.is_some_and(|since| since.elapsed() < STEADY);
                let rest = if unsteady { (state.rest * 2).min(LOOK_MAX) } else { LOOK_MIN };
                *state = State { answers: false, since: Some(tokio::time::Instant::now()), rest };
            }
            news
        });
        if news {
            metrics::gauge!("leadline_store_up").set(0.0);
            tracing::error!(
                "the database does not answer; events are refused with 503, and work rests, until it does: {error}"
            );
            tokio::spawn(look_until_it_answers(db.clone(), self.clone()));
        }
    }
}

async fn look_until_it_answers(db: Db, health: Health) {
    loop {
        let rest = health.0.borrow().rest;
        tokio::time::sleep(rest.mul_f64(spread())).await;
        match db.look().await {
            Ok(()) => break,
            Err(StoreError::Closed | StoreError::Postgres(sqlx::Error::PoolClosed)) => return,
            Err(error) => tracing::debug!("the database still does not answer: {error}"),
        }
        health.0.send_modify(|state| state.rest = (state.rest * 2).min(LOOK_MAX));
    }
    let mut away = Duration::ZERO;
    health.0.send_modify(|state| {
        away = state.since.map_or(Duration::ZERO, |since| since.elapsed());
        *state = State { answers: true, since: Some(tokio::time::Instant::now()), rest: state.rest };
    });
    metrics::gauge!("leadline_store_up").set(1.0);
    tracing::warn!("the database answers again, after {:.1} s", away.as_secs_f64());
}

/// From a half to one: processes that lost the same database do not come back to it together.
fn spread() -> f64 {
    let mut byte = [0];
    getrandom::fill(&mut byte).expect("the operating system gives random bytes");
    0.5 + f64::from(byte[0]) / 512.0
}
