//! Replays: leads that are sent once more. First what it would come to, then a job with its progress.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Form, Path};
use axum::http::Uri;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;

use super::accounts::serde_urlencoded;
use super::draw;
use super::fault::Fault;
use super::logs::reader;
use super::shell::{Place, Shell, Visit};
use crate::app::App;
use crate::cause::Code;
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::model::access::Right;
use crate::model::replay::{Change, Estimate, Filter, Replay, ReplayState, Standing, Tally};
use crate::model::word;
use crate::replay::{self, Wish};
use crate::schema::event_type_names;
use crate::view::logs::Query;
use crate::view::moment::{Moment, count, span};
use crate::view::outcome::Reader;

/// Replays that the page lists, the newest.
const LISTED_MAX: u32 = 50;
/// Dealerships and causes that one can choose from are those of the leads of this time.
pub(super) const CHOICES_OF: Duration = Duration::from_secs(31 * 24 * 3600);

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().route("/accounts/{account}/replays", get(list));
    let change = OpenApiRouter::new()
        .route("/accounts/{account}/replays", post(create))
        .route("/accounts/{account}/replays/{id}/{change}", post(move_on));
    needing(Right::Read, read).merge(needing(Right::Change, change))
}

/// Which leads, as a form says it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Asked {
    state: String,
    cause: String,
    #[serde(rename = "type")]
    event_type: String,
    dealership: String,
    text: String,
    from: String,
    until: String,
    /// What is in HubSpot is sent once more too.
    again: String,
    /// What failed is planned anew.
    afresh: String,
    rate: String,
    name: String,
}

impl Asked {
    fn wish(&self, reader: &Reader) -> Wish {
        let days = Query { from: self.from.clone(), until: self.until.clone(), ..Query::default() };
        let days = days.filter(&crate::model::id::AccountId::stored(String::new()), reader);
        let said = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let filter = Filter {
            event: None,
            events: Vec::new(),
            state: Standing::ALL.into_iter().find(|standing| word(standing) == self.state),
            from: days.from,
            to: days.until,
            event_type: said(&self.event_type),
            cause: self.cause.parse::<Code>().ok(),
            dealership: said(&self.dealership),
            text: said(&self.text),
        };
        Wish {
            filter,
            again: self.again == "yes",
            afresh: self.afresh == "yes",
            rate: self.rate.trim().parse().ok(),
            name: self.name.clone(),
        }
    }

    fn is_given(&self) -> bool {
        let Self { state, cause, event_type, dealership, text, from, until, .. } = self;
        [state, cause, event_type, dealership, text, from, until].into_iter().any(|said| !said.trim().is_empty())
    }

    /// The members that the next form sends on, as they were given.
    fn fields(&self) -> [(&'static str, &str); 10] {
        [
            ("state", &self.state),
            ("cause", &self.cause),
            ("type", &self.event_type),
            ("dealership", &self.dealership),
            ("text", &self.text),
            ("from", &self.from),
            ("until", &self.until),
            ("again", &self.again),
            ("afresh", &self.afresh),
            ("rate", &self.rate),
        ]
    }
}

#[derive(Template)]
#[template(path = "replays.html")]
struct Page {
    shell: Shell,
    asked: Asked,
    /// What there is to choose from: causes with their titles, and slugs.
    causes: Vec<Code>,
    types: Vec<&'static str>,
    dealerships: Vec<String>,
    /// What it would come to; none where nobody has asked.
    estimate: Option<Shown>,
    /// Why it cannot be done, and what to do.
    wrong: Option<Fault>,
    rows: Vec<Row>,
}

/// An estimate, in words.
pub(super) struct Shown {
    pub(super) replayed: String,
    pub(super) skipped: String,
    pub(super) takes: String,
    pub(super) is_nothing: bool,
    pub(super) lines: Vec<(String, String, &'static str)>,
}

pub(super) fn shown(estimate: &Estimate) -> Shown {
    let number = |number: u64| count(i64::try_from(number).unwrap_or(i64::MAX));
    Shown {
        replayed: number(estimate.replayed),
        skipped: number(estimate.skipped),
        takes: span(estimate.seconds.saturating_mul(1000)),
        is_nothing: estimate.replayed == 0,
        lines: lines(&estimate.tally),
    }
}

fn lines(tally: &Tally) -> Vec<(String, String, &'static str)> {
    let rows =
        tally.0.iter().flat_map(|(standing, fates)| fates.iter().map(move |(fate, leads)| (standing, fate, leads)));
    let line = |(standing, fate, leads): (&Standing, &crate::model::replay::Fate, &u64)| {
        (count(i64::try_from(*leads).unwrap_or(i64::MAX)), word(standing), fate.text())
    };
    rows.map(line).collect()
}

/// A job with its progress.
struct Row {
    replay: Replay,
    at: Moment,
    state: String,
    tone: &'static str,
    icon: &'static str,
    done: u64,
    expected: u64,
    width: u64,
    lines: Vec<(String, String, &'static str)>,
}

fn row(shell: &Shell, replay: Replay) -> Row {
    let done = replay.tally.replayed() + replay.tally.skipped();
    let expected = (replay.estimate.replayed + replay.estimate.skipped).max(done);
    let (tone, icon) = match replay.state {
        ReplayState::Running => ("sending", "◔"),
        ReplayState::Paused => ("none", "⏸"),
        ReplayState::Done => ("good", "✓"),
        ReplayState::Cancelled => ("none", "⊘"),
    };
    Row {
        at: shell.time(replay.created_at),
        state: word(&replay.state),
        width: (done * 100).checked_div(expected).unwrap_or(100),
        lines: lines(&replay.tally),
        tone,
        icon,
        done,
        expected,
        replay,
    }
}

async fn page(app: &App, place: Place, asked: Asked, wrong: Option<Fault>) -> Result<Page, ApiError> {
    let (mut estimate, mut wrong) = (None, wrong);
    if asked.is_given() && wrong.is_none() {
        let wish = asked.wish(&reader(&place.shell));
        match replay::estimate(&app.store, &place.account, &wish, place.shell.now).await {
            Ok(found) => estimate = Some(shown(&found)),
            Err(error) => wrong = Some(Fault::of(error.into())?),
        }
    }
    let (id, since) = (&place.account.id, place.shell.now - CHOICES_OF);
    let (replays, mut causes, dealerships) = tokio::try_join!(
        app.store.replays(Some(id), LISTED_MAX),
        app.store.causes_since(id, since),
        app.store.dealerships(id, since)
    )?;
    if let Ok(chosen) = asked.cause.parse::<Code>()
        && !causes.contains(&chosen)
    {
        causes.push(chosen);
    }
    let rows = replays.into_iter().map(|replay| row(&place.shell, replay)).collect();
    Ok(Page { asked, causes, types: event_type_names(), dealerships, estimate, wrong, rows, shell: place.shell })
}

async fn list(Visit { app, actor, place }: Visit, uri: Uri) -> Result<Response, ApiError> {
    draw(&app, &actor, &page(&app, place, serde_urlencoded(&uri), None).await?)
}

async fn create(Visit { app, actor, place }: Visit, Form(asked): Form<Asked>) -> Result<Response, ApiError> {
    let wish = asked.wish(&reader(&place.shell));
    match replay::create(&app.store, &place.account, &wish, (app.clock)()).await {
        Ok(_) => Ok(Redirect::to(&format!("{}?done=replayed", place.shell.at("replays"))).into_response()),
        Err(error) => {
            let fault = Fault::of(error.into())?;
            Ok(fault.on(draw(&app, &actor, &page(&app, place, asked, Some(fault.clone())).await?)?))
        }
    }
}

/// Pauses a job, lets it go on, or ends it.
async fn move_on(
    Visit { app, place, .. }: Visit,
    Path((_, id, change)): Path<(String, String, String)>,
) -> Result<Response, ApiError> {
    let change = match change.as_str() {
        "pause" => Change::Pause,
        "resume" => Change::Resume,
        "cancel" => Change::Cancel,
        other => return Err(ApiError::NotFound(format!("a replay cannot be changed by `{other}`"))),
    };
    let found = app.store.replay(&id).await?.filter(|replay| replay.account_id == place.account.id);
    let found = found.ok_or_else(|| ApiError::NotFound(format!("there is no replay `{id}`")))?;
    replay::change(&app.store, &found, change, (app.clock)()).await?;
    Ok(Redirect::to(&place.shell.at("replays")).into_response())
}
