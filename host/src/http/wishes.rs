//! `/v1/wishes`: what dealerships ask of the house, such as deals with their leads, or word of an event type that is coming.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Data, List, One, Page, Wanted, one};
use super::error::ApiError;
use super::guard::needing;
use super::reach::{Whose, account, account_or_all, house, read};
use crate::app::App;
use crate::letter::Sender;
use crate::model::access::{Actor, Right};
use crate::model::account::Account;
use crate::model::wish::Wished;
use crate::view::wishes::ShownWish;
use crate::wish::{self, Asked, Desk, WishError};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().routes(routes!(list));
    let change = OpenApiRouter::new().routes(routes!(ask));
    let fulfil = OpenApiRouter::new().routes(routes!(done));
    needing(Right::Read, read).merge(needing(Right::Change, change)).merge(needing(Right::Transform, fulfil))
}

impl From<WishError> for ApiError {
    fn from(error: WishError) -> Self {
        let text = error.to_string();
        match error {
            WishError::Empty | WishError::Long(_) => {
                Self::BadRequest(text, "Answer the questions, each in some sentences.")
            }
            WishError::NoType(_) => Self::BadRequest(text, "Name one that is coming; the others can be turned on."),
            WishError::NotOpen => {
                Self::Conflict(text, "Look at the list: it was never asked, or somebody saw to it already.")
            }
            WishError::Store(error) => error.into(),
            WishError::Ours(error) => error.into(),
        }
    }
}

/// The wishes of one account, or of all that the asker reaches; open ones first.
#[utoipa::path(
    get,
    path = "/v1/wishes",
    tag = "Accounts and sources",
    params(Whose, Wanted),
    responses((status = 200, description = "The wishes", body = List<ShownWish>)),
    extensions(("x-command" = json!("leadline wish list --account acme")))
)]
async fn list(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(whose): Query<Whose>,
    page: Page,
) -> Result<List<ShownWish>, ApiError> {
    let account = account_or_all(&app, &actor, whose.account.as_deref()).await?;
    let wishes = app.store.wishes(account.as_ref().map(|account| &account.id)).await?;
    let accounts = match account {
        Some(account) => vec![account],
        None => app.store.accounts().await?,
    };
    page.of(ShownWish::all(wishes, &accounts), |wish| &wish.id)
}

/// Something that is asked of the house.
#[derive(Deserialize, ToSchema)]
#[schema(as = AskForWish)]
struct Ask {
    /// Slug or id.
    account: String,
    #[serde(flatten)]
    wished: Wished,
}

/// Asks the house for something. Asked again it is the same wish, with the answers that were given last.
#[utoipa::path(
    post,
    path = "/v1/wishes",
    tag = "Accounts and sources",
    request_body(content = Ask, example = json!({ "account": "acme", "kind": "deals", "pipeline": "Sales", "stage": "New", "default_values": "", "which_leads": "all" })),
    responses((status = 200, description = "What is asked", body = Data<Asked>)),
    extensions(("x-command" = json!("leadline wish deals --account acme --pipeline Sales")))
)]
async fn ask(State(app): State<Arc<App>>, actor: Actor, body: Bytes) -> Result<One<Asked>, ApiError> {
    let asked: Ask =
        read(&body, "Send {\"account\": \"acme\", \"kind\": \"event_type\", \"name\": \"carousel.clicked.v1\"}.")?;
    let account = account(&app, &actor, &asked.account).await?;
    Ok(one(asked_by(&app, &actor, &account, asked.wished).await?))
}

/// Asks the house for something, in the name of whoever sends the request.
pub(super) async fn asked_by(app: &App, actor: &Actor, account: &Account, wished: Wished) -> Result<Asked, ApiError> {
    let address = app.support_email.as_deref().filter(|_| app.outside.mailer.is_some());
    let sender = || Sender { brand: &app.brand, public_url: app.public_url.as_deref() };
    let desk = address.map(|address| Desk { address, sender: sender() });
    Ok(wish::ask(&app.store, account, wished, (&actor.name, desk.as_ref()), (app.clock)()).await?)
}

/// A wish that somebody saw to.
#[derive(Deserialize, ToSchema)]
#[schema(as = FulfilWish)]
#[serde(deny_unknown_fields)]
struct Done {
    /// Slug or id.
    account: String,
    /// `deals` or `event_type`.
    kind: String,
    /// Which event type; left out for deals.
    #[serde(default)]
    name: String,
}

/// Notes that a wish is seen to.
#[utoipa::path(
    post,
    path = "/v1/wishes/done",
    tag = "Accounts and sources",
    request_body(content = Done, example = json!({ "account": "acme", "kind": "deals" })),
    responses((status = 204, description = "It is noted")),
    extensions(("x-command" = json!("leadline wish done deals --account acme")))
)]
async fn done(State(app): State<Arc<App>>, actor: Actor, body: Bytes) -> Result<StatusCode, ApiError> {
    house(&actor)?;
    let asked: Done = read(&body, "Send {\"account\": \"acme\", \"kind\": \"deals\"}.")?;
    let account = account(&app, &actor, &asked.account).await?;
    wish::fulfil(&app.store, &account, (&asked.kind, &asked.name), &actor.name, (app.clock)()).await?;
    Ok(StatusCode::NO_CONTENT)
}
