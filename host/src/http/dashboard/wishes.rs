//! What a dealership asks of the house: deals with its leads, word of an event type; and support, who sees to it.

use std::sync::Arc;

use askama::Template;
use axum::extract::Form;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::connectors::{can_connect, on_to_hubspot};
use super::draw;
use super::fault::Fault;
use super::shell::{House, Place, Shell, Visit};
use crate::app::App;
use crate::connection::scopes::{Feature, PERMISSIONS};
use crate::deals::{Preview, preview};
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::http::reach;
use crate::http::wishes::asked_by;
use crate::model::access::{Actor, Right};
use crate::model::account::{Connection, ConnectionState};
use crate::model::portal::DEAL;
use crate::model::wish::{Deals, Wish, Wished};
use crate::view::connection::{Chip, portal_address};
use crate::view::moment::Moment;
use crate::view::wishes::ShownWish;
use crate::wish;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().route("/accounts/{account}/deals", get(show));
    let change = OpenApiRouter::new()
        .route("/accounts/{account}/deals", post(deals))
        .route("/accounts/{account}/deals/authorize", post(authorize))
        .route("/accounts/{account}/event-types/tell-me", post(tell_me));
    let done = OpenApiRouter::new().route("/wishes/done", post(done));
    needing(Right::Read, read).merge(needing(Right::Change, change)).merge(needing(Right::Transform, done))
}

/// A wish on a page.
pub(super) struct Row {
    pub(super) shown: ShownWish,
    pub(super) at: Moment,
    pub(super) done_at: Option<Moment>,
}

/// Wishes with their times, as a page shows them.
pub(super) fn rows(shell: &Shell, wishes: Vec<ShownWish>) -> Vec<Row> {
    let row = |shown: ShownWish| Row {
        at: shell.time(shown.wish.asked_at),
        done_at: shown.wish.done_at.map(|at| shell.time(at)),
        shown,
    };
    wishes.into_iter().map(row).collect()
}

#[derive(Template)]
#[template(path = "deals.html")]
struct Page {
    shell: Shell,
    /// What is asked already, and what was answered.
    asked: Option<Row>,
    answers: Deals,
    /// Why it is not asked with the answers that were typed.
    wrong: Option<Fault>,
    /// What deals need.
    permissions: Vec<Needed>,
    /// A permission is missing, and whoever is asked at HubSpot can be asked for it from here.
    can_authorize: bool,
    /// Where it is asked by mail, as before.
    support_email: Option<String>,
    /// Where HubSpot keeps the pipelines; none where it is not connected.
    pipelines_address: Option<String>,
    /// The portal was read, and has no pipeline.
    lacks_pipelines: bool,
    /// What the last leads would make, where they make deals already.
    tried: Preview,
    tried_at: Vec<Moment>,
}

/// A permission, in HubSpot's words and in plain ones, and whether HubSpot gave it.
struct Needed {
    scope: &'static str,
    words: &'static str,
    chip: Chip,
}

/// The features that deals take.
const DEALS: [Feature; 2] = [Feature::Deals, Feature::CreateDealProperties];

fn needed(connection: Option<&Connection>) -> Vec<Needed> {
    let chip = |scope: &str| match connection.map(|connection| (connection, &connection.scopes)) {
        None | Some((_, None)) => Chip::new("none", "?", "not known"),
        Some((connection, Some(_))) if connection.has_scope(scope) => Chip::new("good", "✓", "granted"),
        Some(_) => Chip::new("warning", "!", "missing"),
    };
    let permissions = PERMISSIONS.iter().filter(|permission| DEALS.contains(&permission.feature));
    permissions.map(|one| Needed { scope: one.scope, words: one.words, chip: chip(one.scope) }).collect()
}

async fn show(Visit { app, actor, place }: Visit) -> Result<Response, ApiError> {
    draw(&app, &actor, &page(&app, &actor, place).await?)
}

async fn page(app: &App, actor: &Actor, place: Place) -> Result<Page, ApiError> {
    let wishes = app.store.wishes(Some(&place.account.id)).await?;
    let of_deals = |wish: Wish| match &wish.wished {
        Wished::Deals(deals) => Some((deals.clone(), ShownWish::of(wish, &place.account))),
        Wished::EventType { .. } => None,
    };
    let known = wishes.into_iter().find_map(of_deals);
    let (answers, shown) = known.map_or((Deals::default(), None), |(answers, shown)| (answers, Some(shown)));
    let live = place.connection.as_ref().filter(|connection| connection.state != ConnectionState::Disconnected);
    let permissions = needed(live);
    let is_missing = permissions.iter().any(|permission| permission.chip.tone == "warning");
    let schema = match live {
        Some(connection) => app.store.schema(connection).await?.map(|cached| cached.schema).unwrap_or_default(),
        None => Arc::default(),
    };
    let tried = match live {
        Some(connection) => preview(&app.store, &app.transformer, &place.account, connection).await?,
        None => Preview::default(),
    };
    let pipelines = |connection: &Connection| {
        portal_address(connection, &format!("pipelines-settings/{}/object/{DEAL}", connection.portal_id))
    };
    Ok(Page {
        asked: rows(&place.shell, shown.into_iter().collect()).pop(),
        answers,
        wrong: None,
        can_authorize: is_missing && can_connect(app),
        permissions,
        support_email: app.support_email.clone(),
        pipelines_address: live.map(pipelines),
        lacks_pipelines: schema.pipelines.as_ref().is_some_and(|known| known.iter().all(|one| one.archived)),
        tried_at: tried.leads.iter().map(|lead| place.shell.time(lead.received_at)).collect(),
        tried: actor.sight.shown(tried, Preview::masked),
        shell: place.shell,
    })
}

/// How somebody wants to ask for the permissions.
#[derive(Deserialize)]
struct Authorize {
    /// `link`: the address is shown, for somebody else.
    how: Option<String>,
}

/// On to HubSpot, which is asked for what deals take, and back to this screen.
async fn authorize(visit: Visit, Form(asked): Form<Authorize>) -> Result<Response, ApiError> {
    on_to_hubspot(visit, (&DEALS, Some("deals")), asked.how.as_deref()).await
}

async fn deals(Visit { app, actor, place }: Visit, Form(answers): Form<Deals>) -> Result<Response, ApiError> {
    match asked_by(&app, &actor, &place.account, Wished::Deals(answers.clone())).await {
        Ok(_) => Ok(Redirect::to(&format!("{}?done=asked", place.shell.at("deals"))).into_response()),
        Err(error) => {
            let fault = Fault::of(error)?;
            let drawn = Page { answers, wrong: Some(fault.clone()), ..page(&app, &actor, place).await? };
            Ok(fault.on(draw(&app, &actor, &drawn)?))
        }
    }
}

/// Which event type somebody waits for.
#[derive(Deserialize)]
struct TellMe {
    name: String,
}

async fn tell_me(Visit { app, actor, place }: Visit, Form(asked): Form<TellMe>) -> Result<Response, ApiError> {
    asked_by(&app, &actor, &place.account, Wished::EventType { name: asked.name }).await?;
    Ok(Redirect::to(&format!("{}?done=asked", place.shell.at("event-types"))).into_response())
}

/// Which wish is seen to.
#[derive(Deserialize)]
struct Done {
    account: String,
    kind: String,
    name: String,
    /// The page that the button was on.
    back: String,
}

async fn done(House { app, actor, .. }: House, Form(asked): Form<Done>) -> Result<Response, ApiError> {
    let account = reach::account(&app, &actor, &asked.account).await?;
    wish::fulfil(&app.store, &account, (&asked.kind, &asked.name), &actor.name, (app.clock)()).await?;
    Ok(super::back_to(&asked.back))
}
