//! Accounts, their sources and secrets.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::{Conn, Query, Result, Sql, Store, json, parse, query, shard, sql};
use crate::model::account::{Account, QuotaClass, SchemaModes, Source};
use crate::model::id::{AccountId, SecretId, SourceId};
use crate::model::lane::LaneKind;
use crate::model::time::Timestamp;
use crate::seal::KeyRing;
use crate::signature::Secret;

/// Secrets of a source that still count beside the current one.
const OLD_SECRETS_MAX: i64 = 4;

/// What creating an account came to.
#[derive(Debug)]
pub enum CreateAccount {
    Created(Account),
    SlugTaken,
}

/// What giving a source a new secret came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotateSecret {
    Rotated,
    /// Somebody was quicker: another secret is the newest.
    Meanwhile,
}

/// What a new source is made of.
pub struct NewSource<'a> {
    pub account_id: &'a AccountId,
    pub name: &'a str,
    pub tolerance_s: i64,
    pub schema_modes: &'a SchemaModes,
    /// Events a second; 0: any number.
    pub rate: i64,
    /// The signing secret, as `whsec_…`.
    pub secret: &'a SecretString,
}

/// A source with the secrets that count now, the current one first.
pub struct SigningSource {
    pub source: Source,
    pub secrets: Vec<Secret>,
}

/// A secret of a source on its way into the database.
struct NewSecret {
    keys: Arc<KeyRing>,
    source: Source,
    secret: SecretString,
    now: Timestamp,
}

impl NewSecret {
    /// Sealed only now: until the transaction ends, the key that seals it stays in the ring.
    async fn insert(self, tx: &mut Conn) -> Result<()> {
        tx.guard_keys(false).await?;
        let id = SecretId::new(self.now);
        let sealed = self.keys.seal(&secret_place(id.as_str()), self.secret.expose_secret());
        query(sql!("INSERT INTO source_secrets (account_id, source_id, id, secret, valid_until, created_at) VALUES ($1, $2, $3, $4, NULL, $5)"))
            .bind(self.source.account_id.as_str()).bind(self.source.id.as_str()).bind(id.as_str()).bind(sealed).bind(self.now.0)
            .execute(tx).await.map(drop)
    }
}

fn secret_place(id: &str) -> String {
    format!("source_secrets/{id}/secret")
}

type SourceRow = (String, String, String, i64, String, i64, i64);

fn source(row: SourceRow) -> Result<Source> {
    let (account_id, id, name, tolerance_s, modes, rate, created_at) = row;
    Ok(Source {
        id: SourceId::stored(id),
        account_id: AccountId::stored(account_id),
        name,
        tolerance_s,
        schema_modes: parse(&modes)?,
        rate,
        created_at: Timestamp(created_at),
    })
}

impl Store {
    /// Makes an account, and the lane in which its events are planned.
    pub async fn create_account(&self, slug: &str, name: &str, now: Timestamp) -> Result<CreateAccount> {
        let id = AccountId::new(now);
        let account = query(sql!(
            "INSERT INTO accounts (id, slug, name, shard, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (slug) DO NOTHING"
        ));
        let account = account.bind(id.as_str()).bind(slug).bind(name).bind(shard(&id)).bind(now.0);
        let lane = insert_lane(&id, id.as_str(), LaneKind::Plan);
        let write = self.db.write(|tx| {
            Box::pin(async move {
                let inserted = account.execute(&mut *tx).await? > 0;
                if inserted {
                    lane.execute(&mut *tx).await?;
                }
                Ok(inserted)
            })
        });
        if !write.await? {
            return Ok(CreateAccount::SlugTaken);
        }
        let quota = QuotaClass::default();
        Ok(CreateAccount::Created(Account { id, slug: slug.to_owned(), name: name.to_owned(), quota, created_at: now }))
    }

    /// Gives an account another class of quota. Its next event runs with it, in every process.
    pub async fn set_quota(&self, account: &AccountId, quota: QuotaClass) -> Result<()> {
        let set = query(sql!("UPDATE accounts SET quota = $2 WHERE id = $1"));
        set.bind(account.as_str()).bind(quota.as_str()).execute(&self.db).await.map(drop)
    }

    /// The class of quota of an account. The house, which is no account, has the standard.
    pub async fn quota(&self, account: &str) -> Result<QuotaClass> {
        let select = query(sql!("SELECT quota FROM accounts WHERE id = $1"));
        let word: Option<String> = select.bind(account).fetch_optional(&self.db).await?;
        Ok(word.as_deref().map_or_else(QuotaClass::default, QuotaClass::stored))
    }

    /// The account of a slug or an id.
    pub async fn account(&self, slug_or_id: &str) -> Result<Option<Account>> {
        let rows = self.accounts_where("WHERE slug = $1 OR id = $1", slug_or_id).await?;
        Ok(rows.into_iter().next())
    }

    /// Every account, oldest first.
    pub async fn accounts(&self) -> Result<Vec<Account>> {
        self.accounts_where("WHERE $1 = '' ORDER BY id", "").await
    }

    async fn accounts_where(&self, condition: &'static str, value: &str) -> Result<Vec<Account>> {
        let text = format!("SELECT id, slug, name, quota, created_at FROM accounts {condition}");
        type Row = (String, String, String, String, i64);
        let rows: Vec<Row> = query(Sql::same(text)).bind(value).fetch_all(&self.db).await?;
        let account = |(id, slug, name, quota, created_at): Row| Account {
            id: AccountId::stored(id),
            slug,
            name,
            quota: QuotaClass::stored(&quota),
            created_at: Timestamp(created_at),
        };
        Ok(rows.into_iter().map(account).collect())
    }

    /// Makes a source with its first secret.
    pub async fn create_source(&self, new: NewSource<'_>, now: Timestamp) -> Result<Source> {
        let source = Source {
            id: SourceId::new(now),
            account_id: new.account_id.clone(),
            name: new.name.to_owned(),
            tolerance_s: new.tolerance_s,
            schema_modes: new.schema_modes.clone(),
            rate: new.rate,
            created_at: now,
        };
        let insert = query(sql!("INSERT INTO sources (account_id, id, name, tolerance_s, schema_modes, rate, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)"))
            .bind(source.account_id.as_str()).bind(source.id.as_str()).bind(&source.name)
            .bind(source.tolerance_s).bind(json(&source.schema_modes)).bind(source.rate).bind(now.0);
        let secret = self.new_secret(&source, new.secret, now);
        self.db
            .write(|tx| {
                Box::pin(async move {
                    insert.execute(&mut *tx).await?;
                    secret.insert(tx).await
                })
            })
            .await?;
        Ok(source)
    }

    /// Says what a source may send from now on: its rate, and the modes of these types. What is not named stays as it is
    /// by then. Returns the source as it is now.
    pub async fn set_source(&self, source: &Source, rate: Option<i64>, modes: &SchemaModes) -> Result<Source> {
        let (source, modes) = (source.clone(), modes.clone());
        let change = self.db.write(move |tx| {
            Box::pin(async move {
                let [now, set] = [
                    sql!(
                        "SELECT rate, schema_modes FROM sources WHERE account_id = $1 AND id = $2"
                        on(sqlite: "", postgres: " FOR UPDATE")
                    ),
                    sql!("UPDATE sources SET rate = $3, schema_modes = $4 WHERE account_id = $1 AND id = $2"),
                ]
                .map(|statement| query(statement).bind(source.account_id.as_str()).bind(source.id.as_str()));
                let (was, known): (i64, String) = now.fetch_one(&mut *tx).await?;
                let mut schema_modes: SchemaModes = parse(&known)?;
                schema_modes.extend(modes);
                let set_to = Source { rate: rate.unwrap_or(was), schema_modes, ..source };
                set.bind(set_to.rate).bind(json(&set_to.schema_modes)).execute(tx).await?;
                Ok(set_to)
            })
        });
        change.await
    }

    /// Gives a source a new secret. The old one counts for `overlap` more; at most four old ones count at once. `seen`
    /// is when the newest was made that the one who asks knows of; none where he does not mind.
    pub async fn rotate_secret(
        &self,
        (source, seen): (&Source, Option<Timestamp>),
        secret: &SecretString,
        overlap: Duration,
        now: Timestamp,
    ) -> Result<RotateSecret> {
        let (account, id) = (source.account_id.as_str(), source.id.as_str());
        let end = query(sql!(
            "UPDATE source_secrets SET valid_until = $3 WHERE account_id = $1 AND source_id = $2 AND valid_until IS NULL
               AND ($4 IS NULL OR created_at = $4)"
        ));
        let end = end.bind(account).bind(id).bind((now + overlap).0).bind(seen.map(|seen| seen.0));
        let forget = query(sql!(
            "DELETE FROM source_secrets WHERE account_id = $1 AND source_id = $2 AND valid_until IS NOT NULL AND (valid_until < $3 OR id NOT IN (
               SELECT id FROM source_secrets WHERE account_id = $1 AND source_id = $2 AND valid_until IS NOT NULL ORDER BY id DESC LIMIT $4))"
        ));
        let forget = forget.bind(account).bind(id).bind(now.0).bind(OLD_SECRETS_MAX);
        let secret = self.new_secret(source, secret, now);
        let rotate = self.db.write(|tx| {
            Box::pin(async move {
                // Of two who ask at once the second waits here, and then ends nothing.
                if end.execute(&mut *tx).await? == 0 {
                    return Ok(RotateSecret::Meanwhile);
                }
                secret.insert(&mut *tx).await?;
                forget.execute(tx).await?;
                Ok(RotateSecret::Rotated)
            })
        });
        rotate.await
    }

    fn new_secret(&self, source: &Source, secret: &SecretString, now: Timestamp) -> NewSecret {
        NewSecret { keys: self.keys.clone(), source: source.clone(), secret: secret.clone(), now }
    }

    /// The sources of an account, or of all.
    pub async fn sources(&self, account: Option<&AccountId>) -> Result<Vec<Source>> {
        let rows: Vec<SourceRow> = query(sql!(
            "SELECT account_id, id, name, tolerance_s, schema_modes, rate, created_at FROM sources
             WHERE $1 IS NULL OR account_id = $1 ORDER BY account_id, id"
        ))
        .bind(account.map(AccountId::as_str))
        .fetch_all(&self.db)
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
        let secrets =
            secrets.iter().map(|text| Secret::parse(text.expose_secret())).collect::<std::result::Result<_, _>>()?;
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
        let row: Option<SourceRow> = query(sql!(
            "SELECT account_id, id, name, tolerance_s, schema_modes, rate, created_at FROM sources WHERE id = $1"
        ))
        .bind(id)
        .fetch_optional(&self.db)
        .await?;
        let Some(source) = row.map(source).transpose()? else {
            return Ok(None);
        };
        let rows: Vec<(String, String)> = query(sql!("SELECT id, secret FROM source_secrets WHERE account_id = $1 AND source_id = $2 AND (valid_until IS NULL OR valid_until >= $3)
             ORDER BY valid_until IS NOT NULL, id DESC"))
        .bind(source.account_id.as_str()).bind(source.id.as_str()).bind(now.0).fetch_all(&self.db).await?;
        let mut secrets = Vec::with_capacity(rows.len());
        for (id, sealed) in rows {
            let opened = self.keys.open(&secret_place(&id), &sealed);
            secrets.push(opened.map_err(|error| anyhow::anyhow!("the signing secret `{id}` cannot be read: {error}"))?);
        }
        Ok(Some((source, secrets)))
    }
}

/// A lane of an account, with nothing in it.
pub(super) fn insert_lane(account: &AccountId, lane: &str, kind: LaneKind) -> Query {
    query(sql!(
        "INSERT INTO lanes (account_id, id, kind, shard, owner, epoch, lease_until, served_at, next_due, paused_until, budget)
         VALUES ($1, $2, $3, $4, NULL, 0, 0, 0, $5, 0, '{}')"
    ))
    .bind(account.as_str())
    .bind(lane)
    .bind(kind.as_str())
    .bind(shard(account))
    .bind(Timestamp::NEVER.0)
}
