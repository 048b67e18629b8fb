//! Activity: what people and programs did in an account. A page of it stands on the screen of the settings, and all
//! that fits is a table.

use std::sync::Arc;

use axum::http::Uri;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::accounts::serde_urlencoded;
use super::shell::{Shell, Visit};
use crate::app::App;
use crate::http::access::table_file;
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::model::access::Right;
use crate::model::account::Account;
use crate::store::{AuditEntry, Beside};
use crate::view::activity::{self, Change, Query};
use crate::view::csv;
use crate::view::moment::Moment;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let access = OpenApiRouter::new().route("/accounts/{account}/settings/activity.csv", get(table));
    needing(Right::Access, access)
}

/// A page of the activity.
pub(super) struct Activity {
    pub(super) rows: Vec<Row>,
    pub(super) query: Query,
    /// Queries of the neighbouring pages.
    pub(super) newer: Option<String>,
    pub(super) older: Option<String>,
}

/// Something that somebody did.
pub(super) struct Row {
    pub(super) entry: AuditEntry,
    pub(super) at: Moment,
    pub(super) changes: Vec<Change>,
    pub(super) asked: String,
}

/// Which page of the activity.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Cursor {
    after: String,
    before: String,
}

impl Cursor {
    fn beside(&self) -> Beside {
        match (self.after.parse(), self.before.parse()) {
            (Ok(id), _) => Beside::OlderThan(id),
            (_, Ok(id)) => Beside::NewerThan(id),
            _ => Beside::Newest,
        }
    }
}

/// The page of an account's activity that an address asks for.
pub(super) async fn find(app: &App, shell: &Shell, account: &Account, uri: &Uri) -> Result<Activity, ApiError> {
    let query: Query = serde_urlencoded(uri);
    let beside = serde_urlencoded::<Cursor>(uri).beside();
    let filter = query.filter(Some(&account.id), &shell.zone);
    let page = app.store.audit_page(&filter, &beside, activity::PAGE).await?;
    Ok(Activity {
        newer: page.entries.first().filter(|_| page.has_newer).map(|first| query.at("before", first.id.as_str())),
        older: page.entries.last().filter(|_| page.has_older).map(|last| query.at("after", last.id.as_str())),
        rows: page.entries.into_iter().map(|entry| row(shell, entry)).collect(),
        query,
    })
}

fn row(shell: &Shell, entry: AuditEntry) -> Row {
    Row {
        at: shell.time(entry.at),
        changes: activity::changes(&entry.detail),
        asked: activity::asked(&entry.detail),
        entry,
    }
}

/// All that fits, as a table.
async fn table(Visit { app, place, .. }: Visit, uri: Uri) -> Result<Response, ApiError> {
    let query: Query = serde_urlencoded(&uri);
    let filter = query.filter(Some(&place.account.id), &place.shell.zone);
    let table = activity::table(&app.store, &filter).await?;
    Ok(table_file(&place.account.slug, csv::MARK.to_owned() + &table))
}
