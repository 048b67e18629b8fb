//! Filling in what leads went without: a page of records that is seen first, or all of them in the background.

use axum::extract::Form;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::{BY_DAY, Page, as_before, page, records, talk};
use crate::app::App;
use crate::cause::{Code, Problem};
use crate::connection::fill::{self, Report};
use crate::connection::fill_job;
use crate::http::dashboard::draw;
use crate::http::dashboard::shell::{Place, Shell, Visit};
use crate::http::dashboard::transformations::connected;
use crate::http::error::ApiError;
use crate::model::access::Actor;
use crate::model::account::Connection;
use crate::model::fill::{Fill, FillState};
use crate::store::DroppedValue;
use crate::view::connection::record_address;
use crate::view::moment::{Moment, things};

/// Records that one press of the button fills in: a page of HubSpot's, for which a browser can wait.
const FILL_MAX: usize = 100;

/// Filling in a page of records, as it is shown before and after.
pub(super) struct Filling {
    pub(super) is_done: bool,
    pub(super) values: Vec<FilledRow>,
    /// Such as `12 values of 7 records`.
    pub(super) told: String,
    /// Why values were left out, with how many.
    pub(super) left_out: Vec<(String, String)>,
    pub(super) stopped: Option<Problem>,
    /// Where the page begins, and the next one.
    pub(super) after: String,
    pub(super) next: Option<String>,
    /// Records that were not looked at yet.
    pub(super) left: String,
}

/// A value that goes where HubSpot holds none.
pub(super) struct FilledRow {
    pub(super) record: String,
    pub(super) address: String,
    pub(super) property: String,
    pub(super) value: String,
}

/// Filling in in the background, in words.
pub(super) struct Job {
    pub(super) state: FillState,
    /// Of a hundred.
    pub(super) percent: i64,
    pub(super) told: String,
    pub(super) left: String,
    pub(super) left_out: Vec<(String, String)>,
    pub(super) waits: Option<Code>,
    pub(super) by: String,
    pub(super) begun: Moment,
    /// When its last page ended; while none did, when it began.
    pub(super) seen: Moment,
}

impl Job {
    pub(super) fn is_running(&self) -> bool {
        self.state == FillState::Running
    }
}

pub(super) fn job(shell: &Shell, fill: Fill) -> Job {
    let Fill { state, progress, .. } = fill;
    let values = |number: i64| things(number, "value", "values");
    let records = |number: i64| things(number, "record", "records");
    Job {
        percent: (progress.total - progress.left).clamp(0, progress.total) * 100 / progress.total.max(1),
        told: format!("{} of {} filled in", values(progress.values), records(progress.records)),
        left: records(progress.left),
        left_out: progress.left_out.into_iter().map(|(reason, number)| (values(number), reason)).collect(),
        waits: progress.waits,
        by: progress.begun_by,
        begun: shell.time(progress.begun_at),
        seen: shell.time(progress.seen_at.unwrap_or(progress.begun_at)),
        state,
    }
}

/// A page of records to fill in.
#[derive(Deserialize)]
pub(super) struct Asked {
    /// Seen and agreed; without it, what would be filled in is shown.
    sure: Option<String>,
    /// Where the page begins.
    #[serde(default)]
    after: String,
}

pub(super) async fn fill_in(
    Visit { app, actor, place }: Visit,
    Form(asked): Form<Asked>,
) -> Result<Response, ApiError> {
    let session = match talk(&app, place.connection.as_ref()).await {
        Ok(session) => session,
        Err(error) => return as_before(&app, &actor, place, error).await,
    };
    let is_done = asked.sure.is_some();
    let wish = fill::Wish { limit: Some(FILL_MAX), after: Some(asked.after), dry_run: !is_done, property: None };
    let report = fill::fill(&app.store, &session, &wish, &app.clock).await?;
    app.wake.deliver.notify_one();
    let report = actor.sight.shown(report, Report::masked);
    let filling = filling(&session.connection, report, (is_done, wish.after.unwrap_or_default()));
    draw(&app, &actor, &Page { filling: Some(filling), ..page(&app, place, (BY_DAY[0], None)).await? })
}

/// Fills in everything in the background.
pub(super) async fn fill_all(Visit { app, actor, place }: Visit) -> Result<Response, ApiError> {
    let begun = begin(&app, &actor, place.connection.clone()).await;
    at_the_job(&app, &actor, place, begun).await
}

async fn begin(app: &App, actor: &Actor, connection: Option<Connection>) -> Result<(), ApiError> {
    fill_job::begin(&app.store, &connected(connection)?, &actor.name, (app.clock)()).await?;
    Ok(())
}

/// Ends filling in in the background. What is filled in stays.
pub(super) async fn cancel(Visit { app, actor, place }: Visit) -> Result<Response, ApiError> {
    let ended = end(&app, place.connection.clone()).await;
    at_the_job(&app, &actor, place, ended).await
}

async fn end(app: &App, connection: Option<Connection>) -> Result<(), ApiError> {
    Ok(fill_job::cancel(&app.store, &connected(connection)?).await?)
}

/// On to where the page tells of the job; where nothing was done, the page with why.
async fn at_the_job(app: &App, actor: &Actor, place: Place, done: Result<(), ApiError>) -> Result<Response, ApiError> {
    match done {
        Ok(()) => Ok(Redirect::to(&format!("{}#fill", place.shell.at("fields"))).into_response()),
        Err(error) => as_before(app, actor, place, error).await,
    }
}

fn filling(connection: &Connection, report: Report, (is_done, after): (bool, String)) -> Filling {
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let values = |number: usize| things(count(number), "value", "values");
    let told = things(count(report.records_filled()), "record", "records");
    let left_out = report.reasons();
    let left_out = left_out.into_iter().map(|(reason, number)| (values(number), reason.to_owned())).collect();
    Filling {
        is_done,
        told: format!("{} of {told}", values(report.filled.len())),
        left_out,
        after,
        next: report.next,
        left: records(report.left).unwrap_or_default(),
        stopped: report.stopped,
        values: report.filled.into_iter().map(|one| filled_row(connection, one.dropped)).collect(),
    }
}

fn filled_row(connection: &Connection, dropped: DroppedValue) -> FilledRow {
    let property = dropped.target().to_owned();
    let DroppedValue { object_type, record_id, value, .. } = dropped;
    FilledRow { address: record_address(connection, &object_type, &record_id), record: record_id, property, value }
}
