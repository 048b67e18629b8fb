//! What changes in the list while somebody looks: the rows that he sees, as the list draws them, and which leads are new.

use std::collections::HashSet;
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
use crate::live::{Drawn, Happened, Wants};
use crate::model::access::Right;
use crate::model::id::{ChangeId, EventId};
use crate::store::{Fit, LeadFilter, LeadRow};
use crate::view::logs::{Query, Row};
use crate::view::outcome::Reader;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    needing(Right::Read, OpenApiRouter::new().route("/accounts/{account}/logs/live", get(follow)))
}

/// New leads that a page is told of; then there are more than anybody counts.
const NEW_MAX: usize = 1_000;

/// Between which leads the rows are that somebody sees.
#[derive(Deserialize)]
struct Seen {
    #[serde(default = "none")]
    oldest: EventId,
    #[serde(default = "none")]
    newest: EventId,
}

/// Older than every lead: what a page without rows has.
fn none() -> EventId {
    EventId::stored(String::new())
}

impl Seen {
    /// Which leads have to be read: those that are seen, and where a filter may leave them out, the new ones. What came
    /// before the time that a page without rows begins with is not new.
    fn wants(&self, filter: &LeadFilter) -> Wants {
        let are_all_in = filter.takes_all_newer() && (filter.from.is_none() || self.newest != none());
        Wants { from: self.oldest.clone(), to: are_all_in.then(|| self.newest.clone()) }
    }
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
    let wants = seen.wants(&filter);
    let how = Drawn::Row { sight, may_change };
    let mut page = Followed { filter, seen, are_all_in: wants.to.is_some(), named: HashSet::new() };
    let draw = move |happened: &Happened| {
        let reader = Reader { now: clock(), zone: zone.clone() };
        let row = |lead: &LeadRow| {
            let row = Row::of(lead, connection.as_ref(), sight, &reader);
            RowPart { row, base: &base, may_change }.render().unwrap_or_default()
        };
        page.told(happened, how, row)
    };
    let cursor = from.cursor(&headers)?;
    stream::open(app, &actor, headers, (&account.id, wants, cursor), draw).await
}

/// A page of the list that somebody follows.
struct Followed {
    filter: LeadFilter,
    seen: Seen,
    /// No new lead has to be read: each is in the list.
    are_all_in: bool,
    /// New leads that it was told of.
    named: HashSet<EventId>,
}

impl Followed {
    /// `row`: a row that is seen, drawn anew; `new`: ids of leads that match and are newer than all that are seen, each
    /// once, and after so many no more.
    fn told(&mut self, happened: &Happened, how: Drawn, draw: impl Fn(&LeadRow) -> String) -> String {
        let Happened::Leads(leads, cursor) = happened else { return stream::reset(happened) };
        let (mut text, mut new) = (String::new(), Vec::<&EventId>::new());
        for changed in &**leads {
            let (event, now) = (&changed.event, changed.now());
            let fit = now.map(|now| self.filter.fits(&now.lead));
            if *event > self.seen.newest {
                let is_in = fit.map_or(self.are_all_in, |fit| fit == Fit::In);
                if is_in && self.named.len() < NEW_MAX && self.named.insert(event.clone()) {
                    new.push(event);
                }
            // A row stays where it is when its lead does not match any more: nothing moves.
            } else if *event >= self.seen.oldest
                && fit != Some(Fit::Never)
                && let Some(now) = now
            {
                text += &stream::event("row", now.drawn(how, &draw));
            }
        }
        if !new.is_empty() {
            text += &stream::event("new", &serde_json::to_string(&new).unwrap_or_default());
        }
        text + &stream::at(cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::Changed;
    use crate::model::outcome::Outcome;
    use crate::model::time::Timestamp;

    fn id(number: usize) -> EventId {
        EventId::stored(format!("evt_{number:04}"))
    }

    fn page(filter: LeadFilter, newest: EventId) -> Followed {
        let seen = Seen { oldest: if newest == none() { none() } else { id(1) }, newest };
        let are_all_in = seen.wants(&filter).to.is_some();
        Followed { filter, seen, are_all_in, named: HashSet::new() }
    }

    /// The ids that are told as new, where nothing was read.
    fn new(page: &mut Followed, changed: impl IntoIterator<Item = usize>) -> Vec<EventId> {
        let leads = changed.into_iter().map(|number| Changed::unread(id(number))).collect();
        let happened = Happened::Leads(leads, ChangeId::stored("chg_1".to_owned()));
        let how = Drawn::Row { sight: crate::model::access::Sight::Whole, may_change: false };
        let text = page.told(&happened, how, |_| unreachable!("nothing was read"));
        let data = text.lines().find_map(|line| line.strip_prefix("data: "));
        data.map_or_else(Vec::new, |data| serde_json::from_str(data).unwrap())
    }

    #[test]
    fn new_leads_are_named_once_and_not_without_end() {
        let mut all = page(LeadFilter::default(), id(5));
        assert_eq!(new(&mut all, [4, 6, 7]), [id(6), id(7)]);
        assert_eq!(new(&mut all, [6, 8]), [id(8)]);
        assert_eq!(new(&mut all, 9..3_000).len(), NEW_MAX - 3);
        assert_eq!(new(&mut all, [3_000]), []);
        let script = include_str!("../../../../assets/list.js");
        assert!(script.contains(&format!("const NEW_MAX = {NEW_MAX};")), "the page counts as far");
    }

    #[test]
    fn a_lead_that_a_filter_may_leave_out_is_not_new_before_it_was_read() {
        let from = Some(Timestamp(1));
        let rows = [
            (LeadFilter::default(), id(5), true),
            (LeadFilter::default(), none(), true),
            (LeadFilter { from, ..LeadFilter::default() }, id(5), true),
            // Nothing says which leads came before that time.
            (LeadFilter { from, ..LeadFilter::default() }, none(), false),
            (LeadFilter { until: from, ..LeadFilter::default() }, id(5), false),
            (LeadFilter { outcome: Some(Outcome::Failed), ..LeadFilter::default() }, id(5), false),
            (LeadFilter { test: Some(false), ..LeadFilter::default() }, id(5), false),
        ];
        for (filter, newest, is_new) in rows {
            let told = new(&mut page(filter.clone(), newest.clone()), [6]);
            assert_eq!(told, if is_new { vec![id(6)] } else { Vec::new() }, "{filter:?} {newest}");
        }
    }
}
