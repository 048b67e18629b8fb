//! Privacy: what is kept of one shopper, erasing it, the certificate of that, who is suppressed, and for how long anything is
//! kept. A shopper is named in forms that are posted, and never in an address.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path};
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::accounts::serde_urlencoded;
use super::draw;
use super::fault::Fault;
use super::shell::{Place, Shell, Visit};
use crate::app::App;
use crate::housekeeping::Limits;
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::http::privacy::{Certificate, found, set_days, suppression};
use crate::model::access::{Actor, Right};
use crate::model::erasure::{AtHubspot, Erasure, Phase, Suppression};
use crate::model::id::AccountId;
use crate::model::outcome::Outcome;
use crate::privacy::{self, Caps, Holdings, NOT_COVERED, PrivacyError, Wish};
use crate::store::Effect;
use crate::subject::Subject;
use crate::view::connection::record_address;
use crate::view::moment::Moment;

/// Erasures and suppressions that the page lists, the newest.
const LISTED_MAX: u32 = 100;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let privacy = OpenApiRouter::new()
        .route("/accounts/{account}/privacy", get(show))
        .route("/accounts/{account}/privacy/find", post(find))
        .route("/accounts/{account}/privacy/export", post(export))
        .route("/accounts/{account}/privacy/erase", post(erase))
        .route("/accounts/{account}/privacy/suppress", post(suppress))
        .route("/accounts/{account}/privacy/suppressions/{id}/lift", post(lift))
        .route("/accounts/{account}/privacy/retention", post(keep))
        .route("/accounts/{account}/privacy/erasures/{id}", get(certificate))
        .route("/accounts/{account}/privacy/erasures/{id}/certificate.json", get(certificate_file))
        .route("/accounts/{account}/privacy/erasures/{id}/ask-again", post(ask_again));
    needing(Right::Privacy, privacy)
}

/// Who is meant, and what for, as the forms of the page say it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    email: String,
    phone: String,
    confirm: String,
    reason: String,
    at_hubspot: String,
    /// Where a search goes on; empty at first.
    after: String,
}

impl Asked {
    fn subject(&self) -> Result<Subject, PrivacyError> {
        Ok(Subject::of(std::slice::from_ref(&self.email), std::slice::from_ref(&self.phone))?)
    }
}

#[derive(Template)]
#[template(path = "privacy.html")]
struct Page {
    shell: Shell,
    asked: Asked,
    found: Option<Found>,
    /// Why it cannot be done, and what to do.
    wrong: Option<Fault>,
    days: u32,
    is_own: bool,
    default_days: u32,
    /// What another number of days would come to, where somebody asked.
    preview: Option<(u32, Effect)>,
    erasures: Vec<ErasureRow>,
    suppressions: Vec<(Suppression, Moment, Option<Moment>)>,
}

/// What is kept of somebody.
struct Found {
    holdings: Holdings,
    rows: Vec<LeadRow>,
    elsewhere: Vec<(u64, &'static str)>,
}

struct LeadRow {
    lead: privacy::HeldLead,
    received: Moment,
    outcome: &'static str,
    records: Vec<(String, Option<String>)>,
}

struct ErasureRow {
    erasure: Erasure,
    begun: Moment,
    tone: &'static str,
    icon: &'static str,
    state: &'static str,
}

/// How an erasure stands, in a chip.
fn state(erasure: &Erasure) -> (&'static str, &'static str, &'static str) {
    match erasure.phase {
        Phase::Done if erasure.is_short() => ("warning", "!", "done here, not in HubSpot"),
        Phase::Done => ("good", "✓", "done"),
        Phase::Hubspot => ("sending", "◔", "done here, HubSpot is asked"),
        Phase::Begun | Phase::Leads | Phase::Rest => ("sending", "◔", "under way"),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Preview {
    days: String,
}

async fn page(app: &App, place: Place, asked: Asked, preview: Option<u32>) -> Result<Page, ApiError> {
    let Place { shell, account, .. } = place;
    let own = app.store.keep_days(&account.id).await?;
    let default_days = app.limits().days();
    let preview = match preview {
        Some(days) => Some((days, app.store.effect_of_days(&account.id, days, shell.now).await?)),
        None => None,
    };
    let erasures = app.store.erasures(Some(&account.id), LISTED_MAX).await?;
    let row = |erasure: Erasure| {
        let (tone, icon, state) = state(&erasure);
        ErasureRow { begun: shell.time(erasure.created_at), tone, icon, state, erasure }
    };
    let suppressions = app.store.suppressions(Some(&account.id), LISTED_MAX).await?;
    let suppression = |one: Suppression| {
        let lifted = one.lifted.as_ref().map(|lifted| shell.time(lifted.at));
        let since = shell.time(one.made_at);
        (one, since, lifted)
    };
    Ok(Page {
        erasures: erasures.into_iter().map(row).collect(),
        suppressions: suppressions.into_iter().map(suppression).collect(),
        days: own.unwrap_or(default_days),
        is_own: own.is_some(),
        default_days,
        preview,
        asked,
        found: None,
        wrong: None,
        shell,
    })
}

async fn show(Visit { app, actor, place }: Visit, uri: Uri) -> Result<Response, ApiError> {
    let Preview { days } = serde_urlencoded(&uri);
    let days = days.trim().parse().ok().filter(|days| Limits::ACCOUNT_DAYS.contains(days));
    draw(&app, &actor, &page(&app, place, Asked::default(), days).await?)
}

/// The page again, with what was asked for and why it was not done.
async fn refused(
    app: &App,
    actor: &Actor,
    place: Place,
    asked: Asked,
    error: PrivacyError,
) -> Result<Response, ApiError> {
    let fault = Fault::of(error.into())?;
    let found = match asked.subject() {
        Ok(subject) => Some(found_of(app, &place, &subject, &asked).await?),
        Err(_) => None,
    };
    let page = Page { wrong: Some(fault.clone()), found, ..page(app, place, asked, None).await? };
    Ok(fault.on(draw(app, actor, &page)?))
}

async fn found_of(app: &App, place: &Place, subject: &Subject, asked: &Asked) -> Result<Found, ApiError> {
    let range = (asked.after.parse().ok(), Caps::USUAL);
    let holdings = privacy::find(&app.store, &place.account, subject, range, place.shell.now).await?;
    let connection = place.connection.as_ref();
    let link = |record: &crate::model::erasure::WrittenRecord| {
        let kind = record.object_type.as_deref();
        let portal = connection.filter(|connection| connection.id == record.connection_id);
        let address = portal.zip(kind).map(|(portal, kind)| record_address(portal, kind, &record.id));
        (record.name(), address)
    };
    let row = |lead: &privacy::HeldLead| LeadRow {
        received: place.shell.time(lead.received_at),
        outcome: Outcome::ALL.into_iter().find(|one| one.word() == lead.outcome).map_or("", Outcome::label),
        records: lead.records.iter().map(link).collect(),
        lead: lead.clone(),
    };
    let elsewhere = &holdings.elsewhere;
    let elsewhere = [
        (elsewhere.refused_requests.len() as u64, "requests that were refused at the door"),
        (elsewhere.kept_answers, "answers that are kept for a day"),
        (elsewhere.samples.len() as u64, "samples of your transformations"),
        (elsewhere.issues.len() as u64, "open issues whose words name them"),
        (elsewhere.history.len() as u64, "entries of the history"),
    ];
    let rows = holdings.leads.iter().map(row).collect();
    Ok(Found { rows, elsewhere: elsewhere.into_iter().filter(|(count, _)| *count > 0).collect(), holdings })
}

async fn find(Visit { app, actor, place }: Visit, Form(asked): Form<Asked>) -> Result<Response, ApiError> {
    let subject = match asked.subject() {
        Ok(subject) => subject,
        Err(error) => return refused(&app, &actor, place, asked, error).await,
    };
    let found = Some(found_of(&app, &place, &subject, &asked).await?);
    draw(&app, &actor, &Page { found, ..page(&app, place, asked, None).await? })
}

/// A file for the person in front of the browser, and for nobody's cache.
fn file(name: &str, document: &impl serde::Serialize) -> Result<Response, ApiError> {
    let text = serde_json::to_string_pretty(document).map_err(anyhow::Error::from)?;
    let disposition =
        HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")).map_err(anyhow::Error::from)?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, text).into_response())
}

async fn export(Visit { app, actor, place }: Visit, Form(asked): Form<Asked>) -> Result<Response, ApiError> {
    let subject = match asked.subject() {
        Ok(subject) => subject,
        Err(error) => return refused(&app, &actor, place, asked, error).await,
    };
    let document = privacy::export(&app.store, &place.account, &subject, (app.clock)()).await?;
    file(&format!("shopper-{}.json", place.account.slug), &document)
}

async fn erase(Visit { app, actor, place }: Visit, Form(asked): Form<Asked>) -> Result<Response, ApiError> {
    let begun = match asked.subject() {
        Ok(subject) => {
            let wish = Wish {
                subject,
                confirm: &asked.confirm,
                reason: &asked.reason,
                by: &actor.name,
                at_hubspot: asked.at_hubspot == "yes",
            };
            privacy::erase(&app.store, &place.account, &wish, (app.clock)()).await
        }
        Err(error) => Err(error),
    };
    match begun {
        Ok(erasure) => Ok(to(&place.shell, &format!("privacy/erasures/{}?done=erasing", erasure.id))),
        Err(error) => refused(&app, &actor, place, asked, error).await,
    }
}

async fn suppress(Visit { app, actor, place }: Visit, Form(asked): Form<Asked>) -> Result<Response, ApiError> {
    let suppressed = match asked.subject() {
        Ok(subject) => {
            let why = (asked.reason.as_str(), actor.name.as_str());
            privacy::suppress(&app.store, &place.account, &subject, why, (app.clock)()).await
        }
        Err(error) => Err(error),
    };
    match suppressed {
        Ok(new) => Ok(to(&place.shell, if new > 0 { "privacy?done=suppressed" } else { "privacy?done=nothing" })),
        Err(error) => refused(&app, &actor, place, asked, error).await,
    }
}

async fn lift(
    Visit { app, actor, place }: Visit,
    Path((_, id)): Path<(String, String)>,
    Form(asked): Form<Asked>,
) -> Result<Response, ApiError> {
    let one = suppression(&app, &actor, &id).await?;
    of_place(&place, &one.account_id, &id)?;
    privacy::lift(&app.store, &one, (&asked.reason, &actor.name), (app.clock)()).await?;
    Ok(to(&place.shell, "privacy?done=lifted"))
}

#[derive(Deserialize)]
struct Keep {
    keep_days: String,
}

async fn keep(Visit { app, actor, place }: Visit, Form(asked): Form<Keep>) -> Result<Response, ApiError> {
    let days = match asked.keep_days.trim() {
        "" => None,
        text => {
            let wrong = |_| ApiError::BadRequest("the days are no number".to_owned(), "Choose a number from 1 to 90.");
            Some(text.parse().map_err(wrong)?)
        }
    };
    set_days(&app, &actor, &place.account, days).await?;
    Ok(to(&place.shell, "privacy?done=kept"))
}

/// What belongs to another account than the one in the address is not there.
fn of_place(place: &Place, account: &AccountId, id: &str) -> Result<(), ApiError> {
    match place.account.id == *account {
        true => Ok(()),
        false => Err(ApiError::NotFound(format!("there is no `{id}` in this account"))),
    }
}

fn to(shell: &Shell, screen: &str) -> Response {
    Redirect::to(&shell.at(screen)).into_response()
}

#[derive(Template)]
#[template(path = "certificate.html")]
struct CertificatePage {
    shell: Shell,
    erasure: Erasure,
    tone: &'static str,
    icon: &'static str,
    state: &'static str,
    begun: Moment,
    finished: Option<Moment>,
    removed: Vec<(u64, &'static str)>,
    records: Vec<RecordRow>,
    is_running: bool,
}

/// What HubSpot said of a record, in words.
struct RecordRow {
    name: String,
    tone: &'static str,
    icon: &'static str,
    said: String,
    at: Option<Moment>,
}

async fn certificate(
    Visit { app, actor, place }: Visit,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let erasure = found(&app, &actor, &id).await?;
    of_place(&place, &erasure.account_id, &id)?;
    let shell = place.shell;
    let record = |record: &crate::model::erasure::WrittenRecord| {
        let (tone, icon, said) = match record.state {
            AtHubspot::Waiting => ("sending", "◔", "is to be asked".to_owned()),
            AtHubspot::Deleted => ("good", "✓", "deleted for good".to_owned()),
            AtHubspot::Absent => ("good", "✓", "was not there any more".to_owned()),
            AtHubspot::Left => ("none", "–", "left as it is".to_owned()),
            AtHubspot::Refused => ("warning", "!", "not deleted".to_owned()),
        };
        let said = record.answer.as_ref().map_or(said.clone(), |answer| format!("{said}: {answer}"));
        RecordRow { name: record.name(), tone, icon, said, at: record.at.map(|at| shell.time(at)) }
    };
    let (tone, icon, state) = state(&erasure);
    let page = CertificatePage {
        begun: shell.time(erasure.created_at),
        finished: erasure.finished_at.map(|at| shell.time(at)),
        removed: erasure.removed.lines().into_iter().collect(),
        records: erasure.records.iter().map(record).collect(),
        is_running: erasure.phase != Phase::Done,
        tone,
        icon,
        state,
        erasure,
        shell,
    };
    draw(&app, &actor, &page)
}

async fn certificate_file(
    Visit { app, actor, place }: Visit,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let erasure = found(&app, &actor, &id).await?;
    of_place(&place, &erasure.account_id, &id)?;
    file(&format!("{}.json", erasure.id), &Certificate::of(erasure))
}

async fn ask_again(
    Visit { app, actor, place }: Visit,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let erasure = found(&app, &actor, &id).await?;
    of_place(&place, &erasure.account_id, &id)?;
    let erasure = privacy::ask_again(&app.store, erasure, (app.clock)()).await?;
    Ok(to(&place.shell, &format!("privacy/erasures/{}", erasure.id)))
}
