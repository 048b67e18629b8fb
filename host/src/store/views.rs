//! Saved views: filters of the list of leads that somebody gave a name.

use serde::Serialize;

use super::{Result, Store, query, sql};
use crate::model::id::{AccountId, ViewId};
use crate::model::time::Timestamp;

/// Views of an account. More of them are no help to anybody.
pub const VIEWS_MAX: usize = 50;

/// A filter of the list of leads that has a name. The whole account sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SavedView {
    pub id: ViewId,
    pub account_id: AccountId,
    pub name: String,
    /// As the end of the list's address: `outcome=failed&cause=property.missing`.
    pub query: String,
    pub made_by: String,
    pub made_at: Timestamp,
}

/// What came of saving a view.
#[derive(Debug, PartialEq, Eq)]
pub enum SaveView {
    Saved(SavedView),
    /// There are [`VIEWS_MAX`] already.
    TooMany,
}

impl Store {
    /// The views of an account, by their names.
    pub async fn views(&self, account: &AccountId) -> Result<Vec<SavedView>> {
        let rows: Vec<(String, String, String, String, i64)> = query(sql!(
            "SELECT id, name, query, made_by, made_at FROM saved_views WHERE account_id = $1 ORDER BY name"
        ))
        .bind(account.as_str())
        .fetch_all(&self.db)
        .await?;
        let view = |(id, name, query, made_by, made_at): (String, String, String, String, i64)| SavedView {
            id: ViewId::stored(id),
            account_id: account.clone(),
            name,
            query,
            made_by,
            made_at: Timestamp(made_at),
        };
        Ok(rows.into_iter().map(view).collect())
    }

    /// Saves a view. One of the same name is replaced, and keeps its id.
    pub async fn save_view(&self, view: &SavedView) -> Result<SaveView> {
        let known = self.views(&view.account_id).await?;
        if known.len() >= VIEWS_MAX && !known.iter().any(|known| known.name == view.name) {
            return Ok(SaveView::TooMany);
        }
        let save = query(sql!(
            "INSERT INTO saved_views (account_id, id, name, query, made_by, made_at) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (account_id, name) DO UPDATE SET query = excluded.query, made_by = excluded.made_by,
               made_at = excluded.made_at RETURNING id"
        ))
        .bind(view.account_id.as_str())
        .bind(view.id.as_str())
        .bind(&view.name)
        .bind(&view.query)
        .bind(&view.made_by)
        .bind(view.made_at.0);
        let id = self.db.write(move |tx| Box::pin(async move { save.fetch_one::<String>(tx).await })).await?;
        Ok(SaveView::Saved(SavedView { id: ViewId::stored(id), ..view.clone() }))
    }

    /// The account of a view; none where there is no such view.
    pub async fn account_of_view(&self, id: &str) -> Result<Option<AccountId>> {
        let account = query(sql!("SELECT account_id FROM saved_views WHERE id = $1")).bind(id);
        Ok(account.fetch_optional::<String>(&self.db).await?.map(AccountId::stored))
    }

    /// Takes a view away. Says whether it was there.
    pub async fn remove_view(&self, account: &AccountId, id: &str) -> Result<bool> {
        let remove = query(sql!("DELETE FROM saved_views WHERE account_id = $1 AND id = $2"));
        Ok(remove.bind(account.as_str()).bind(id).execute(&self.db).await? > 0)
    }
}
