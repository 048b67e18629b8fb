//! A version that somebody chose for an account: its settings, its gates, how it does on the last leads; then enabling it.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Form, Path};
use axum::http::Uri;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;

use super::{Past, TEST_LEADS, back_to, connected, expected};
use crate::app::App;
use crate::comparison::Report;
use crate::form::{self, Field};
use crate::gates::{self, Gate};
use crate::http::dashboard::accounts::serde_urlencoded;
use crate::http::dashboard::draw;
use crate::http::dashboard::fault::Fault;
use crate::http::dashboard::form::{Drawn, drawn_fields};
use crate::http::dashboard::shell::{Place, Shell, Visit};
use crate::http::error::ApiError;
use crate::http::events::busy;
use crate::http::guard::needing;
use crate::model::access::{Actor, Right};
use crate::model::account::{Account, Connection, Sign};
use crate::model::share::{Share, ShareError};
use crate::model::waiver::Signer;
use crate::rollout::{self, Despite, Enabling, RolloutError, Wish};
use crate::schema::Violation;
use crate::shadow;
use crate::store::ShadowRun;
use crate::trial;
use crate::view::comparison;
use crate::view::moment::Moment;

/// Leads that a comparison tries a version on, when a page asks for it.
const COMPARED: u32 = 200;
/// Fewer say little.
const COMPARED_MIN: u32 = 10;
/// Of these one chooses.
const COMPARED_CHOICES: [u32; 5] = [10, 50, 100, 200, 500];

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().route("/accounts/{account}/transformation/{version}", get(choice));
    let change = OpenApiRouter::new()
        .route("/accounts/{account}/transformation/{version}/settings", post(settings))
        .route("/accounts/{account}/transformation/{version}/compare", post(try_on_leads))
        .route("/accounts/{account}/transformation/{version}/enable", post(enable));
    needing(Right::Read, read).merge(needing(Right::Transform, change))
}

#[derive(Template)]
#[template(path = "choice.html")]
struct ChoicePage {
    shell: Shell,
    label: String,
    fields: Vec<Drawn>,
    violations: Vec<Violation>,
    /// The settings that the gates and the comparison are of, as the form carries them on.
    settings: String,
    gates: Vec<Gate>,
    shadow: Option<Compared>,
    is_in_force: bool,
    /// The newest binding, so that nobody undoes what somebody else did meanwhile.
    newest: Option<Past>,
    /// The form that enables, as it was filled in.
    asked: Enable,
    /// Why it is not enabled.
    wrong: Option<Fault>,
}

impl ChoicePage {
    fn are_open(&self) -> bool {
        self.gates.iter().all(|gate| gate.open)
    }

    /// The same with what was typed and cannot be read. What depends on the settings waits until they fit.
    fn with_typed(self, fields: &[Field], violations: Vec<Violation>) -> Self {
        let fields = drawn_fields(fields, &violations);
        Self { fields, violations, gates: Vec::new(), shadow: None, is_in_force: false, ..self }
    }

    /// On how many leads one may compare, and whether it is the usual number.
    fn numbers(&self) -> [(u32, bool); 5] {
        COMPARED_CHOICES.map(|number| (number, number == COMPARED))
    }

    /// What somebody else did meanwhile, who was quicker.
    fn quicker(&self) -> Option<&Past> {
        self.newest.as_ref().filter(|_| self.wrong.as_ref().is_some_and(Fault::is_late))
    }

    /// The share that was asked for.
    fn share(&self) -> String {
        if self.asked.test.is_some() { TEST_LEADS.to_owned() } else { format!("{} %", self.asked.share) }
    }
}

/// A comparison, for the page.
struct Compared {
    at: Moment,
    report: Option<Report>,
    dots: Option<crate::picture::Drawn>,
    trouble: Option<String>,
}

/// The settings of a page's address, where somebody has come from the form.
#[derive(Deserialize)]
struct Carried {
    settings: Option<String>,
}

async fn choice_page(
    app: &App,
    (shell, account, connection): (Shell, &Account, &Connection),
    word: &str,
    asked: Option<Value>,
) -> Result<ChoicePage, ApiError> {
    let whose = (account, connection);
    let drawn = rollout::settings_form(&app.store, &app.hubspot, whose, word, asked.clone(), &*app.clock).await?;
    // Before anybody filled the form in, what is missing is no mistake.
    let mut violations = drawn.violations;
    violations.retain(|violation| asked.is_some() || !violation.pointer.is_empty());
    let fields = drawn_fields(&drawn.fields, &violations);
    let (mut gates, mut shadow, mut settings) = (Vec::new(), None, asked.clone().unwrap_or_default());
    let chosen = rollout::choose_live(&app.store, &app.hubspot, whose, word, asked, &*app.clock).await;
    match chosen {
        Ok(choice) => {
            gates = gates::gates(&rollout::evidence(&app.store, connection, &choice).await?);
            let run = app.store.shadow_of(connection, &choice.version.id, &choice.settings).await?;
            shadow = run.map(|run| compared(&shell, run));
            settings = choice.settings;
        }
        // The form says what is wrong.
        Err(RolloutError::Use(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let newest = app.store.binding_history(connection, 1).await?.pop();
    let now = app.store.bound(connection).await?;
    Ok(ChoicePage {
        is_in_force: now.iter().any(|bound| bound.label == drawn.version && bound.settings == settings),
        newest: newest.map(|past| Past::of(past, &shell)),
        asked: Enable { share: Share::ALL.percent().to_string(), ..Enable::default() },
        wrong: None,
        settings: settings.to_string(),
        label: drawn.version,
        fields,
        violations,
        gates,
        shadow,
        shell,
    })
}

fn compared(shell: &Shell, run: ShadowRun) -> Compared {
    let dots = run.report.as_ref().map(|report| comparison::dots(report, &shell.at("logs")));
    Compared { at: shell.time(run.started_at), report: run.report, dots, trouble: run.trouble }
}

fn parsed(settings: Option<&str>) -> Option<Value> {
    settings.and_then(|text| serde_json::from_str(text).ok())
}

async fn choice(
    Visit { app, actor, place }: Visit,
    Path((_, version)): Path<(String, String)>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let connection = connected(place.connection)?;
    let carried: Carried = serde_urlencoded(&uri);
    let whose = (place.shell, &place.account, &connection);
    draw(&app, &actor, &choice_page(&app, whose, &version, parsed(carried.settings.as_deref())).await?)
}

/// Back to the page of a choice, with these settings.
fn on(shell: &Shell, version: &str, settings: &Value) -> Response {
    let settings: String = url::form_urlencoded::byte_serialize(settings.to_string().as_bytes()).collect();
    Redirect::to(&format!("{}/{version}?settings={settings}", shell.at("transformation"))).into_response()
}

/// Takes in the form of the settings, and goes on to the page that judges them. Nothing is in force by this.
async fn settings(
    Visit { app, actor, place }: Visit,
    Path((_, version)): Path<(String, String)>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let connection = connected(place.connection)?;
    let sent: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    let whose = (&place.account, &connection);
    let drawn = rollout::settings_form(&app.store, &app.hubspot, whose, &version, None, &*app.clock).await?;
    match form::read(&drawn.fields, &sent) {
        Ok(settings) => Ok(on(&place.shell, &version, &settings)),
        Err(violations) => {
            let whose = (place.shell, &place.account, &connection);
            let page = choice_page(&app, whose, &version, None).await?;
            draw(&app, &actor, &page.with_typed(&form::typed(&drawn.fields, &sent), violations))
        }
    }
}

/// Settings that a form carries on, and on how many leads they are tried.
#[derive(Deserialize)]
struct With {
    settings: String,
    leads: Option<u32>,
}

/// Tries the version on the last leads. Nothing is sent.
async fn try_on_leads(
    Visit { app, actor, place }: Visit,
    Path((_, version)): Path<(String, String)>,
    Form(with): Form<With>,
) -> Result<Response, ApiError> {
    let connection = connected(place.connection)?;
    let settings = parsed(Some(&with.settings));
    let choice = rollout::choose(&app.store, &place.account, &connection, &version, settings).await?;
    let leads = with.leads.unwrap_or(COMPARED).clamp(COMPARED_MIN, shadow::EVENTS_MAX);
    let settings = choice.settings.clone();
    let (store, transformer, clock) = (app.store.clone(), app.transformer.clone(), app.clock.clone());
    let look = async move {
        let run = shadow::begin(&store, &connection, &choice, leads, &actor.name, clock()).await?;
        shadow::carry_out(&store, &transformer, run, &choice, move || clock()).await
    };
    trial::in_turn(&app.transformer, look).await?.ok_or_else(busy)?;
    Ok(on(&place.shell, &version, &settings))
}

/// How a version is to be enabled.
#[derive(Default, Deserialize)]
struct Enable {
    settings: String,
    /// In percent.
    share: String,
    /// Only test leads go through it so far.
    test: Option<String>,
    reason: String,
    despite: Option<String>,
    expected: String,
}

async fn enable(
    Visit { app, actor, place }: Visit,
    Path((_, version)): Path<(String, String)>,
    Form(asked): Form<Enable>,
) -> Result<Response, ApiError> {
    let Place { shell, account, connection } = place;
    let connection = connected(connection)?;
    match put_in_use(&app, &actor, (&account, &connection), (&version, &asked)).await {
        Ok(done) => {
            app.wake.plan.notify_one();
            Ok(back_to(&shell, done))
        }
        Err(error) => not_yet(&app, &actor, (shell, &account, &connection), (&version, asked), error).await,
    }
}

/// Enables the version, or asks a second person. Says in a word which of them was done.
async fn put_in_use(
    app: &App,
    actor: &Actor,
    whose: (&Account, &Connection),
    (word, asked): (&str, &Enable),
) -> Result<&'static str, ApiError> {
    let settings = parsed(Some(&asked.settings));
    let choice = rollout::choose_live(&app.store, &app.hubspot, whose, word, settings, &*app.clock).await?;
    let wrong = |error: ShareError| ApiError::BadRequest(error.to_string(), "Choose a share from 1 to 100.");
    let share = match asked.test {
        Some(_) => Share::NONE,
        None => asked.share.parse::<Share>().map_err(wrong)?,
    };
    let despite = asked.despite.clone().filter(|reason| !reason.trim().is_empty());
    let despite = despite.map(|why| Despite { why, asker: Signer::from(actor) });
    let sign = Sign::new(actor.name.clone(), asked.reason.clone());
    let wish = Wish { share, sign, expected: expected(Some(asked.expected.clone())), despite };
    Ok(match rollout::enable(&app.store, whose.1, &choice, &wish, (app.clock)()).await? {
        Enabling::Enabled(_) => "enabled",
        Enabling::Asked(_) => "waiver-asked",
    })
}

/// The page with the form as it was filled in, and why nothing is enabled. Where somebody else was quicker, what counts by
/// now stands beside it, and whoever sends it once more has seen that.
async fn not_yet(
    app: &App,
    actor: &Actor,
    whose: (Shell, &Account, &Connection),
    (word, asked): (&str, Enable),
    error: ApiError,
) -> Result<Response, ApiError> {
    let fault = Fault::of(error)?;
    let drawn = choice_page(app, whose, word, parsed(Some(&asked.settings))).await?;
    let drawn = ChoicePage { asked, wrong: Some(fault.clone()), ..drawn };
    Ok(fault.on(draw(app, actor, &drawn)?))
}
