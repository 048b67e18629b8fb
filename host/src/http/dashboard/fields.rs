//! Fields: which property of HubSpot takes which part of a lead, whether it is there, and creating what is missing or using
//! another one in its place.

mod filling;

use std::sync::Arc;

use askama::Template;
use axum::extract::Form;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::accounts::serde_urlencoded;
use super::connectors::can_connect;
use super::fault::Fault;
use super::shell::{Place, Shell, Visit};
use super::transformations::connected;
use super::{draw, sentence};
use crate::app::App;
use crate::cause::{Class, Code, Problem};
use crate::connection::check::lets_create;
use crate::connection::checklist::{self, ByHand, Consent, Creation, What, Work};
use crate::connection::drift::{self, Row};
use crate::connection::policy::{self, Change};
use crate::connection::portal::Read;
use crate::connection::session::{self, Session};
use crate::fit::PropertyState;
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::model::access::{Actor, Right};
use crate::model::account::{Auth, Connection, ConnectionState};
use crate::model::fill::FillState;
use crate::overview::fields_of_account;
use crate::store::Lacking;
use crate::view::connection::{Chip, portal_address};
use crate::view::fields::FieldsByDay;
use crate::view::moment::{Moment, things};
use crate::view::overview::{PERIODS, Period};

use filling::{Filling, Job, cancel, fill_all, fill_in, job};

/// A week, or a month: one day has no days beside it.
const BY_DAY: &[Period] = &[PERIODS[1], PERIODS[2]];

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().route("/accounts/{account}/fields", get(show));
    let change = OpenApiRouter::new()
        .route("/accounts/{account}/fields/check", post(look))
        .route("/accounts/{account}/fields/create", post(create))
        .route("/accounts/{account}/fields/use", post(use_another))
        .route("/accounts/{account}/fields/fill", post(fill_in))
        .route("/accounts/{account}/fields/fill-all", post(fill_all))
        .route("/accounts/{account}/fields/fill-cancel", post(cancel));
    needing(Right::Read, read).merge(needing(Right::Change, change))
}

#[derive(Template)]
#[template(path = "fields.html")]
struct Page {
    shell: Shell,
    is_connected: bool,
    /// Why HubSpot could not be asked for what somebody wanted.
    unasked: Option<Unasked>,
    /// Why nothing was done of what somebody wanted, where that is not HubSpot's doing.
    wrong: Option<Fault>,
    rows: Vec<Shown>,
    /// When HubSpot was asked.
    read_at: Option<Moment>,
    is_troubled: bool,
    /// HubSpot does not let us create properties, and people can be asked to allow it.
    may_ask: bool,
    /// How many properties are not as they should be, and how many records lack a value.
    trouble: String,
    lacking: Option<String>,
    /// What creating would do, or did; none where nobody asked.
    making: Option<Making>,
    /// What filling in would do, or did; none where nobody asked.
    filling: Option<Filling>,
    /// Filling in in the background: the job that runs, or the last one.
    job: Option<Job>,
    by_hand: Vec<ByHand>,
    properties_address: String,
    period: Period,
    /// The one that the days are of, by its slug.
    dealership: Option<String>,
    by_day: FieldsByDay,
    known_from: Option<Moment>,
}

impl Page {
    /// Whether filling in goes on in the background.
    fn is_filling(&self) -> bool {
        self.job.as_ref().is_some_and(Job::is_running)
    }

    /// The times that the days can be of.
    fn periods(&self) -> &'static [Period] {
        BY_DAY
    }
}

/// Why HubSpot could not be asked, and what to do about it.
pub(super) struct Unasked {
    code: Code,
    detail: String,
    fix: &'static str,
}

impl Unasked {
    /// The whole of it in a line.
    pub(super) fn words(&self) -> String {
        format!("{}, and nothing was changed. {} {}", self.code.title(), self.detail, self.fix)
    }
}

/// What a page says that asked HubSpot, and how it answers.
///
/// # Errors
/// The error itself, where it is none of HubSpot's.
pub(super) fn unasked(error: ApiError) -> Result<(StatusCode, Unasked), ApiError> {
    let (status, problem) = match error {
        ApiError::Away(problem) => (StatusCode::BAD_GATEWAY, problem),
        ApiError::Blocked(problem) => (StatusCode::CONFLICT, problem),
        error => return Err(error),
    };
    // Leads that meet it go on by themselves; whoever pressed a button has to press it again. Credentials of the app do not
    // mend themselves.
    let is_passing = matches!(problem.code.class(), Class::Retried | Class::Rests) && problem.code != Code::AppConfig;
    let fix = if is_passing { "Try it again in a moment." } else { problem.code.fix() };
    Ok((status, Unasked { code: problem.code, detail: sentence(&problem.detail), fix }))
}

/// Creating what is missing, as it is shown before and after.
struct Making {
    work: Vec<Work>,
    is_done: bool,
    /// Why it ended early.
    stopped: Option<Problem>,
    /// What was agreed to so far, as the form carries it on.
    agreed: Agreed,
}

impl Making {
    /// Whether anything is left that pressing the button would do.
    fn has_work(&self) -> bool {
        self.work.iter().any(|work| !matches!(work.what, What::Ask(_)))
    }
}

/// A row of the checklist with its chip, and what can be done about it here.
struct Shown {
    row: Row,
    chip: Chip,
    mending: Option<Mending>,
}

/// A button of a row. It shows what would be done; nothing is done by it.
struct Mending {
    /// What is agreed to with it: `restore` or `options`, or nothing that needs it.
    consent: &'static str,
    label: &'static str,
}

fn mending(state: &PropertyState) -> Option<Mending> {
    let (consent, label) = match state {
        PropertyState::Missing => ("", "Create it…"),
        PropertyState::Archived { .. } => ("restore", "Restore it…"),
        PropertyState::OptionsMissing { .. } => ("options", "Add the options…"),
        PropertyState::Fine
        | PropertyState::Wider { .. }
        | PropertyState::ReadOnly
        | PropertyState::WrongType { .. }
        | PropertyState::NotUnique
        | PropertyState::Unknown => return None,
    };
    Some(Mending { consent, label })
}

/// A state as a chip.
pub(super) fn state_chip(state: &PropertyState) -> Chip {
    let (tone, icon, label) = match state {
        PropertyState::Fine | PropertyState::Wider { .. } => ("good", "✓", "there"),
        PropertyState::Missing => ("bad", "✕", "missing"),
        PropertyState::Archived { .. } => ("bad", "✕", "archived"),
        PropertyState::ReadOnly => ("bad", "✕", "read-only"),
        PropertyState::WrongType { .. } => ("bad", "✕", "wrong type"),
        PropertyState::NotUnique => ("bad", "✕", "not unique"),
        PropertyState::OptionsMissing { .. } => ("warning", "!", "options missing"),
        PropertyState::Unknown => ("none", "?", "not known"),
    };
    Chip { tone, icon, label }
}

fn shown(row: Row) -> Shown {
    Shown { chip: state_chip(&row.state), mending: mending(&row.state), row }
}

/// Records in words, as far as there are any.
fn records(lacking: Lacking) -> Option<String> {
    let contacts = things(lacking.contacts, "contact", "contacts");
    let others = things(lacking.others, "other record", "other records");
    match (lacking.contacts, lacking.others) {
        (0, 0) => None,
        (_, 0) => Some(contacts),
        (0, _) => Some(others),
        _ => Some(format!("{contacts} and {others}")),
    }
}

/// The page as things were when HubSpot was asked last.
async fn page(app: &App, place: Place, (period, dealership): (Period, Option<String>)) -> Result<Page, ApiError> {
    let Place { shell, account, connection } = place;
    let whose = dealership.as_deref();
    let by_day = fields_of_account(&app.store, &account, connection.as_ref(), period, whose, shell.now).await?;
    let live = connection.filter(|connection| connection.state != ConnectionState::Disconnected);
    let Some(connection) = live else {
        return Ok(Page {
            shell,
            is_connected: false,
            unasked: None,
            wrong: None,
            rows: Vec::new(),
            read_at: None,
            is_troubled: false,
            may_ask: false,
            trouble: String::new(),
            lacking: None,
            making: None,
            filling: None,
            job: None,
            by_hand: Vec::new(),
            properties_address: String::new(),
            known_from: None,
            period,
            dealership,
            by_day,
        });
    };
    let bound = app.store.bound(&connection).await?;
    let cached = app.store.schema(&connection).await?;
    let read_at = cached.as_ref().filter(|cached| cached.read_at.0 > 0).map(|cached| shell.time(cached.read_at));
    let schema = cached.map(|cached| (*cached.schema).clone()).unwrap_or_default();
    let rows = drift::checklist(&bound, &connection, &Read { schema, refused: Vec::new() });
    let rows: Vec<_> = rows.into_iter().map(shown).collect();
    let trouble = rows.iter().filter(|shown| shown.row.state.is_trouble()).count();
    let lacking = app.store.lacking(&connection, None, ("", "")).await?;
    Ok(Page {
        is_troubled: trouble > 0,
        may_ask: can_connect(app) && connection.auth == Auth::OAuth && !lets_create(&connection),
        trouble: things(i64::try_from(trouble).unwrap_or(i64::MAX), "property is", "properties are"),
        lacking: records(lacking),
        properties_address: portal_address(
            &connection,
            &format!("property-settings/{}/properties", connection.portal_id),
        ),
        is_connected: true,
        unasked: None,
        wrong: None,
        // What another property takes need not be made.
        by_hand: checklist::by_hand(
            rows.iter().filter(|shown| shown.row.stands_for.is_none()).map(|shown| &shown.row.definition),
        ),
        making: None,
        filling: None,
        job: app.store.fill_job(&connection).await?.map(|fill| job(&shell, fill)),
        known_from: by_day.known_from.map(|at| shell.time(at)),
        period,
        dealership,
        by_day,
        rows,
        read_at,
        shell,
    })
}

/// Which time the days are of, and of which dealership.
#[derive(Deserialize)]
struct Asked {
    period: Option<String>,
    dealership: Option<String>,
}

async fn show(Visit { app, actor, place }: Visit, uri: Uri) -> Result<Response, ApiError> {
    let asked: Asked = serde_urlencoded(&uri);
    let period = BY_DAY.iter().find(|period| Some(period.word) == asked.period.as_deref());
    let dealership = asked.dealership.filter(|slug| !slug.is_empty());
    draw(&app, &actor, &page(&app, place, (*period.unwrap_or(&BY_DAY[0]), dealership)).await?)
}

/// The connection of a form, ready to be talked to.
async fn talk(app: &App, connection: Option<&Connection>) -> Result<Session, ApiError> {
    let missing = || ApiError::Conflict("HubSpot is not connected".to_owned(), "Connect HubSpot first.");
    Ok(session::open(&app.store, &app.hubspot, connection.ok_or_else(missing)?, &*app.clock).await?)
}

/// The page as HubSpot was read last, with why nothing was changed.
async fn as_before(app: &App, actor: &Actor, place: Place, error: ApiError) -> Result<Response, ApiError> {
    match Fault::of(error) {
        Ok(fault) => {
            let drawn = Page { wrong: Some(fault.clone()), ..by_now(app, place).await? };
            Ok(fault.on(draw(app, actor, &drawn)?))
        }
        Err(error) => {
            let (status, unasked) = unasked(error)?;
            let drawn = Page { unasked: Some(unasked), ..by_now(app, place).await? };
            Ok((status, draw(app, actor, &drawn)?).into_response())
        }
    }
}

/// The page as things are by now: somebody may have been quicker.
async fn by_now(app: &App, place: Place) -> Result<Page, ApiError> {
    let connection = app.store.connection_of(&place.account.id).await?;
    page(app, Place { connection, ..place }, (BY_DAY[0], None)).await
}

async fn look(Visit { app, actor, place }: Visit) -> Result<Response, ApiError> {
    if let Err(error) = read_anew(&app, place.connection.as_ref()).await {
        return as_before(&app, &actor, place, error).await;
    }
    app.wake.deliver.notify_one();
    Ok(Redirect::to(&place.shell.at("fields")).into_response())
}

async fn read_anew(app: &App, connection: Option<&Connection>) -> Result<(), ApiError> {
    let session = talk(app, connection).await?;
    checklist::check(&app.store, &session, (app.clock)()).await?.map_err(ApiError::Away)?;
    Ok(())
}

/// What somebody agreed to.
#[derive(Default, Deserialize)]
struct Agreed {
    /// Seen and agreed; without it, the plan is shown.
    sure: Option<String>,
    /// One property; without it, all that are not as they should be.
    only: Option<String>,
    restore: Option<String>,
    options: Option<String>,
}

async fn create(Visit { app, actor, place }: Visit, Form(agreed): Form<Agreed>) -> Result<Response, ApiError> {
    let is_done = agreed.sure.is_some();
    let consent = Consent {
        only: agreed.only.iter().filter(|name| !name.is_empty()).cloned().collect(),
        dry_run: !is_done,
        restore: agreed.restore.is_some(),
        options: agreed.options.is_some(),
    };
    let Creation { work, stopped, .. } = match created(&app, place.connection.as_ref(), consent).await {
        Ok(creation) => creation,
        Err(error) => return as_before(&app, &actor, place, error).await,
    };
    app.wake.deliver.notify_one();
    let making = Some(Making { work, is_done, stopped, agreed });
    draw(&app, &actor, &Page { making, ..page(&app, place, (BY_DAY[0], None)).await? })
}

async fn created(app: &App, connection: Option<&Connection>, consent: Consent) -> Result<Creation, ApiError> {
    let session = talk(app, connection).await?;
    checklist::create_missing(&app.store, &session, consent, (app.clock)()).await?.map_err(ApiError::Away)
}

/// Which property of HubSpot is to take what the transformations write to another one.
#[derive(Deserialize)]
struct Use {
    object_type: String,
    /// What the transformations call it.
    planned: String,
    name: String,
}

async fn use_another(Visit { app, actor, place }: Visit, Form(asked): Form<Use>) -> Result<Response, ApiError> {
    match used(&app, &actor, place.connection.clone(), asked).await {
        Ok(()) => {
            app.wake.deliver.notify_one();
            Ok(Redirect::to(&format!("{}?done=policy", place.shell.at("fields"))).into_response())
        }
        Err(error) => as_before(&app, &actor, place, error).await,
    }
}

async fn used(app: &App, actor: &Actor, connection: Option<Connection>, asked: Use) -> Result<(), ApiError> {
    let connection = connected(connection)?;
    let change = Change::of_name(asked.object_type, asked.planned, asked.name);
    let changed = policy::change(&app.store, &connection, change, (app.clock)()).await?;
    actor.changes(policy::told(&connection), policy::told(&changed.connection));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_counted_by_what_they_are() {
        for (contacts, others, expected) in [
            (0, 0, None),
            (1, 0, Some("1 contact")),
            (37, 2, Some("37 contacts and 2 other records")),
            (0, 1, Some("1 other record")),
        ] {
            assert_eq!(records(Lacking { contacts, others }).as_deref(), expected);
        }
    }

    #[test]
    fn what_cannot_be_mended_from_here_has_no_button() {
        let options = PropertyState::OptionsMissing { options: vec!["low".into()] };
        for (state, expected) in [
            (PropertyState::Missing, Some("")),
            (PropertyState::Archived { differs: None }, Some("restore")),
            (options, Some("options")),
            (PropertyState::ReadOnly, None),
            (PropertyState::Fine, None),
        ] {
            assert_eq!(mending(&state).map(|mending| mending.consent), expected, "{state:?}");
        }
    }
}
