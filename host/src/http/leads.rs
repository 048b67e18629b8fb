//! `/v1/leads`: the list of leads, each by itself, what stands in their way, and the same as a table.

use std::io;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, Uri, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{CountedList, Counting, Data, List, One, Page, Place, Wanted, one, unknown};
use super::error::ApiError;
use super::guard::needing;
use super::reach::{account_or_all, found_event};
use super::stream::Carried;
use crate::app::App;
use crate::cause::Code;
use crate::lead;
use crate::model::access::{Actor, Right, Sight};
use crate::model::account::{Account, Connection};
use crate::model::id::{AccountId, AuditId, EventId};
use crate::model::time::Timestamp;
use crate::store::{self, AuditEntry, Count, LeadFilter, Store};
use crate::text::cut;
use crate::view::lead::Lead;
use crate::view::outcome::Reader;
use crate::view::{csv, logs, moment};

/// Leads that are read at once for a table.
const READ_AT_ONCE: u32 = 200;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read =
        OpenApiRouter::new().routes(routes!(list)).routes(routes!(show)).routes(routes!(causes)).routes(routes!(table));
    needing(Right::Read, read)
}

/// Which leads, as in the address of the list in the dashboard.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Slug or id.
    #[param(example = "acme")]
    pub(super) account: Option<String>,
    /// `synced`, `synced_with_warnings`, `sending`, `retrying`, `needs_attention`, `failed`, `skipped`, `cancelled` or
    /// `removed`; or several of them: `in_hubspot`, `not_in_hubspot`, `open` or `not_sent`.
    outcome: Option<String>,
    /// `created` or `updated`: what was done to the contact; `none`: it is in HubSpot, and no contact was written.
    contact: Option<String>,
    /// `with` or `without` an e-mail address.
    email: Option<String>,
    /// Why it waits, failed, was skipped, or lacks something in HubSpot, such as `property.missing`.
    cause: Option<String>,
    /// Such as `lead.captured.v1`.
    #[serde(rename = "type")]
    #[param(rename = "type")]
    event_type: Option<String>,
    /// By its slug.
    dealership: Option<String>,
    /// Name, e-mail address, phone number or lead id.
    text: Option<String>,
    /// Received then or later: a moment, or a day in the time zone of the portal.
    from: Option<String>,
    /// Received before that moment, or until the end of that day.
    until: Option<String>,
    /// `only` or `none` of our own test leads.
    test: Option<String>,
    /// `possible`: those whose contact may be a second one of the same person, since it has no e-mail address and the
    /// phone number of another such contact.
    duplicate: Option<String>,
}

impl Asked {
    /// The filter, if every word of it means something.
    pub(super) fn query(&self) -> Result<logs::Query, ApiError> {
        let given = |field: &Option<String>| field.clone().unwrap_or_default();
        let query = logs::Query {
            outcome: given(&self.outcome),
            contact: given(&self.contact),
            email: given(&self.email),
            cause: given(&self.cause),
            event_type: given(&self.event_type),
            dealership: given(&self.dealership),
            text: given(&self.text),
            from: given(&self.from),
            until: given(&self.until),
            test: given(&self.test),
            duplicate: given(&self.duplicate),
            ..logs::Query::default()
        };
        match query.wrong() {
            None => Ok(query),
            Some((field, value)) => {
                let value: String = value.chars().take(100).collect();
                let text = format!("`{value}` is no {field} to filter by");
                Err(ApiError::BadRequest(text, "Look at the description of the parameter."))
            }
        }
    }
}

/// The connection of an account, and the zone that its times are read in.
pub(super) async fn reading(app: &App, account: &AccountId) -> Result<(Option<Connection>, Reader), ApiError> {
    let connection = app.store.connection_of(account).await?;
    let zone = moment::zone_of(connection.as_ref());
    Ok((connection, Reader { now: (app.clock)(), zone }))
}

/// What a request for leads means: the account, where it is of one, its connection, who reads, and the filter.
async fn meant(
    app: &App,
    actor: &Actor,
    asked: &Asked,
) -> Result<(Option<Account>, Option<Connection>, Reader, LeadFilter), ApiError> {
    let account = account_or_all(app, actor, asked.account.as_deref()).await?;
    let query = asked.query()?;
    let (connection, reader) = match &account {
        Some(account) => reading(app, &account.id).await?,
        None => (None, Reader { now: (app.clock)(), zone: jiff::tz::TimeZone::UTC }),
    };
    let filter = query.filter_of(account.as_ref().map(|account| &account.id), &reader);
    Ok((account, connection, reader, filter))
}

/// Leads with what became of them, the newest first. A page that is not full may have others behind it: it ends where
/// looking further would have taken long.
#[utoipa::path(
    get,
    path = "/v1/leads",
    tag = "Leads",
    params(Asked, Wanted, Counting),
    responses((status = 200, description = "The leads", body = CountedList<logs::Row>)),
    extensions(("x-command" = json!("leadline lead list --account acme --outcome failed")))
)]
async fn list(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(asked): Query<Asked>,
    Query(counting): Query<Counting>,
    page: Page,
) -> Result<CountedList<logs::Row>, ApiError> {
    let (_, connection, reader, filter) = meant(&app, &actor, &asked).await?;
    let cursor = |id: &str| if id.starts_with("evt_") { Ok(EventId::stored(id.to_owned())) } else { Err(unknown(id)) };
    let (before, after) = match &page.place {
        Place::Start => (None, None),
        Place::After(id) => (Some(cursor(id)?), None),
        Place::Before(id) => (None, Some(cursor(id)?)),
    };
    let count = if counting.is_wanted() { Some(count(&app.store, &filter).await?) } else { None };
    let found = app.store.leads(&LeadFilter { before, after, limit: page.limit, ..filter }).await?;
    let rows = found.rows.iter().map(|lead| logs::Row::of(lead, connection.as_ref(), actor.sight, &reader));
    let cursors = [found.prev, found.next].map(|id| id.map(|id| id.to_string()));
    Ok(page.list_at(rows.collect(), cursors).counted(count))
}

/// How many leads match, as far as they are counted.
async fn count(store: &Store, filter: &LeadFilter) -> store::Result<Count> {
    let counts = store.lead_counts(filter).await?;
    let meant = counts.iter().filter(|(outcome, _)| filter.wants(*outcome));
    Ok(meant.fold(Count::default(), |all, (_, one)| Count {
        leads: all.leads + one.leads,
        is_more: all.is_more || one.is_more,
    }))
}

/// One lead as its page shows it: the outcome in words, five steps, fields, records, what was tried and what comes next.
#[utoipa::path(
    get,
    path = "/v1/leads/{id}",
    tag = "Events",
    params(("id" = EventId, Path, description = "The event")),
    responses((status = 200, description = "The lead", body = Data<Lead>)),
    extensions(("x-command" = json!("leadline event show EVENT")))
)]
async fn show(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<One<Lead>, ApiError> {
    let found = found_event(&app, &actor, &id).await?;
    let shown = found.ok_or_else(|| ApiError::NotFound(format!("there is no lead `{id}`")))?;
    let (connection, reader) = reading(&app, &shown.event.account_id).await?;
    let days = app.limits().days();
    Ok(one(lead::of_event(&app.store, &shown, connection.as_ref(), days, actor.sight, &reader).await?))
}

/// How many leads have a cause.
#[derive(Serialize, ToSchema)]
#[schema(as = LeadCause)]
struct Cause {
    code: Code,
    title: &'static str,
    fix: &'static str,
    #[serde(flatten)]
    count: Count,
    /// When the newest of them was received.
    newest_at: Timestamp,
}

/// Why leads that match wait, failed, were skipped, or lack something: the causes among the newest thousand, the most
/// frequent first.
#[utoipa::path(
    get,
    path = "/v1/leads/causes",
    tag = "Leads",
    params(Asked),
    responses((status = 200, description = "The causes", body = List<Cause>)),
    extensions(("x-command" = json!("leadline lead list --account acme --by-cause")))
)]
async fn causes(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(asked): Query<Asked>,
) -> Result<List<Cause>, ApiError> {
    let (.., filter) = meant(&app, &actor, &asked).await?;
    let cause = |cause: store::CauseCount| {
        let store::CauseCount { code, count, newest_at } = cause;
        Cause { code, title: code.title(), fix: code.fix(), count, newest_at }
    };
    Ok(List::whole(app.store.lead_causes(&filter).await?.into_iter().map(cause).collect()))
}

/// The newest 50,000 leads that match, as a CSV table. A cell that a spreadsheet would take for a formula has an
/// apostrophe in front.
#[utoipa::path(
    get,
    path = "/v1/leads.csv",
    tag = "Leads",
    params(Asked),
    responses((status = 200, description = "The table", content_type = "text/csv", body = String)),
    extensions(("x-command" = json!("leadline lead list --account acme --csv")))
)]
async fn table(
    State(app): State<Arc<App>>,
    actor: Actor,
    uri: Uri,
    Query(asked): Query<Asked>,
) -> Result<Response, ApiError> {
    let (account, connection, reader, filter) = meant(&app, &actor, &asked).await?;
    note_table(&app, &actor, &uri, &filter).await?;
    let name = account.map_or_else(|| "all".to_owned(), |account| account.slug);
    let told = Told { connection, sight: actor.sight, reader };
    Ok(csv_of(&app.store, filter, told, &name, ""))
}

/// Notes who takes which leads out of the house, before the first of them goes: by which filter, and how many that are. What
/// was searched for may be a person, and is left out.
pub(super) async fn note_table(app: &App, actor: &Actor, uri: &Uri, filter: &LeadFilter) -> Result<(), ApiError> {
    let pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let kept =
        pairs.filter(|(name, _)| name != "text").map(|(name, value)| (name.into_owned(), cut(&value, 120).into()));
    let mut detail: serde_json::Map<_, serde_json::Value> = kept.collect();
    if filter.text.is_some() {
        detail.insert("text".to_owned(), "…".into());
    }
    let Count { leads, is_more } = count(&app.store, filter).await?;
    detail.insert(if is_more { "leads_at_least" } else { "leads" }.to_owned(), leads.into());
    let now = (app.clock)();
    let entry = AuditEntry {
        id: AuditId::new(now),
        account_id: filter.account.clone(),
        at: now,
        actor: actor.name.clone(),
        action: "leads.csv".to_owned(),
        subject: String::new(),
        detail: detail.into(),
    };
    Ok(app.store.note_action(&entry).await?)
}

/// How the rows of a table are told.
pub(super) struct Told {
    pub(super) connection: Option<Connection>,
    pub(super) sight: Sight,
    pub(super) reader: Reader,
}

/// A table that is read while it is sent: a page of it is in memory at a time.
pub(super) fn csv_of(store: &Store, filter: LeadFilter, told: Told, name: &str, mark: &'static str) -> Response {
    let (pieces, mut response) = Carried::body();
    let store = store.clone();
    tokio::spawn(async move {
        if let Err(error) = write_table(&store, filter, &told, mark, &pieces).await {
            tracing::error!("a table of leads ends early: {error:#}");
            // Whoever reads it has to see that it is not whole.
            drop(pieces.send(Err(io::Error::other("the table ends early"))).await);
        }
    });
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let disposition = format!("attachment; filename=\"leads-{name}.csv\"");
    headers.insert(header::CONTENT_DISPOSITION, disposition.parse().expect("a slug is a plain word"));
    response
}

async fn write_table(
    store: &Store,
    filter: LeadFilter,
    told: &Told,
    mark: &str,
    pieces: &mpsc::Sender<io::Result<axum::body::Bytes>>,
) -> store::Result<()> {
    let mut filter = LeadFilter { limit: READ_AT_ONCE, ..filter };
    let (mut text, mut lines) = (mark.to_owned() + &csv::header(), 0);
    loop {
        let page = store.leads(&filter).await?;
        for lead in page.rows.iter().take(csv::LEADS_MAX - lines) {
            text += &csv::lead(&logs::Row::of(lead, told.connection.as_ref(), told.sight, &told.reader));
        }
        lines += page.rows.len();
        let is_cut = lines > csv::LEADS_MAX || lines == csv::LEADS_MAX && page.next.is_some();
        if is_cut {
            text += &csv::cut();
        }
        let is_last = is_cut || page.next.is_none();
        // Whoever reads it may have gone away.
        if pieces.send(Ok(std::mem::take(&mut text).into())).await.is_err() || is_last {
            return Ok(());
        }
        filter.before = page.next;
    }
}
