//! The person behind one lead, for those who see people masked: shown once, for a reason that the history keeps.

use std::sync::Arc;

use axum::extract::{Form, Path};
use axum::response::Response;
use axum::routing::post;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::super::draw;
use super::super::shell::{Said, Visit};
use super::{found, lead_page};
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::guard::{Noted, needing};
use crate::http::reveal::{has_reason, note};
use crate::model::access::{Right, Sight};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let change = OpenApiRouter::new().route("/accounts/{account}/logs/{event}/reveal", post(reveal));
    needing(Right::Change, change)
}

#[derive(Deserialize)]
struct Reveal {
    reason: String,
}

/// The lead as its own dealership sees it, this once. Who asked and why stands in the history.
async fn reveal(
    Visit { app, actor, mut place }: Visit,
    Path((_, event)): Path<(String, String)>,
    Form(asked): Form<Reveal>,
) -> Result<Response, ApiError> {
    has_reason(&asked.reason)?;
    let shown = found(&app, &place, &event).await?;
    note(&app, &actor, &shown, &asked.reason).await?;
    let text = "The person is shown this once. Who looked and why stands in the activity.".to_owned();
    place.shell.said = Some(Said { tone: "good", text });
    place.shell = place.shell.unmasked();
    let mut response = draw(&app, &actor, &lead_page(&app, &shown, Sight::Whole, place, None).await?)?;
    response.extensions_mut().insert(Noted);
    Ok(response)
}
