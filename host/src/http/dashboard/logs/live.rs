//! What changes in the list while somebody looks: the rows that he sees, as the list draws them, and which leads are new.

use std::sync::Arc;

use askama::Template;
use axum::extract::Query as Extracted;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::reader;
use crate::app::App;
use crate::http::dashboard::accounts::serde_urlencoded;
use crate::http::dashboard::shell::{Place, Visit};
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::http::stream::{self, From};
use crate::live::{Drawn, Happened};
use crate::model::access::Right;
use crate::model::id::{ChangeId, EventId};
use crate::store::{Fit, LeadFilter, LeadRow};
use crate::view::logs::{Query, Row};
use crate::view::outcome::Reader;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    needing(Right::Read, OpenApiRouter::new().route("/accounts/{account}/logs/live", get(follow)))
}

/// Between which leads the rows are that somebody sees.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Seen {
    oldest: String,
    newest: String,
}

/// The address of what happens to a page of the list.
pub(super) fn address(base: &str, query: &Query, rows: &[LeadRow], since: &ChangeId) -> String {
    let id = |lead: Option<&LeadRow>| lead.map(|lead| lead.event.id.to_string()).unwrap_or_default();
    let filter = query.at(None, None);
    let seen = format!("oldest={}&newest={}&since={since}", id(rows.last()), id(rows.first()));
    if filter.is_empty() { format!("{base}/live?{seen}") } else { format!("{base}/live?{filter}&{seen}") }
}

/// A row of the list by itself.
#[derive(Template)]
#[template(path = "parts/row.html")]
struct RowPart<'a> {
    row: Row,
    base: &'a str,
    may_change: bool,
}

async fn follow(
    Visit { app, actor, place }: Visit,
    uri: Uri,
    Extracted(from): Extracted<From>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (query, seen): (Query, Seen) = (serde_urlencoded(&uri), serde_urlencoded(&uri));
    let Place { shell, account, connection, .. } = place;
    let filter = LeadFilter { before: None, after: None, ..query.filter(&account.id, &reader(&shell)) };
    let (sight, may_change) = (actor.sight, shell.may_change());
    let (base, zone, clock) = (shell.at("logs"), shell.zone, app.clock.clone());
    let draw = move |happened: &Happened| {
        let reader = Reader { now: clock(), zone: zone.clone() };
        let row = |lead: &LeadRow| {
            let row = Row::of(lead, connection.as_ref(), sight, &reader);
            RowPart { row, base: &base, may_change }.render().unwrap_or_default()
        };
        told(happened, &filter, &seen, Drawn::Row { sight, may_change }, row)
    };
    let cursor = from.cursor(&headers)?;
    stream::open(app, &actor, headers, &account.id, cursor, draw).await
}

/// `row`: a row that is seen, drawn anew; `new`: ids of leads that match and are newer than all that are seen.
fn told(
    happened: &Happened,
    filter: &LeadFilter,
    seen: &Seen,
    how: Drawn,
    draw: impl Fn(&LeadRow) -> String,
) -> String {
    let Happened::Leads(leads, cursor) = happened else { return stream::reset(happened) };
    let (mut text, mut new) = (String::new(), Vec::<&EventId>::new());
    for changed in &**leads {
        let (id, fit) = (&changed.lead.event.id, filter.fits(&changed.lead));
        let is_seen = (seen.oldest.as_str()..=seen.newest.as_str()).contains(&id.as_str());
        // A row stays where it is when its lead does not match any more: nothing moves.
        if is_seen && fit != Fit::Never {
            text += &stream::event("row", changed.drawn(how, &draw));
        } else if id.as_str() > seen.newest.as_str() && fit == Fit::In {
            new.push(id);
        }
    }
    if !new.is_empty() {
        text += &stream::event("new", &serde_json::to_string(&new).unwrap_or_default());
    }
    text + &stream::at(cursor)
}
