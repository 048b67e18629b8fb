//! Transformations, their versions and the bytes of their components.

use serde_json::Value;

use super::bindings::is_newest;
use super::{Query, Result, Rows, Sql, Store, StoreError, json, parse, query, sql};
use crate::contract::manifest::Manifest;
use crate::model::account::{Connection, Version};
use crate::model::id::{AccountId, TransformationId, VersionId};
use crate::model::time::Timestamp;
use crate::samples::Sample;

/// The account that owns what every account may use: the stock transformations.
pub const HOUSE: &str = "acc_house";

/// A version to install. The component has been checked, and its `describe` has answered.
pub struct NewVersion<'a> {
    /// Who owns it: an account's id, or [`HOUSE`].
    pub account_id: &'a str,
    pub name: &'a str,
    /// SHA-256 of `bytes`, in hex.
    pub hash: &'a str,
    pub bytes: &'a [u8],
    pub contract: &'a str,
    pub manifest: &'a Value,
    pub about: &'a Value,
    pub figures: &'a Value,
    pub note: &'a str,
    pub created_by: &'a str,
    /// What its author tried it on.
    pub samples: &'a [Sample],
}

/// A version that a connection uses for an event type, with its settings.
#[derive(Clone, Debug)]
pub struct Bound {
    /// Such as `deals@3`.
    pub label: String,
    pub event_type: String,
    pub manifest: Manifest,
    pub settings: Value,
}

type VersionRow = (String, String, String, i64, String, String, String, String, String, String, String, i64);

fn version(row: VersionRow) -> Result<Version> {
    let (id, transformation_id, name, number, hash, contract, manifest, about, figures, note, created_by, created_at) =
        row;
    Ok(Version {
        id: VersionId::stored(id),
        transformation_id: TransformationId::stored(transformation_id),
        name,
        number,
        hash,
        contract,
        manifest: parse(&manifest)?,
        about: parse(&about)?,
        figures: parse(&figures)?,
        note,
        created_by,
        created_at: Timestamp(created_at),
    })
}

const SELECT_VERSION: &str =
    "SELECT v.id, v.transformation_id, t.name, v.number, v.hash, v.contract, v.manifest, v.about,
      v.figures, v.note, v.created_by, v.created_at
    FROM versions AS v JOIN transformations AS t ON t.account_id = v.account_id AND t.id = v.transformation_id
      AND v.deleted_at IS NULL ";

/// Who still needs a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The account's slug.
    pub account: String,
    /// It decides about leads there; else a rollback goes back to it.
    pub is_used: bool,
}

/// What became of the wish to take versions out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakenOut {
    Done,
    /// Somebody needs this one, so all of them stay.
    Needed(VersionId, Vec<Hold>),
    /// Somebody was quicker.
    Gone,
}

impl Store {
    /// Installs a version, or finds it when the same bytes are there already.
    pub async fn install_version(&self, new: NewVersion<'_>, now: Timestamp) -> Result<Version> {
        let transformation = query(sql!(
            "INSERT INTO transformations (account_id, id, name, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (account_id, name) DO NOTHING"
        ));
        let transformation =
            transformation.bind(new.account_id).bind(TransformationId::new(now).as_str()).bind(new.name).bind(now.0);
        let component =
            query(sql!("INSERT INTO components (account_id, hash, bytes) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"));
        let component = component.bind(new.account_id).bind(new.hash).bind(new.bytes);
        // Whoever else makes a version of it waits: its number is the next one, and the last of two has to see the first.
        let lock = query(
            sql!("SELECT id FROM transformations WHERE account_id = $1 AND name = $2" on(sqlite: "", postgres: " FOR UPDATE")),
        );
        let lock = lock.bind(new.account_id).bind(new.name);
        let id = VersionId::new(now);
        let insert = query(sql!(
            "INSERT INTO versions (account_id, id, transformation_id, number, hash, contract, manifest, created_at, about,
               figures, note, created_by)
             SELECT t.account_id, $3, t.id, 1 + coalesce((SELECT max(v.number) FROM versions AS v
               WHERE v.account_id = t.account_id AND v.transformation_id = t.id), 0), $4, $5, $6, $7, $8, $9, $10, $11
             FROM transformations AS t WHERE t.account_id = $1 AND t.name = $2 AND NOT EXISTS (SELECT 1 FROM versions AS v
               WHERE v.account_id = t.account_id AND v.transformation_id = t.id AND v.hash = $4 AND v.deleted_at IS NULL)"
        ))
        .bind(new.account_id)
        .bind(new.name)
        .bind(id.as_str())
        .bind(new.hash)
        .bind(new.contract)
        .bind(json(new.manifest))
        .bind(now.0)
        .bind(json(new.about))
        .bind(json(new.figures))
        .bind(new.note)
        .bind(new.created_by);
        let select = format!("{SELECT_VERSION} WHERE t.account_id = $1 AND t.name = $2 AND v.hash = $3");
        let select = query(Sql::same(select)).bind(new.account_id).bind(new.name).bind(new.hash);
        let sample = |sample: &Sample| {
            let body = String::from_utf8(sample.body.clone()).map_err(StoreError::decode)?;
            let insert = query(sql!(
                "INSERT INTO version_samples (account_id, version_id, name, event, settings, expected) VALUES ($1, $2, $3, $4, $5, $6)"
            ));
            let insert = insert.bind(new.account_id).bind(id.as_str()).bind(&sample.name).bind(body);
            Ok(insert.bind(json(&sample.settings)).bind(sample.expected.as_ref().map(json)))
        };
        let samples = new.samples.iter().map(sample).collect::<Result<Vec<_>>>()?;
        let install = self.db.write(|tx| {
            Box::pin(async move {
                transformation.execute(&mut *tx).await?;
                lock.fetch_all::<String>(&mut *tx).await?;
                component.execute(&mut *tx).await?;
                // None where somebody was quicker with the same bytes.
                if insert.execute(&mut *tx).await? > 0 {
                    for sample in samples {
                        sample.execute(&mut *tx).await?;
                    }
                }
                select.fetch_one::<VersionRow>(tx).await
            })
        });
        version(install.await?)
    }

    /// The newest version of a transformation that an account may use: its own, else the house's.
    pub async fn newest_version(&self, account: &str, name: &str) -> Result<Option<Version>> {
        let text = format!(
            "{SELECT_VERSION} WHERE t.account_id IN ($1, $2) AND t.name = $3 ORDER BY CASE WHEN t.account_id = $2 THEN 1 ELSE 0 END, v.number DESC LIMIT 1"
        );
        let row: Option<VersionRow> =
            query(Sql::same(text)).bind(account).bind(HOUSE).bind(name).fetch_optional(&self.db).await?;
        row.map(version).transpose()
    }

    /// The versions that an account may use, its own and the house's, the newest first; those of everybody without one.
    pub async fn versions(&self, account: Option<&AccountId>, limit: u32) -> Result<Vec<Version>> {
        let text = format!(
            "{SELECT_VERSION} WHERE $1 = '' OR v.account_id IN ($1, $2) ORDER BY v.created_at DESC, v.id DESC LIMIT $3"
        );
        let rows: Vec<VersionRow> = query(Sql::same(text))
            .bind(account.map_or("", AccountId::as_str))
            .bind(HOUSE)
            .bind(limit)
            .fetch_all(&self.db)
            .await?;
        rows.into_iter().map(version).collect()
    }

    /// The version with this id.
    pub async fn version_by_id(&self, id: &str) -> Result<Option<Version>> {
        let select = query(Sql::same(format!("{SELECT_VERSION} WHERE v.id = $1"))).bind(id);
        select.fetch_optional::<VersionRow>(&self.db).await?.map(version).transpose()
    }

    /// The version that was made of these bytes under this name.
    pub async fn version_of(&self, account: &str, name: &str, hash: &str) -> Result<Option<Version>> {
        let text = format!("{SELECT_VERSION} WHERE v.account_id = $1 AND t.name = $2 AND v.hash = $3");
        let select = query(Sql::same(text)).bind(account).bind(name).bind(hash);
        select.fetch_optional::<VersionRow>(&self.db).await?.map(version).transpose()
    }

    /// The version of an id or a label, such as `deals@3`, that an account may use: its own, else the house's. A name
    /// alone stands for the newest.
    pub async fn version(&self, account: &str, word: &str) -> Result<Option<Version>> {
        let (name, number) = match word.split_once('@') {
            Some((name, number)) => match number.parse::<i64>() {
                Ok(number) => (name, Some(number)),
                Err(_) => return Ok(None),
            },
            None if word.starts_with("tfv_") => {
                let text = format!("{SELECT_VERSION} WHERE t.account_id IN ($1, $2) AND v.id = $3");
                let query = query(Sql::same(text)).bind(account).bind(HOUSE).bind(word);
                return query.fetch_optional(&self.db).await?.map(version).transpose();
            }
            None => return self.newest_version(account, word).await,
        };
        let text = format!(
            "{SELECT_VERSION} WHERE t.account_id IN ($1, $2) AND t.name = $3 AND v.number = $4 ORDER BY CASE WHEN t.account_id = $2 THEN 1 ELSE 0 END LIMIT 1"
        );
        let query = query(Sql::same(text)).bind(account).bind(HOUSE).bind(name).bind(number);
        query.fetch_optional(&self.db).await?.map(version).transpose()
    }

    /// The version of a word that somebody asks for: as [`Self::version`] where he names an account, else of an id, or of a
    /// label of the house.
    pub async fn find_version(&self, account: Option<&AccountId>, word: &str) -> Result<Option<Version>> {
        match account {
            Some(account) => self.version(account.as_str(), word).await,
            None if word.starts_with("tfv_") => self.version_by_id(word).await,
            None => self.version(HOUSE, word).await,
        }
    }

    /// Whether a version came with Leadline itself.
    pub async fn is_stock(&self, version: &VersionId) -> Result<bool> {
        let found = query(sql!("SELECT id FROM versions WHERE account_id = $1 AND id = $2"));
        Ok(found.bind(HOUSE).bind(version.as_str()).fetch_optional::<String>(&self.db).await?.is_some())
    }

    /// The names of the transformations that an account may use.
    pub async fn transformation_names(&self, account: &str) -> Result<Vec<String>> {
        query(sql!(
            "SELECT DISTINCT t.name FROM transformations AS t WHERE t.account_id IN ($1, $2) AND EXISTS (SELECT 1 FROM versions AS v
               WHERE v.account_id = t.account_id AND v.transformation_id = t.id AND v.deleted_at IS NULL) ORDER BY t.name"
        ))
        .bind(account)
        .bind(HOUSE)
        .fetch_all(&self.db)
        .await
    }

    /// The versions of a transformation that an account, or the house, owns; the newest first.
    pub async fn versions_of(&self, owner: &str, name: &str) -> Result<Vec<Version>> {
        let text = format!("{SELECT_VERSION} WHERE v.account_id = $1 AND t.name = $2 ORDER BY v.number DESC");
        let rows: Vec<VersionRow> = query(Sql::same(text)).bind(owner).bind(name).fetch_all(&self.db).await?;
        rows.into_iter().map(version).collect()
    }

    /// Takes versions out, all or none of them. Their rows stay, since leads and the history name them; their bytes and
    /// samples go. One that decides about leads, or that a rollback goes back to, is needed.
    pub async fn take_out(&self, versions: &[VersionId], by: &str, now: Timestamp) -> Result<TakenOut> {
        let (versions, by) = (versions.to_vec(), by.to_owned());
        let take_out = self.db.write(move |tx| {
            Box::pin(async move {
                for version in &versions {
                    // Whoever binds it meanwhile is waited for, and then seen.
                    let lock = query(sql!(
                        "SELECT id FROM versions WHERE id = $1 AND deleted_at IS NULL" on(sqlite: "", postgres: " FOR UPDATE")
                    ));
                    if lock.bind(version.as_str()).fetch_all::<String>(&mut *tx).await?.is_empty() {
                        return Ok(TakenOut::Gone);
                    }
                    let holds: Vec<(String, i64)> = holds(version).fetch_all(&mut *tx).await?;
                    if !holds.is_empty() {
                        let hold = |(account, used): (String, i64)| Hold { account, is_used: used > 0 };
                        return Ok(TakenOut::Needed(version.clone(), holds.into_iter().map(hold).collect()));
                    }
                }
                for version in &versions {
                    let mark = query(sql!("UPDATE versions SET deleted_at = $2, deleted_by = $3 WHERE id = $1"));
                    mark.bind(version.as_str()).bind(now.0).bind(&by).execute(&mut *tx).await?;
                    let samples = query(sql!("DELETE FROM version_samples WHERE version_id = $1"));
                    samples.bind(version.as_str()).execute(&mut *tx).await?;
                    let bytes = query(sql!(
                        "DELETE FROM components WHERE (account_id, hash) IN (SELECT v.account_id, v.hash FROM versions AS v WHERE v.id = $1)
                           AND NOT EXISTS (SELECT 1 FROM versions AS o WHERE o.account_id = components.account_id
                             AND o.hash = components.hash AND o.deleted_at IS NULL)"
                    ));
                    bytes.bind(version.as_str()).execute(&mut *tx).await?;
                }
                Ok(TakenOut::Done)
            })
        });
        take_out.await
    }

    /// What a connection uses now, by event type; where a version is tried on a share, what takes the rest too.
    pub async fn bound(&self, connection: &Connection) -> Result<Vec<Bound>> {
        let rows: Vec<(String, i64, String, String, String)> = query(sql!(
            "SELECT t.name, v.number, b.event_type, v.manifest, b.settings FROM bindings AS f
             JOIN bindings AS b ON b.account_id = f.account_id AND b.connection_id = f.connection_id AND b.event_type = f.event_type
               AND ((b.id = f.id AND f.share > 0) OR (f.share < 100 AND b.id = f.before_id))
             JOIN versions AS v ON v.account_id = b.version_account_id AND v.id = b.version_id
             JOIN transformations AS t ON t.account_id = v.account_id AND t.id = v.transformation_id
             WHERE f.account_id = $1 AND f.connection_id = $2 AND " is_newest!("f") " ORDER BY b.event_type, b.id DESC"
        ))
        .bind(connection.account_id.as_str())
        .bind(connection.id.as_str())
        .fetch_all(&self.db)
        .await?;
        let bound = |(name, number, event_type, manifest, settings): (String, i64, String, String, String)| {
            let (manifest, settings) = (parse(&manifest)?, parse(&settings)?);
            Ok(Bound { label: format!("{name}@{number}"), event_type, manifest, settings })
        };
        rows.into_iter().map(bound).collect()
    }

    /// Versions that connections use, up to `limit` of them: first those that most of them use, and of these the ones
    /// whose accounts had leads last.
    pub async fn versions_in_use(&self, limit: u32) -> Result<Vec<VersionId>> {
        let ids: Vec<String> = query(sql!(
            "SELECT b.version_id FROM bindings AS f JOIN bindings AS b ON b.account_id = f.account_id
               AND b.connection_id = f.connection_id AND b.event_type = f.event_type
               AND ((b.id = f.id AND f.share > 0) OR (f.share < 100 AND b.id = f.before_id))
             JOIN lanes AS l ON l.account_id = b.account_id AND l.id = b.account_id
             WHERE " is_newest!("f") "
             GROUP BY b.version_id ORDER BY count(DISTINCT b.connection_id) DESC, max(l.served_at) DESC, b.version_id LIMIT $1"
        ))
        .bind(limit)
        .fetch_all(&self.db)
        .await?;
        Ok(ids.into_iter().map(VersionId::stored).collect())
    }

    /// The samples that came with a version, by name.
    pub async fn samples(&self, version: &VersionId) -> Result<Vec<Sample>> {
        let rows: Vec<(String, String, String, Option<String>)> = query(sql!(
            "SELECT s.name, s.event, s.settings, s.expected FROM versions AS v JOIN version_samples AS s
               ON s.account_id = v.account_id AND s.version_id = v.id WHERE v.id = $1 ORDER BY s.name"
        ))
        .bind(version.as_str())
        .fetch_all(&self.db)
        .await?;
        let sample = |(name, body, settings, expected): (String, String, String, Option<String>)| {
            let expected = expected.as_deref().map(parse).transpose()?;
            Ok(Sample { name, body: body.into_bytes(), settings: parse(&settings)?, expected })
        };
        rows.into_iter().map(sample).collect()
    }

    /// Those of these hashes that are no stored version's.
    pub async fn hashes_of_none(&self, hashes: Vec<String>) -> Result<Vec<String>> {
        let select = query(sql!("SELECT DISTINCT hash FROM versions WHERE deleted_at IS NULL AND hash IN " list("$1")));
        let known: Vec<String> = select.bind(Rows::of(&hashes)).fetch_all(&self.db).await?;
        Ok(hashes.into_iter().filter(|hash| !known.contains(hash)).collect())
    }

    /// The hash of a version's component.
    pub async fn component_hash(&self, version: &VersionId) -> Result<Option<String>> {
        query(sql!("SELECT hash FROM versions WHERE id = $1")).bind(version.as_str()).fetch_optional(&self.db).await
    }

    /// The bytes of a version's component.
    pub async fn component(&self, version: &VersionId) -> Result<Option<Vec<u8>>> {
        query(sql!("SELECT c.bytes FROM versions AS v JOIN components AS c ON c.account_id = v.account_id AND c.hash = v.hash WHERE v.id = $1"))
        .bind(version.as_str()).fetch_optional(&self.db).await
    }
}

/// The accounts in which a version decides about leads, or is what a rollback goes back to.
fn holds(version: &VersionId) -> Query {
    query(sql!(
        "SELECT a.slug, CAST(max(CASE WHEN b.id = f.id OR f.share < 100 THEN 1 ELSE 0 END) AS bigint) FROM bindings AS f
         JOIN bindings AS b ON b.account_id = f.account_id AND b.connection_id = f.connection_id
           AND b.event_type = f.event_type AND ((b.id = f.id AND (f.share > 0 OR f.before_id IS NOT NULL)) OR b.id = f.before_id)
         JOIN accounts AS a ON a.id = f.account_id
         WHERE b.version_id = $1 AND " is_newest!("f") " GROUP BY a.slug ORDER BY a.slug"
    ))
    .bind(version.as_str())
}
