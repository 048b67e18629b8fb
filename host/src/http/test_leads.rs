//! Test leads over HTTP: sent, read back from HubSpot field by field, and taken out again.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Data, One, one};
use super::error::ApiError;
use super::guard::needing;
use super::reach::{account, read, shown_event};
use crate::app::App;
use crate::model::access::{Actor, Right};
use crate::model::id::EventId;
use crate::test_lead::read_back::{self, ReadBack, ReadBackError, TakenOut};
use crate::test_lead::{self, TestLeadError};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let change =
        OpenApiRouter::new().routes(routes!(send)).routes(routes!(read_it_back)).routes(routes!(delete_contact));
    needing(Right::Change, change)
}

/// A lead to try things with.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = SendTestLead)]
struct Send {
    /// As the widget would send it, with an address of the form `leadline-test+…@example.com`; without, a sample is sent.
    event: Option<Value>,
    /// It makes the deals that the transformation makes of such a lead. Without that a test lead makes none.
    deals: bool,
}

/// A test lead that is on its way.
#[derive(Serialize, ToSchema)]
#[schema(as = SentTestLead)]
struct Sent {
    event_id: EventId,
}

/// Sends a lead of nobody the whole way: signed, stored, transformed, delivered. Figures, pictures and alerts leave it out.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/test-leads",
    tag = "Events",
    params(("account" = String, Path, description = "Slug or id", example = "acme")),
    request_body(content = Send, example = json!({})),
    responses((status = 200, description = "Its event", body = Data<Sent>)),
    extensions(("x-command" = json!("leadline event test --account acme")))
)]
async fn send(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<One<Sent>, ApiError> {
    let account = account(&app, &actor, &name).await?;
    let asked: Send = if body.is_empty() { Send::default() } else { read(&body, "Send {}, or {\"event\": {…}}.")? };
    let now = (app.clock)();
    let event = asked.event.unwrap_or_else(|| test_lead::sample(&account, now));
    let mut body = event.to_string();
    if asked.deals {
        body = test_lead::asking_for_deals(&body)?;
    }
    let receipt = test_lead::send(&app.store, &app.door, &account, &body, now).await?;
    Ok(one(Sent { event_id: receipt.event_id }))
}

/// Reads what HubSpot holds of a test lead, record by record, beside what was sent.
#[utoipa::path(
    post,
    path = "/v1/events/{id}/read-back",
    tag = "Events",
    params(("id" = EventId, Path, description = "The event of a test lead that was delivered")),
    responses((status = 200, description = "What was sent, and what is there", body = Data<ReadBack>)),
    extensions(("x-command" = json!("leadline event read-back EVENT")))
)]
async fn read_it_back(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<One<ReadBack>, ApiError> {
    let shown = shown_event(&app, &actor, &id).await?;
    Ok(one(read_back::read_back(&app.store, &app.hubspot, &shown, &*app.clock).await?))
}

/// Takes the contact of a test lead out of HubSpot again, and the deals that the lead made.
#[utoipa::path(
    delete,
    path = "/v1/events/{id}/test-contact",
    tag = "Events",
    params(("id" = EventId, Path, description = "The event of a test lead that was delivered")),
    responses((status = 200, description = "What was taken out", body = Data<TakenOut>)),
    extensions(("x-command" = json!("leadline event delete-test-contact EVENT")))
)]
async fn delete_contact(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<One<TakenOut>, ApiError> {
    let shown = shown_event(&app, &actor, &id).await?;
    Ok(one(read_back::delete_contact(&app.store, &app.hubspot, &shown, &*app.clock).await?))
}

impl From<TestLeadError> for ApiError {
    fn from(error: TestLeadError) -> Self {
        match error {
            TestLeadError::NoSource(_) => {
                Self::Conflict(error.to_string(), "Make a source first, in Settings or with `leadline source create`.")
            }
            TestLeadError::NotJson(_) | TestLeadError::NoTest | TestLeadError::Answer(..) => {
                Self::BadRequest(error.to_string(), "Send an event as the widget does, with a test lead's address.")
            }
            TestLeadError::Refused(refusal) => refusal.into(),
            TestLeadError::Store(error) => error.into(),
            TestLeadError::Ours(error) => error.into(),
        }
    }
}

impl From<ReadBackError> for ApiError {
    fn from(error: ReadBackError) -> Self {
        match error {
            ReadBackError::NoTest(_) | ReadBackError::Somebody(_) => {
                Self::Conflict(error.to_string(), "Only what a test lead wrote is read back and taken out.")
            }
            ReadBackError::NotWritten(_) => {
                Self::Conflict(error.to_string(), "Wait until it is delivered, or send another test lead.")
            }
            ReadBackError::HubSpot(problem) => Self::Away(problem),
            ReadBackError::Gone(_) => Self::Conflict(error.to_string(), "There is nothing left to take out."),
            ReadBackError::NoSession(error) => error.into(),
            ReadBackError::Store(error) => error.into(),
        }
    }
}
