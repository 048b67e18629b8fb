//! `POST /v1/sources/{source}/events`: the public endpoint that signed events come to.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiError;
use super::listen;
use crate::app::App;
use crate::ingest::{BODY_BYTES_MAX, Receipt, Refusal};
use crate::model::id::{RejectionId, SourceId};
use crate::model::time::Timestamp;
use crate::signature;
use crate::store::Rejection;

/// Of a source's address and a sender's id, what is shown of a refused request.
const SHOWN_BYTES_MAX: usize = 100;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(receive))
}

/// Takes an event in.
///
/// It is answered after the commit; a repeat is answered the same. It is signed as Standard Webhooks says.
#[utoipa::path(
    post,
    path = "/v1/sources/{source}/events",
    tag = "Events",
    params(
        ("source" = SourceId, Path, description = "The source"),
        ("webhook-id" = String, Header, description = "The event's id at the sender, the same on every repeat", example = "msg_1"),
        ("webhook-timestamp" = i64, Header, description = "Seconds since 1970", example = 1795435200),
        ("webhook-signature" = String, Header, description = "`v1,` and the signature of id, time and body", example = "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="),
    ),
    request_body(content = Value, example = json!({ "type": "lead.captured.v1", "timestamp": "2026-11-23T08:00:00Z", "data": { "id": "lead_1", "name": "Ana Lopez", "email": "ana@example.com", "status": "new", "priority": "high", "origin": "chat_widget", "dealership": { "name": "Ocean Honda", "slug": "ocean-honda" } } })),
    responses((status = 202, description = "It is stored", body = Receipt)),
    extensions(("x-command" = json!("leadline event send event.json --source SOURCE --sign")))
)]
async fn receive(
    State(app): State<Arc<App>>,
    Path(source): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Receipt>), ApiError> {
    let now = (app.clock)();
    let mut bytes = Bytes::new();
    match accept(&app, &source, &headers, body, &mut bytes, now).await {
        Ok(receipt) => Ok((StatusCode::ACCEPTED, Json(receipt))),
        Err(refusal) => {
            record(&app, &source, &headers, &bytes, &refusal, now).await;
            Err(refusal.into())
        }
    }
}

async fn accept(
    app: &App,
    source: &str,
    headers: &HeaderMap,
    body: Body,
    bytes: &mut Bytes,
    now: Timestamp,
) -> Result<Receipt, Refusal> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > BODY_BYTES_MAX) {
        return Err(Refusal::TooLarge);
    }
    // Told at once, and not after the timeouts of a database that is known to be away.
    if !app.store.answers() {
        return Err(Refusal::StoreDown);
    }
    let signed = signature::read(|name| headers.get_all(name).iter().map(|value| value.as_bytes()))?;
    app.door.look(source, now).await?;
    *bytes = axum::body::to_bytes(body, BODY_BYTES_MAX).await.map_err(unread)?;
    let verified = app.door.verify(source, &signed, bytes, now).await?;
    app.door.accept(verified, now).await
}

/// Why a body was not read to its end.
fn unread(error: axum::Error) -> Refusal {
    match std::error::Error::source(&error) {
        _ if listen::was_late(&error) => Refusal::TooSlow,
        Some(source) if source.to_string().contains("length limit") => Refusal::TooLarge,
        _ => Refusal::Unreadable(error.to_string()),
    }
}

/// Leaves an entry where an operator sees it. What could not be stored is not recorded either.
async fn record(app: &App, source: &str, headers: &HeaderMap, bytes: &Bytes, refusal: &Refusal, now: Timestamp) {
    metrics::counter!("leadline_requests_rejected_total", "class" => refusal.class()).increment(1);
    match refusal {
        Refusal::TooFast | Refusal::Busy | Refusal::StoreDown | Refusal::NoRoom => return,
        Refusal::OverRate(too_many) if !too_many.recorded => return,
        _ => {}
    }
    // A flood of bad requests must not keep the store from good ones.
    let Ok(_place) = app.rejections.try_acquire() else {
        metrics::counter!("leadline_rejections_unrecorded_total").increment(1);
        return;
    };
    // Only a request that came as far as its signature has shown that its source exists. Whatever addresses invent goes
    // into one ring, so that nobody can fill the disk with them.
    let known = refusal.knows_source();
    let sender_id = signature::HEADER_SETS.iter().find_map(|set| headers.get(set[0])?.to_str().ok());
    let rejection = Rejection {
        id: RejectionId::new(now),
        source_id: if known { source.to_owned() } else { "unknown".to_owned() },
        at: now,
        class: refusal.class().to_owned(),
        detail: if known { refusal.to_string() } else { format!("{refusal} (sent to {})", shown(source)) },
        sender_id: sender_id.map(shown),
        bytes: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
        body: refusal.is_signed().then(|| String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}")),
    };
    tracing::info!(source.id = %rejection.source_id, class = %rejection.class, "a request to source {} was refused: {}", rejection.source_id, refusal.class());
    if let Err(error) = app.store.reject(&rejection).await
        && !error.is_away()
    {
        tracing::error!("a refused request cannot be recorded: {error}");
    }
}

fn shown(text: &str) -> String {
    text[..text.floor_char_boundary(SHOWN_BYTES_MAX)]
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
