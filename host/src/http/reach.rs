//! What a request names, as far as whoever asks may reach it. What lies beyond looks like nothing at all.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::error::ApiError;
use crate::app::App;
use crate::model::access::{Actor, Reach, Right};
use crate::model::account::{Account, Connection};
use crate::model::id::EventId;
use crate::store::ShownEvent;

/// Of which account things are listed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Whose {
    /// Slug or id.
    #[param(example = "acme")]
    pub(super) account: Option<String>,
}

/// The account of a slug or an id.
pub(super) async fn account(app: &App, actor: &Actor, name: &str) -> Result<Account, ApiError> {
    let found = app.store.account(name).await?.filter(|account| actor.reaches(&account.id));
    found.ok_or_else(|| ApiError::NotFound(format!("there is no account `{name}`")))
}

/// The account that is meant: the one that is named, else the only one that the asker reaches; none where all are meant.
pub(super) async fn account_or_all(app: &App, actor: &Actor, name: Option<&str>) -> Result<Option<Account>, ApiError> {
    match name.or(actor.own_account().map(|own| own.as_str())) {
        Some(name) => account(app, actor, name).await.map(Some),
        None => Ok(None),
    }
}

/// An account for what is done to it as a whole, by those who work across accounts. They do not work on it meanwhile, so
/// the history of the service tells it.
pub(super) async fn from_outside(app: &App, actor: &Actor, name: &str) -> Result<Account, ApiError> {
    house(actor)?;
    app.store.account(name).await?.ok_or_else(|| ApiError::NotFound(format!("there is no account `{name}`")))
}

/// What is given access to: the account that is named, else the only one that the asker reaches, else the house, which
/// only its operators change.
pub(super) async fn reach(app: &App, actor: &Actor, name: Option<&str>) -> Result<Reach, ApiError> {
    match account_or_all(app, actor, name).await? {
        Some(account) => Ok(Reach::One(account.id)),
        None if actor.may(Right::Operate) => Ok(Reach::All),
        None => Err(ApiError::NotAllowed { right: Right::Operate }),
    }
}

/// What belongs to no account is for those who work across accounts; for everybody else it is not there.
pub(super) fn house(actor: &Actor) -> Result<(), ApiError> {
    match actor.own_account() {
        None => Ok(()),
        Some(_) => Err(ApiError::NotFound("this is about the service itself, which no account reaches".to_owned())),
    }
}

/// The connection of an id.
pub(super) async fn connection(app: &App, actor: &Actor, id: &str) -> Result<Connection, ApiError> {
    let found = app.store.connection(id).await?.filter(|connection| actor.reaches(&connection.account_id));
    found.ok_or_else(|| ApiError::NotFound(format!("there is no connection `{id}`")))
}

/// An event of an id, with everything that became of it; none where there is nothing, or nothing within reach.
pub(super) async fn found_event(app: &App, actor: &Actor, id: &str) -> Result<Option<ShownEvent>, ApiError> {
    match id.parse::<EventId>() {
        Ok(id) => Ok(app.store.event(&id).await?.filter(|shown| actor.reaches(&shown.event.account_id))),
        Err(_) => Ok(None),
    }
}

/// The event of an id, with everything that became of it.
pub(super) async fn shown_event(app: &App, actor: &Actor, id: &str) -> Result<ShownEvent, ApiError> {
    let found = found_event(app, actor, id).await?;
    found.ok_or_else(|| ApiError::NotFound(format!("there is no event `{id}`")))
}

/// The account and the connection that a word names: the connection's id, or the account's slug or id.
pub(super) async fn owner(app: &App, actor: &Actor, word: &str) -> Result<(Account, Connection), ApiError> {
    if word.starts_with("con_") {
        let connection = connection(app, actor, word).await?;
        return Ok((account(app, actor, connection.account_id.as_str()).await?, connection));
    }
    let account = account(app, actor, word).await?;
    let connection =
        app.store.connection_of(&account.id).await?.ok_or_else(|| {
            ApiError::Conflict(format!("account `{word}` has no connection"), "Connect HubSpot first.")
        })?;
    Ok((account, connection))
}

/// A JSON body.
pub(super) fn read<T: DeserializeOwned>(body: &[u8], fix: &'static str) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::BadRequest(format!("the body cannot be read: {error}"), fix))
}
