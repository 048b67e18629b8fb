//! Filling in as a job: a page of records at a time, until every one was looked at or somebody stops it. It can be broken off
//! at any moment and goes on where it stood.

use std::time::Duration;

use super::fill::{self, Report, Wish};
use super::session::{self, NoSession};
use crate::deliver::Clock;
use crate::hubspot::{BATCH_MAX, HubSpot};
use crate::model::account::{Connection, ConnectionState};
use crate::model::fill::{Fill, FillProgress, FillState};
use crate::model::lane::Step;
use crate::model::time::Timestamp;
use crate::store::{Store, StoreError};

/// Between two pages, so that the calls of leads come first.
const REST: Duration = Duration::from_secs(2);
/// Until it is tried again, where HubSpot did not answer.
const WAIT: Duration = Duration::from_secs(60);

/// Why there is no such job to begin or to end.
#[derive(Debug, thiserror::Error)]
pub enum FillJobError {
    #[error("earlier contacts are being filled in already")]
    Running,
    #[error("nothing is being filled in")]
    NotRunning,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Begins a job. Where nothing is lacking, its first page is its last.
///
/// # Errors
/// [`FillJobError`].
pub async fn begin(store: &Store, connection: &Connection, by: &str, now: Timestamp) -> Result<Fill, FillJobError> {
    let lacking = store.lacking(connection, None, ("", "")).await?;
    let total = lacking.contacts + lacking.others;
    if !store.begin_fill(connection, &FillProgress::begin(by, total, now), now).await? {
        return Err(FillJobError::Running);
    }
    store.fill_job(connection).await?.ok_or(FillJobError::NotRunning)
}

/// Ends a job. What is filled in stays.
///
/// # Errors
/// [`FillJobError`].
pub async fn cancel(store: &Store, connection: &Connection) -> Result<(), FillJobError> {
    if store.cancel_fill(connection).await? { Ok(()) } else { Err(FillJobError::NotRunning) }
}

/// Does the next page of the job that is due longest.
///
/// # Errors
/// When the store fails.
pub async fn next(store: &Store, hubspot: &HubSpot, clock: &Clock) -> anyhow::Result<Step> {
    let Some(taken) = store.take_fill(clock()).await? else { return Ok(Step::Idle) };
    let connection = store.connection(taken.connection_id.as_str()).await?;
    let live = connection.filter(|connection| connection.state != ConnectionState::Disconnected);
    let Some(connection) = live else {
        store.settle_fill(&taken, (FillState::Cancelled, &taken.progress), clock()).await?;
        return Ok(Step::Worked);
    };
    let report = match session::open(store, hubspot, &connection, &**clock).await {
        Ok(session) => {
            let after = Some(taken.progress.place.clone());
            let wish = Wish { limit: Some(BATCH_MAX), after, ..Wish::default() };
            fill::fill(store, &session, &wish, clock).await?
        }
        Err(NoSession::Store(error)) => return Err(error),
        Err(NoSession::Blocked(problem) | NoSession::Away(problem)) => {
            let progress = FillProgress { waits: Some(problem.code), ..taken.progress.clone() };
            store.settle_fill(&taken, (FillState::Running, &progress), clock() + WAIT).await?;
            return Ok(Step::Worked);
        }
    };
    let now = clock();
    let (state, progress, rest) = after_page(&taken.progress, &report, now);
    store.settle_fill(&taken, (state, &progress), now + rest).await?;
    Ok(Step::Worked)
}

/// How a job stands after a page. Pure.
fn after_page(before: &FillProgress, report: &Report, now: Timestamp) -> (FillState, FillProgress, Duration) {
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let mut progress = before.clone();
    progress.values += count(report.filled.len());
    progress.records += count(report.records_filled());
    for skipped in &report.skipped {
        *progress.left_out.entry(skipped.told().to_owned()).or_default() += 1;
    }
    progress.left = report.left.contacts + report.left.others;
    progress.waits = report.stopped.as_ref().map(|problem| problem.code);
    progress.seen_at = Some(now);
    match &report.next {
        None => (FillState::Done, progress, Duration::ZERO),
        Some(place) => {
            progress.place.clone_from(place);
            let rest = if report.stopped.is_some() { WAIT } else { REST };
            (FillState::Running, progress, rest)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cause::{Code, Problem};
    use crate::store::Lacking;

    #[test]
    fn a_page_moves_the_job_on_and_a_stop_leaves_it_where_it_stood() {
        let before = FillProgress::begin("ana", 5, Timestamp(1));
        let left = Lacking { contacts: 2, others: 1 };
        let page = Report { left, next: Some("0-1/7".into()), ..Report::default() };
        let (state, progress, rest) = after_page(&before, &page, Timestamp(9));
        assert_eq!((state, progress.left, progress.place.as_str(), rest), (FillState::Running, 3, "0-1/7", REST));
        let away = Report { stopped: Some(Problem::new(Code::HubspotUnreachable, "x")), ..page };
        let (state, progress, rest) = after_page(&progress, &away, Timestamp(9));
        assert_eq!((state, progress.waits, rest), (FillState::Running, Some(Code::HubspotUnreachable), WAIT));
        let (state, progress, _) = after_page(&progress, &Report::default(), Timestamp(9));
        assert_eq!((state, progress.left, progress.waits), (FillState::Done, 0, None));
    }
}
