//! Accounts, their sources and secrets.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::{Store, json, parse, shard};
use crate::model::account::{Account, SchemaModes, Source};
use crate::model::id::{AccountId, SecretId, SourceId};
use crate::model::lane::LaneKind;
use crate::model::time::Timestamp;
use crate::signature::Secret;

/// Secrets of a source that still count beside the current one.
const OLD_SECRETS_MAX: i64 = 4;

/// What creating an account came to.
#[derive(Debug)]
pub enum CreateAccount {
    Created(Account),
    SlugTaken,
}

/// What a new source is made of.
pub struct NewSource<'a> {
    pub account_id: &'a AccountId,
    pub name: &'a str,
    pub tolerance_s: i64,
    pub schema_modes: &'a SchemaModes,
    /// The signing secret, as `whsec_…`.
    pub secret: &'a SecretString,
}

/// A source with the secrets that count now, the current one first.
pub struct SigningSource {
    pub source: Source,
    pub secrets: Vec<Secret>,
}

fn secret_place(id: &str) -> String {
    format!("source_secrets/{id}/secret")
}

type SourceRow = (String, String, String, i64, String, i64);

fn source(row: SourceRow) -> sqlx::Result<Source> {
    let (account_id, id, name, tolerance_s, modes, created_at) = row;
    Ok(Source {
        id: SourceId::stored(id),
        account_id: AccountId::stored(account_id),
        name,
        tolerance_s,
        schema_modes: parse(&modes)?,
        created_at: Timestamp(created_at),
    })
}

impl Store {
    /// Makes an account, and the lane in which its events are planned.
    pub async fn create_account(&self, slug: &str, name: &str, now: Timestamp) -> sqlx::Result<CreateAccount> {
        let id = AccountId::new(now);
        let mut tx = self.begin().await?;
        let inserted = sqlx::query(
            "INSERT INTO accounts (id, slug, name, shard, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (slug) DO NOTHING",
        );
        let inserted =
            inserted.bind(id.as_str()).bind(slug).bind(name).bind(shard(&id)).bind(now.0).execute(&mut *tx).await?;
        if inserted.rows_affected() == 0 {
            return Ok(CreateAccount::SlugTaken);
        }
        insert_lane(&mut tx, &id, id.as_str(), LaneKind::Plan).await?;
        tx.commit().await?;
        Ok(CreateAccount::Created(Account { id, slug: slug.to_owned(), name: name.to_owned(), created_at: now }))
    }

    /// The account of a slug or an id.
    pub async fn account(&self, slug_or_id: &str) -> sqlx::Result<Option<Account>> {
        let rows = self.accounts_where("WHERE slug = $1 OR id = $1", slug_or_id).await?;
        Ok(rows.into_iter().next())
    }

    /// Every account, oldest first.
    pub async fn accounts(&self) -> sqlx::Result<Vec<Account>> {
        self.accounts_where("WHERE $1 = '' ORDER BY id", "").await
    }

    async fn accounts_where(&self, condition: &'static str, value: &str) -> sqlx::Result<Vec<Account>> {
        let text = format!("SELECT id, slug, name, created_at FROM accounts {condition}");
        let rows: Vec<(String, String, String, i64)> =
            sqlx::query_as(sqlx::AssertSqlSafe(text)).bind(value).fetch_all(&self.readers).await?;
        let account = |(id, slug, name, created_at)| Account {
            id: AccountId::stored(id),
            slug,
            name,
            created_at: Timestamp(created_at),
        };
        Ok(rows.into_iter().map(account).collect())
    }

    /// Makes a source with its first secret.
    pub async fn create_source(&self, new: NewSource<'_>, now: Timestamp) -> sqlx::Result<Source> {
        let source = Source {
            id: SourceId::new(now),
            account_id: new.account_id.clone(),
            name: new.name.to_owned(),
            tolerance_s: new.tolerance_s,
            schema_modes: new.schema_modes.clone(),
            created_at: now,
        };
        let mut tx = self.begin().await?;
        sqlx::query("INSERT INTO sources (account_id, id, name, tolerance_s, schema_modes, created_at) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(source.account_id.as_str()).bind(source.id.as_str()).bind(&source.name)
            .bind(source.tolerance_s).bind(json(&source.schema_modes)).bind(now.0)
            .execute(&mut *tx).await?;
        self.insert_secret(&mut tx, &source, new.secret, now).await?;
        tx.commit().await?;
        Ok(source)
    }

    /// Gives a source a new secret. The old one counts for `overlap` more; at most four old ones count at once.
    pub async fn rotate_secret(
        &self,
        source: &Source,
        secret: &SecretString,
        overlap: Duration,
        now: Timestamp,
    ) -> sqlx::Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE source_secrets SET valid_until = $3 WHERE account_id = $1 AND source_id = $2 AND valid_until IS NULL")
            .bind(source.account_id.as_str()).bind(source.id.as_str()).bind((now + overlap).0)
            .execute(&mut *tx).await?;
        self.insert_secret(&mut tx, source, secret, now).await?;
        sqlx::query(
            "DELETE FROM source_secrets WHERE account_id = $1 AND source_id = $2 AND valid_until IS NOT NULL AND (valid_until < $3 OR id NOT IN (
               SELECT id FROM source_secrets WHERE account_id = $1 AND source_id = $2 AND valid_until IS NOT NULL ORDER BY id DESC LIMIT $4))",
        )
        .bind(source.account_id.as_str()).bind(source.id.as_str()).bind(now.0).bind(OLD_SECRETS_MAX)
        .execute(&mut *tx).await?;
        tx.commit().await
    }

    async fn insert_secret(
        &self,
        tx: &mut sqlx::SqliteConnection,
        source: &Source,
        secret: &SecretString,
        now: Timestamp,
    ) -> sqlx::Result<()> {
        let id = SecretId::new(now);
        let sealed = self.keys.seal(&secret_place(id.as_str()), secret.expose_secret());
        sqlx::query("INSERT INTO source_secrets (account_id, source_id, id, secret, valid_until, created_at) VALUES ($1, $2, $3, $4, NULL, $5)")
            .bind(source.account_id.as_str()).bind(source.id.as_str()).bind(id.as_str()).bind(sealed).bind(now.0)
            .execute(tx).await.map(drop)
    }

    /// The sources of an account, or of all.
    pub async fn sources(&self, account: Option<&AccountId>) -> sqlx::Result<Vec<Source>> {
        let rows: Vec<SourceRow> = sqlx::query_as(
            "SELECT account_id, id, name, tolerance_s, schema_modes, created_at FROM sources
             WHERE $1 IS NULL OR account_id = $1 ORDER BY account_id, id",
        )
        .bind(account.map(AccountId::as_str))
        .fetch_all(&self.readers)
        .await?;
        rows.into_iter().map(source).collect()
    }

    /// A source with the secrets that count at `now`.
    ///
    /// # Errors
    /// The database's, and when a secret cannot be opened with the key ring.
    pub async fn signing_source(&self, id: &str, now: Timestamp) -> anyhow::Result<Option<SigningSource>> {
        let Some((source, secrets)) = self.source_and_secrets(id, now).await? else {
            return Ok(None);
        };
        let secrets = secrets.iter().map(|text| Secret::parse(text.expose_secret())).collect::<Result<_, _>>()?;
        Ok(Some(SigningSource { source, secrets }))
    }

    /// The current secret of a source, for signing a test event.
    ///
    /// # Errors
    /// As [`Self::signing_source`].
    pub async fn current_secret(&self, id: &str, now: Timestamp) -> anyhow::Result<Option<SecretString>> {
        let found = self.source_and_secrets(id, now).await?;
        Ok(found.and_then(|(_, secrets)| secrets.into_iter().next()))
    }

    async fn source_and_secrets(
        &self,
        id: &str,
        now: Timestamp,
    ) -> anyhow::Result<Option<(Source, Vec<SecretString>)>> {
        let row: Option<SourceRow> = sqlx::query_as(
            "SELECT account_id, id, name, tolerance_s, schema_modes, created_at FROM sources WHERE id = $1",
        )
        .bind(id)
        .fetch_optional(&self.readers)
        .await?;
        let Some(source) = row.map(source).transpose()? else {
            return Ok(None);
        };
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT id, secret FROM source_secrets WHERE account_id = $1 AND source_id = $2 AND (valid_until IS NULL OR valid_until >= $3)
             ORDER BY valid_until IS NOT NULL, id DESC",
        )
        .bind(source.account_id.as_str()).bind(source.id.as_str()).bind(now.0).fetch_all(&self.readers).await?;
        let mut secrets = Vec::with_capacity(rows.len());
        for (id, sealed) in rows {
            let opened = self.keys.open(&secret_place(&id), &sealed);
            secrets.push(opened.map_err(|error| anyhow::anyhow!("the signing secret `{id}` cannot be read: {error}"))?);
        }
        Ok(Some((source, secrets)))
    }
}

pub(super) async fn insert_lane(
    tx: &mut sqlx::SqliteConnection,
    account: &AccountId,
    lane: &str,
    kind: LaneKind,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO lanes (account_id, id, kind, shard, owner, epoch, lease_until, served_at, next_due, paused_until, budget)
         VALUES ($1, $2, $3, $4, NULL, 0, 0, 0, $5, 0, '{}')",
    )
    .bind(account.as_str()).bind(lane).bind(kind.as_str()).bind(shard(account)).bind(Timestamp::NEVER.0)
    .execute(tx).await.map(drop)
}
