//! Two versions side by side, whichever is in use: a form, and, once it is sent, in what the later one differs.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::http::dashboard::accounts::serde_urlencoded;
use crate::http::dashboard::shell::Shell;
use crate::http::dashboard::{BUSY, draw};
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::http::versions::{COMPARED_DEFAULT, CompareVersions, compared};
use crate::model::access::{Actor, Right};
use crate::picture::Drawn;
use crate::shadow::EVENTS_MAX;
use crate::side_by_side::VersionComparison;
use crate::usage::LISTED_MAX;
use crate::view::comparison;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let compare = OpenApiRouter::new().route("/transformations/compare", get(show).post(compare));
    needing(Right::Transform, compare)
}

#[derive(Template)]
#[template(path = "compare.html")]
struct Page {
    shell: Shell,
    /// All that may be compared, as id and label.
    versions: Vec<(String, String)>,
    before: String,
    after: String,
    account: String,
    events: u32,
    comparison: Option<VersionComparison>,
    dots: Option<Drawn>,
    /// Why nothing was compared.
    wrong: Option<&'static str>,
}

/// What is to be compared.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Two {
    before: String,
    after: String,
    account: String,
    events: String,
}

/// The form, filled in.
async fn page(app: &App, actor: &Actor, shell: Shell, two: Two) -> Result<Page, ApiError> {
    let versions = app.store.versions(actor.own_account(), LISTED_MAX).await?;
    Ok(Page {
        versions: versions.into_iter().map(|version| (version.id.to_string(), version.label())).collect(),
        before: two.before,
        after: two.after,
        account: two.account.trim().to_owned(),
        events: two.events.parse().unwrap_or(COMPARED_DEFAULT).clamp(1, EVENTS_MAX),
        comparison: None,
        dots: None,
        wrong: None,
        shell,
    })
}

/// The form, with what the address says. Nothing is compared before it is sent.
async fn show(State(app): State<Arc<App>>, actor: Actor, uri: Uri, headers: HeaderMap) -> Result<Response, ApiError> {
    let shell = Shell::of_the_house(&app, &actor, &uri, &headers);
    draw(&app, &actor, &page(&app, &actor, shell, serde_urlencoded(&uri)).await?)
}

async fn compare(
    State(app): State<Arc<App>>,
    actor: Actor,
    uri: Uri,
    headers: HeaderMap,
    Form(two): Form<Two>,
) -> Result<Response, ApiError> {
    let shell = Shell::of_the_house(&app, &actor, &uri, &headers);
    let mut drawn = page(&app, &actor, shell, two).await?;
    let asked = CompareVersions {
        before: drawn.before.clone(),
        after: drawn.after.clone(),
        account: Some(drawn.account.clone()).filter(|account| !account.is_empty()),
        events: Some(drawn.events),
    };
    match compared(&app, &actor, &asked).await? {
        Some(found) => {
            let logs = format!("/accounts/{}/logs", drawn.account);
            drawn.dots = found.leads.as_ref().map(|report| comparison::dots(report, &logs));
            drawn.comparison = Some(found);
        }
        None => drawn.wrong = Some(BUSY),
    }
    draw(&app, &actor, &drawn)
}
