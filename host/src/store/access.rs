//! Who is known: people, keys of programs, links that sign somebody in, and the sessions of browsers. Every secret comes
//! in as its hash.

use serde::Serialize;

use super::{HOUSE, Result, Store, alerts, json, parse, query, sql, word};
use crate::model;
use crate::model::access::{Reach, Right, Role};
use crate::model::id::{AccountId, ApiKeyId, PersonId, SessionId};
use crate::model::time::Timestamp;

/// Somebody who may sign in.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Person {
    pub id: PersonId,
    /// None for one of the house.
    pub account_id: Option<AccountId>,
    /// In lower case.
    pub email: String,
    pub name: String,
    pub role: Role,
    pub created_by: String,
    pub created_at: Timestamp,
}

impl Person {
    /// What the history tells of them.
    pub fn told(&self) -> serde_json::Value {
        serde_json::json!({ "email": self.email, "name": self.name, "role": self.role })
    }
}

/// A key by which a program is known.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ApiKey {
    pub id: ApiKeyId,
    /// None where it reaches all accounts.
    pub account_id: Option<AccountId>,
    pub name: String,
    pub rights: Vec<Right>,
    pub created_by: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// To within some minutes.
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

/// A link that signs its bearer in, once.
#[derive(Clone, Debug)]
pub struct SignInLink {
    pub reach: Reach,
    pub name: String,
    pub role: Role,
    /// How long the session lives that it begins, in milliseconds.
    pub session_ms: i64,
    pub is_embedded: bool,
    pub expires_at: Timestamp,
    pub created_by: String,
}

/// A browser in which somebody is signed in.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Session)]
pub struct StoredSession {
    pub id: SessionId,
    /// None for one of the house.
    pub account_id: Option<AccountId>,
    pub name: String,
    pub role: Role,
    pub is_embedded: bool,
    pub agent: String,
    pub created_at: Timestamp,
    /// To within some minutes.
    pub seen_at: Timestamp,
    pub expires_at: Timestamp,
}

/// The text that stands for a reach in a key.
fn owner(reach: &Reach) -> &str {
    match reach {
        Reach::All => HOUSE,
        Reach::One(account) => account.as_str(),
    }
}

fn account_of(owner: String) -> Option<AccountId> {
    (owner != HOUSE).then(|| AccountId::stored(owner))
}

fn reach_of(owner: String) -> Reach {
    account_of(owner).map_or(Reach::All, Reach::One)
}

type PersonRow = (String, String, String, String, String, String, i64);

fn person((account, id, email, name, role, created_by, created_at): PersonRow) -> Result<Person> {
    Ok(Person {
        id: PersonId::stored(id),
        account_id: account_of(account),
        email,
        name,
        role: word(&role)?,
        created_by,
        created_at: Timestamp(created_at),
    })
}

type KeyRow = (String, String, String, String, String, i64, Option<i64>, Option<i64>, Option<i64>);

fn api_key(row: KeyRow) -> Result<ApiKey> {
    let (account, id, name, rights, created_by, created_at, expires_at, last_used_at, revoked_at) = row;
    Ok(ApiKey {
        id: ApiKeyId::stored(id),
        account_id: account_of(account),
        name,
        rights: parse(&rights)?,
        created_by,
        created_at: Timestamp(created_at),
        expires_at: expires_at.map(Timestamp),
        last_used_at: last_used_at.map(Timestamp),
        revoked_at: revoked_at.map(Timestamp),
    })
}

type SessionRow = (String, String, String, String, i64, String, i64, i64, i64);

fn session(row: SessionRow) -> Result<StoredSession> {
    let (account, id, name, role, is_embedded, agent, created_at, seen_at, expires_at) = row;
    Ok(StoredSession {
        id: SessionId::stored(id),
        account_id: account_of(account),
        name,
        role: word(&role)?,
        is_embedded: is_embedded != 0,
        agent,
        created_at: Timestamp(created_at),
        seen_at: Timestamp(seen_at),
        expires_at: Timestamp(expires_at),
    })
}

macro_rules! key_columns {
    () => {
        "SELECT account_id, id, name, rights, created_by, created_at, expires_at, last_used_at, revoked_at FROM api_keys"
    };
}

macro_rules! session_columns {
    () => {
        "SELECT account_id, id, name, role, is_embedded, agent, created_at, seen_at, expires_at FROM sessions"
    };
}

impl Store {
    /// Keeps somebody who may sign in, or gives the one of this address another name or role.
    pub async fn save_person(&self, reach: &Reach, person: &Person) -> Result<()> {
        let save = query(sql!(
            "INSERT INTO people (account_id, id, email, name, role, created_by, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (account_id, email) DO UPDATE SET name = excluded.name, role = excluded.role"
        ))
        .bind(owner(reach))
        .bind(person.id.as_str())
        .bind(&person.email)
        .bind(&person.name)
        .bind(model::word(&person.role))
        .bind(&person.created_by)
        .bind(person.created_at.0);
        match reach.account() {
            Some(account) => {
                self.db.execute_all([save, alerts::wake(account.as_str(), person.created_at)]).await.map(drop)
            }
            None => save.execute(&self.db).await.map(drop),
        }
    }

    /// Everybody who may sign in to an account, or of the house.
    pub async fn people(&self, reach: &Reach) -> Result<Vec<Person>> {
        let rows: Vec<PersonRow> = query(sql!(
            "SELECT account_id, id, email, name, role, created_by, created_at FROM people WHERE account_id = $1 ORDER BY email"
        ))
        .bind(owner(reach))
        .fetch_all(&self.db)
        .await?;
        rows.into_iter().map(person).collect()
    }

    /// Everybody with this address: one person may look after several accounts.
    pub async fn people_of_email(&self, email: &str) -> Result<Vec<Person>> {
        let rows: Vec<PersonRow> = query(sql!(
            "SELECT account_id, id, email, name, role, created_by, created_at FROM people WHERE email = $1 ORDER BY account_id"
        ))
        .bind(email)
        .fetch_all(&self.db)
        .await?;
        rows.into_iter().map(person).collect()
    }

    /// Takes somebody out, with the sessions that run in the name. Says whether there was such a person.
    pub async fn remove_person(&self, reach: &Reach, person: &Person) -> Result<bool> {
        let sessions = query(sql!("DELETE FROM sessions WHERE account_id = $1 AND name = $2"));
        let links = query(sql!("DELETE FROM sign_in_links WHERE account_id = $1 AND name = $2"));
        let gone = query(sql!("DELETE FROM people WHERE account_id = $1 AND id = $2"));
        let done = self.db.execute_all([
            sessions.bind(owner(reach)).bind(&person.email),
            links.bind(owner(reach)).bind(&person.email),
            gone.bind(owner(reach)).bind(person.id.as_str()),
        ]);
        Ok(done.await?.last().is_some_and(|rows| *rows > 0))
    }

    /// Keeps a new key.
    pub async fn insert_api_key(&self, reach: &Reach, key: &ApiKey, hash: &str) -> Result<()> {
        query(sql!(
            "INSERT INTO api_keys (account_id, id, hash, name, rights, created_by, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        ))
        .bind(owner(reach))
        .bind(key.id.as_str())
        .bind(hash)
        .bind(&key.name)
        .bind(json(&key.rights))
        .bind(&key.created_by)
        .bind(key.created_at.0)
        .bind(key.expires_at.map(|at| at.0))
        .execute(&self.db)
        .await
        .map(drop)
    }

    /// The keys of an account, or those that reach all, newest first; the revoked ones too.
    pub async fn api_keys(&self, reach: &Reach) -> Result<Vec<ApiKey>> {
        let rows: Vec<KeyRow> = query(sql!(key_columns!() " WHERE account_id = $1 ORDER BY id DESC"))
            .bind(owner(reach))
            .fetch_all(&self.db)
            .await?;
        rows.into_iter().map(api_key).collect()
    }

    /// The key of a hash, revoked or not.
    pub async fn api_key(&self, hash: &str) -> Result<Option<ApiKey>> {
        let row: Option<KeyRow> =
            query(sql!(key_columns!() " WHERE hash = $1")).bind(hash).fetch_optional(&self.db).await?;
        row.map(api_key).transpose()
    }

    /// Notes that a key was used, unless that was noted since `unless_since`.
    pub async fn api_key_used(&self, key: &ApiKey, unless_since: Timestamp, now: Timestamp) -> Result<()> {
        if key.last_used_at.is_some_and(|at| at >= unless_since) {
            return Ok(());
        }
        query(sql!("UPDATE api_keys SET last_used_at = $3 WHERE account_id = $1 AND id = $2"))
            .bind(key.account_id.as_ref().map_or(HOUSE, AccountId::as_str))
            .bind(key.id.as_str())
            .bind(now.0)
            .execute(&self.db)
            .await
            .map(drop)
    }

    /// Revokes a key. Says whether there was one that opened something.
    pub async fn revoke_api_key(&self, reach: &Reach, id: &str, now: Timestamp) -> Result<bool> {
        let revoke =
            query(sql!("UPDATE api_keys SET revoked_at = $3 WHERE account_id = $1 AND id = $2 AND revoked_at IS NULL"));
        Ok(revoke.bind(owner(reach)).bind(id).bind(now.0).execute(&self.db).await? > 0)
    }

    /// Keeps a link.
    pub async fn insert_sign_in_link(&self, link: &SignInLink, hash: &str) -> Result<()> {
        let insert = query(sql!(
            "INSERT INTO sign_in_links (account_id, hash, name, role, session_ms, is_embedded, expires_at, created_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        ))
        .bind(owner(&link.reach))
        .bind(hash)
        .bind(&link.name)
        .bind(model::word(&link.role))
        .bind(link.session_ms)
        .bind(i64::from(link.is_embedded))
        .bind(link.expires_at.0)
        .bind(&link.created_by);
        insert.execute(&self.db).await.map(drop)
    }

    /// Forgets links and sessions that are over. Says whether there were any.
    pub async fn forget_sessions(&self, now: Timestamp) -> Result<bool> {
        let [links, sessions] = [
            query(sql!("DELETE FROM sign_in_links WHERE expires_at < $1")),
            query(sql!("DELETE FROM sessions WHERE expires_at < $1")),
        ];
        let forgotten = self.db.execute_all([links.bind(now.0), sessions.bind(now.0)]).await?;
        Ok(forgotten.iter().any(|rows| *rows > 0))
    }

    /// The link of a hash, as long as it is good.
    pub async fn sign_in_link(&self, hash: &str, now: Timestamp) -> Result<Option<SignInLink>> {
        type Row = (String, String, String, i64, i64, i64, String);
        let row: Option<Row> = query(sql!(
            "SELECT account_id, name, role, session_ms, is_embedded, expires_at, created_by FROM sign_in_links
             WHERE hash = $1 AND used_at IS NULL AND expires_at > $2"
        ))
        .bind(hash)
        .bind(now.0)
        .fetch_optional(&self.db)
        .await?;
        row.map(|(account, name, role, session_ms, is_embedded, expires_at, created_by)| {
            Ok(SignInLink {
                reach: reach_of(account),
                name,
                role: word(&role)?,
                session_ms,
                is_embedded: is_embedded != 0,
                expires_at: Timestamp(expires_at),
                created_by,
            })
        })
        .transpose()
    }

    /// Uses a link up and begins its session, in one commit. Says whether the link was still good.
    pub async fn begin_session(
        &self,
        link_hash: &str,
        session: &StoredSession,
        session_hash: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let account = session.account_id.as_ref().map_or(HOUSE, AccountId::as_str).to_owned();
        let take = query(sql!(
            "UPDATE sign_in_links SET used_at = $2 WHERE hash = $1 AND used_at IS NULL AND expires_at > $2"
        ));
        let take = take.bind(link_hash).bind(now.0);
        let insert = query(sql!(
            "INSERT INTO sessions (account_id, id, hash, name, role, is_embedded, agent, created_at, seen_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)"
        ))
        .bind(&account)
        .bind(session.id.as_str())
        .bind(session_hash)
        .bind(&session.name)
        .bind(model::word(&session.role))
        .bind(i64::from(session.is_embedded))
        .bind(&session.agent)
        .bind(now.0)
        .bind(session.expires_at.0);
        let begin = self.db.write(move |tx| {
            Box::pin(async move {
                if take.execute(&mut *tx).await? == 0 {
                    return Ok(false);
                }
                insert.execute(tx).await?;
                Ok(true)
            })
        });
        begin.await
    }

    /// The session of a hash, as long as it lives.
    pub async fn session(&self, hash: &str, now: Timestamp) -> Result<Option<StoredSession>> {
        let row: Option<SessionRow> = query(sql!(session_columns!() " WHERE hash = $1 AND expires_at > $2"))
            .bind(hash)
            .bind(now.0)
            .fetch_optional(&self.db)
            .await?;
        row.map(session).transpose()
    }

    /// Notes that a session was used, unless that was noted since `unless_since`.
    pub async fn session_seen(&self, session: &StoredSession, unless_since: Timestamp, now: Timestamp) -> Result<()> {
        if session.seen_at >= unless_since {
            return Ok(());
        }
        query(sql!("UPDATE sessions SET seen_at = $3 WHERE account_id = $1 AND id = $2"))
            .bind(session.account_id.as_ref().map_or(HOUSE, AccountId::as_str))
            .bind(session.id.as_str())
            .bind(now.0)
            .execute(&self.db)
            .await
            .map(drop)
    }

    /// The sessions of an account, or of the house, the newest first.
    pub async fn sessions(&self, reach: &Reach, now: Timestamp) -> Result<Vec<StoredSession>> {
        let rows: Vec<SessionRow> =
            query(sql!(session_columns!() " WHERE account_id = $1 AND expires_at > $2 ORDER BY id DESC"))
                .bind(owner(reach))
                .bind(now.0)
                .fetch_all(&self.db)
                .await?;
        rows.into_iter().map(session).collect()
    }

    /// Ends a session. Says whether there was one.
    pub async fn end_session(&self, reach: &Reach, id: &str) -> Result<bool> {
        let end = query(sql!("DELETE FROM sessions WHERE account_id = $1 AND id = $2"));
        Ok(end.bind(owner(reach)).bind(id).execute(&self.db).await? > 0)
    }
}
