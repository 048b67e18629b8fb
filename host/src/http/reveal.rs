//! `/v1/events/{id}/reveal`: the person behind one lead, for those who see people masked. For a reason, which the history
//! keeps.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Data, One, one};
use super::error::ApiError;
use super::guard::{Noted, needing};
use super::leads::reading;
use super::reach::{read, shown_event};
use super::repeat::ShownOnce;
use super::request;
use crate::app::App;
use crate::lead;
use crate::model::access::{Actor, Right, Sight};
use crate::model::id::{AuditId, EventId};
use crate::store::{AuditEntry, ShownEvent};
use crate::view::lead::Lead;

/// Of a reason: a sentence, and no story.
const REASON_CHARS_MAX: usize = 300;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    needing(Right::Change, OpenApiRouter::new().routes(routes!(reveal)))
}

/// Why somebody has to see the person.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reveal {
    reason: String,
}

/// One lead with its person unmasked, for those who see people masked. Who asked and why is kept in the history.
#[utoipa::path(
    post,
    path = "/v1/events/{id}/reveal",
    tag = "Events",
    params(("id" = EventId, Path, description = "The event")),
    request_body(content = Reveal, example = json!({ "reason": "ticket 4711: the dealership asks for this shopper" })),
    responses((status = 200, description = "The lead", body = Data<Lead>)),
    extensions(("x-command" = json!("leadline event show EVENT")))
)]
async fn reveal(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<(Extension<ShownOnce>, Extension<Noted>, One<Lead>), ApiError> {
    let Reveal { reason } = read(&body, "Send {\"reason\": \"why you have to see the person\"}.")?;
    has_reason(&reason)?;
    let shown = shown_event(&app, &actor, &id).await?;
    note(&app, &actor, &shown, &reason).await?;
    let (connection, reader) = reading(&app, &shown.event.account_id).await?;
    let days = app.limits().days();
    let whole = lead::of_event(&app.store, &shown, connection.as_ref(), days, Sight::Whole, &reader).await?;
    Ok((Extension(ShownOnce), Extension(Noted), one(whole)))
}

/// Notes who looks at the person of a lead, and the whole reason. It comes before anything is shown: where it cannot be
/// kept, nobody is shown.
pub(super) async fn note(app: &App, actor: &Actor, shown: &ShownEvent, reason: &str) -> Result<(), ApiError> {
    let now = (app.clock)();
    let entry = AuditEntry {
        id: AuditId::new(now),
        account_id: Some(shown.event.account_id.clone()),
        at: now,
        actor: actor.name.clone(),
        action: "events.reveal".to_owned(),
        subject: shown.event.id.to_string(),
        detail: request::noted(json!({ "reason": reason.trim() })),
    };
    Ok(app.store.note_action(&entry).await?)
}

/// Refuses what gives no reason, or tells a story.
pub(super) fn has_reason(text: &str) -> Result<(), ApiError> {
    match text.trim().chars().count() {
        1..=REASON_CHARS_MAX => Ok(()),
        _ => {
            let text = format!("a reason of 1 to {REASON_CHARS_MAX} characters is needed");
            Err(ApiError::BadRequest(text, "Say why you have to see the person: it is kept in the history."))
        }
    }
}
