//! Leads that somebody chose in the list: what sending them once more would come to, then doing it.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::http::Uri;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;

use super::super::fault::Fault;
use super::reader;
use crate::app::App;
use crate::choice::{self, Choice, Chosen};
use crate::http::dashboard::draw;
use crate::http::dashboard::replays::{Shown, shown};
use crate::http::dashboard::shell::{Place, Shell, Visit};
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::model::access::Right;
use crate::model::id::EventId;
use crate::model::replay::Manner;
use crate::replay;
use crate::view::logs::Query;
use crate::view::moment::count;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let change = OpenApiRouter::new().route("/accounts/{account}/logs/chosen", get(estimate).post(send));
    needing(Right::Change, change)
}

/// What a form says of which leads are meant: the ids of rows, or all that a filter finds.
#[derive(Default)]
struct Asked {
    leads: Vec<String>,
    is_all: bool,
    filter: String,
    /// What is in HubSpot is sent once more too.
    again: bool,
    /// What failed is planned anew.
    afresh: bool,
}

impl Asked {
    fn read(fields: &[u8]) -> Self {
        let mut asked = Self::default();
        for (name, value) in url::form_urlencoded::parse(fields) {
            match name.as_ref() {
                "lead" => asked.leads.push(value.into_owned()),
                "all" => asked.is_all = value == "yes",
                "filter" => asked.filter = value.into_owned(),
                "again" => asked.again = value == "yes",
                "afresh" => asked.afresh = value == "yes",
                _ => {}
            }
        }
        asked
    }

    fn manner(&self) -> Manner {
        Manner { again: self.again, afresh: self.afresh }
    }

    fn choice(&self, place: &Place) -> Choice {
        if self.is_all {
            let filter = Query::decoded(&self.filter).filter(&place.account.id, &reader(&place.shell));
            return Choice::Matching(Box::new(filter));
        }
        Choice::These(self.leads.iter().cloned().map(EventId::stored).collect())
    }
}

#[derive(Template)]
#[template(path = "chosen.html")]
struct Page {
    shell: Shell,
    asked: Asked,
    /// Where they were chosen.
    back: String,
    leads: String,
    waiting: usize,
    is_cut: bool,
    /// None where a replay would do nothing.
    estimate: Option<Shown>,
    /// Whether anything would come of it.
    can_send: bool,
    wrong: Option<Fault>,
}

async fn estimate(Visit { app, actor, place }: Visit, uri: Uri) -> Result<Response, ApiError> {
    let asked = Asked::read(uri.query().unwrap_or_default().as_bytes());
    let chosen = choice::find(&app.store, &place.account, asked.choice(&place)).await?;
    draw(&app, &actor, &page(&app, place, asked, &chosen, None).await?)
}

async fn send(Visit { app, actor, place }: Visit, body: Bytes) -> Result<Response, ApiError> {
    let asked = Asked::read(&body);
    let now = (app.clock)();
    let chosen = choice::find(&app.store, &place.account, asked.choice(&place)).await?;
    match choice::send(&app.store, &place.account, &chosen, asked.manner(), now).await {
        Ok(sent) => {
            app.wake.plan.notify_one();
            app.wake.deliver.notify_one();
            let to = match sent.replay {
                Some(_) => format!("{}?done=replayed", place.shell.at("replays")),
                None => format!("{}?done=tried", place.shell.at("logs")),
            };
            Ok(Redirect::to(&to).into_response())
        }
        Err(error) => {
            let fault = Fault::of(error.into())?;
            let drawn = page(&app, place, asked, &chosen, Some(fault.clone())).await?;
            Ok(fault.on(draw(&app, &actor, &drawn)?))
        }
    }
}

async fn page(app: &App, place: Place, asked: Asked, chosen: &Chosen, wrong: Option<Fault>) -> Result<Page, ApiError> {
    let estimate = match chosen.events.is_empty() {
        true => None,
        false => {
            let wish = chosen.wish(asked.manner());
            Some(shown(&replay::estimate(&app.store, &place.account, &wish, place.shell.now).await?))
        }
    };
    let base = place.shell.at("logs");
    Ok(Page {
        back: if asked.filter.is_empty() { base } else { format!("{base}?{}", asked.filter) },
        leads: count(i64::try_from(chosen.len()).unwrap_or(i64::MAX)),
        waiting: chosen.waiting.len(),
        is_cut: chosen.is_cut,
        can_send: !chosen.waiting.is_empty() || estimate.as_ref().is_some_and(|estimate| !estimate.is_nothing),
        estimate,
        wrong,
        asked,
        shell: place.shell,
    })
}
