//! Connections: an account's portals, their tokens, which event types they take, and which version each uses.

use secrecy::{ExposeSecret, SecretString};

use super::accounts::insert_lane;
use super::{Query, Result, Store, alerts, bindings, json, parse, query, sql, word};
use crate::model;
use crate::model::account::{Agreement, Auth, Connection, ConnectionState, Policy, PortalDetails};
use crate::model::id::{AccountId, ConnectionId};
use crate::model::lane::LaneKind;
use crate::model::time::Timestamp;
use crate::route::{Routing, Subscription};

fn place(id: &ConnectionId, column: &str) -> String {
    format!("connections/{id}/{column}")
}

/// What a connection is made of.
pub struct NewConnection<'a> {
    pub account: &'a AccountId,
    pub portal_id: i64,
    pub api_version: &'a str,
    pub auth: Auth,
    pub token: &'a SecretString,
    pub refresh_token: Option<&'a SecretString>,
    pub expires_at: Option<Timestamp>,
    pub scopes: Option<&'a [String]>,
    pub portal: Option<&'a PortalDetails>,
    /// Who connects it, where that is known.
    pub agreed: Option<&'a Agreement>,
}

/// What connecting came to.
#[derive(Debug)]
pub enum Connect {
    Connected(Box<Connection>),
    /// Another account is connected to the portal.
    PortalTaken {
        account: AccountId,
        connection: ConnectionId,
    },
    /// The account is connected to this other portal.
    OtherPortal(i64),
    /// Somebody has deleted the account.
    NoAccount,
}

pub(super) type Row = (
    String,
    String,
    i64,
    String,
    String,
    String,
    Option<i64>,
    Option<String>,
    String,
    Option<String>,
    Option<String>,
    i64,
    i64,
    Option<i64>,
    Option<i64>,
    Option<String>,
    Option<String>,
    String,
);

/// The columns of [`Row`], in one place. The token comes last.
macro_rules! columns {
    () => {
        "account_id, id, portal_id, state, api_version, auth, expires_at, scopes, policy, portal, problem, checked_at, created_at, ends_at, ends_since, ends_waiting, agreed, token"
    };
}

/// A connection of an account.
pub(super) fn find(account: &str, id: &str) -> Query {
    query(sql!("SELECT " columns!() " FROM connections WHERE account_id = $1 AND id = $2")).bind(account).bind(id)
}

fn connection(row: Row) -> Result<Connection> {
    let (
        account_id,
        id,
        portal_id,
        state,
        api_version,
        auth,
        expires_at,
        scopes,
        policy,
        portal,
        problem,
        checked_at,
        created_at,
        ends_at,
        ends_since,
        ends_waiting,
        agreed,
        _,
    ) = row;
    Ok(Connection {
        id: ConnectionId::stored(id),
        account_id: AccountId::stored(account_id),
        portal_id,
        state: word(&state)?,
        api_version,
        auth: word(&auth)?,
        expires_at: expires_at.map(Timestamp),
        scopes: scopes.as_deref().map(parse).transpose()?,
        policy: parse(&policy)?,
        portal: portal.as_deref().map(parse).transpose()?,
        problem: problem.as_deref().map(parse).transpose()?,
        checked_at: Timestamp(checked_at),
        created_at: Timestamp(created_at),
        ends_at: ends_at.map(Timestamp),
        ends_since: ends_since.map(Timestamp),
        ends_waiting: ends_waiting.as_deref().map(word).transpose()?,
        agreed: agreed.as_deref().map(parse).transpose()?,
    })
}

/// What connecting decided inside its transaction.
enum Made {
    Row(Box<Row>),
    Refused(Connect),
}

/// Who is connected to a portal, and what else an account is connected to.
fn others(account: &AccountId, portal_id: i64) -> Query {
    query(sql!(
        "SELECT account_id, id, portal_id, state FROM connections WHERE portal_id = $2
         UNION ALL SELECT account_id, id, portal_id, state FROM connections WHERE account_id = $1 AND portal_id <> $2"
    ))
    .bind(account.as_str())
    .bind(portal_id)
}

/// The connection that the account has to the portal already, or why it may not have one.
fn known(
    others: Vec<(String, String, i64, String)>,
    account: &AccountId,
    wanted: i64,
) -> std::result::Result<Option<ConnectionId>, Connect> {
    let mut known = None;
    for (holder, id, portal_id, state) in others {
        let is_live = state != model::word(&ConnectionState::Disconnected);
        let is_ours = holder == account.as_str();
        if !is_ours && is_live {
            let (account, connection) = (AccountId::stored(holder), ConnectionId::stored(id));
            return Err(Connect::PortalTaken { account, connection });
        }
        if is_ours && portal_id != wanted && is_live {
            return Err(Connect::OtherPortal(portal_id));
        }
        if is_ours && portal_id == wanted {
            known = Some(ConnectionId::stored(id));
        }
    }
    Ok(known)
}

fn upsert() -> Query {
    query(sql!(
        "INSERT INTO connections AS c (account_id, id, portal_id, state, api_version, auth, token, refresh_token, expires_at, scopes, portal, agreed, refreshed_at, created_at)
         VALUES ($1, $2, $3, 'connected', $4, $5, $6, $7, $8, $9, $10, $12, $11, $11)
         ON CONFLICT (account_id, id) DO UPDATE SET state = CASE c.state WHEN 'paused' THEN c.state ELSE excluded.state END,
           auth = excluded.auth, token = excluded.token, refresh_token = excluded.refresh_token,
           expires_at = excluded.expires_at, scopes = excluded.scopes, portal = coalesce(excluded.portal, c.portal), agreed = excluded.agreed,
           problem = NULL, generation = c.generation + 1, refreshed_at = excluded.refreshed_at, retry_after = 0,
           ends_at = NULL, ends_since = NULL, ends_waiting = NULL, ends_from = NULL
         RETURNING " columns!()
    ))
}

impl Store {
    /// Connects an account to a portal, and makes the lane of its deliveries. Where the two were connected before, the
    /// tokens are replaced and everything else stays; a paused connection stays paused.
    pub async fn connect(&self, new: NewConnection<'_>, now: Timestamp) -> Result<Connect> {
        let (account, portal_id) = (new.account.clone(), new.portal_id);
        let keys = self.keys.clone();
        let (token, refresh_token) = (new.token.clone(), new.refresh_token.cloned());
        let others = others(&account, portal_id);
        let (api_version, auth) = (new.api_version.to_owned(), model::word(&new.auth));
        let (expires_at, scopes) = (new.expires_at.map(|at| at.0), new.scopes.map(json));
        let (portal, agreed) = (new.portal.map(json), new.agreed.map(json));
        let there = query(sql!("SELECT id FROM accounts WHERE id = $1" on(sqlite: "", postgres: " FOR SHARE")));
        let there = there.bind(account.as_str());
        let connect = self.db.write(move |tx| {
            Box::pin(async move {
                if there.fetch_optional::<String>(&mut *tx).await?.is_none() {
                    return Ok(Made::Refused(Connect::NoAccount));
                }
                let known = match known(others.fetch_all(&mut *tx).await?, &account, portal_id) {
                    Ok(known) => known,
                    Err(refused) => return Ok(Made::Refused(refused)),
                };
                let is_new = known.is_none();
                let id = known.unwrap_or_else(|| ConnectionId::new(now));
                tx.guard_keys(false).await?;
                let row: Row = upsert()
                    .bind(account.as_str())
                    .bind(id.as_str())
                    .bind(portal_id)
                    .bind(api_version)
                    .bind(auth)
                    .bind(keys.seal(&place(&id, "token"), token.expose_secret()))
                    .bind(refresh_token.map(|token| keys.seal(&place(&id, "refresh_token"), token.expose_secret())))
                    .bind(expires_at)
                    .bind(scopes)
                    .bind(portal)
                    .bind(now.0)
                    .bind(agreed)
                    .fetch_one(&mut *tx)
                    .await?;
                if is_new {
                    insert_lane(&account, id.as_str(), LaneKind::Deliver).execute(&mut *tx).await?;
                }
                alerts::wake(account.as_str(), now).execute(&mut *tx).await?;
                Ok(Made::Row(Box::new(row)))
            })
        });
        match connect.await? {
            Made::Row(row) => Ok(Connect::Connected(Box::new(connection(*row)?))),
            Made::Refused(refused) => Ok(refused),
        }
    }

    /// The connections of an account, or of all; an account's newest first.
    pub async fn connections(&self, account: Option<&AccountId>) -> Result<Vec<Connection>> {
        let rows: Vec<Row> = query(sql!("SELECT " columns!() " FROM connections WHERE $1 IS NULL OR account_id = $1 ORDER BY account_id, id DESC"))
        .bind(account.map(AccountId::as_str))
        .fetch_all(&self.db)
        .await?;
        rows.into_iter().map(connection).collect()
    }

    /// The connection of an account that counts: the live one, else the one that was disconnected last.
    pub async fn connection_of(&self, account: &AccountId) -> Result<Option<Connection>> {
        let connections = self.connections(Some(account)).await?;
        let live = connections.iter().find(|connection| connection.state != ConnectionState::Disconnected);
        Ok(live.or(connections.first()).cloned())
    }

    /// A connection and its token, for a round of its lane. One that was disconnected has an empty token.
    ///
    /// # Errors
    /// The database's, and when the token cannot be opened with the key ring.
    pub async fn connection_with_token(
        &self,
        account: &AccountId,
        id: &str,
    ) -> anyhow::Result<Option<(Connection, SecretString)>> {
        let row: Option<Row> = find(account.as_str(), id).fetch_optional(&self.db).await?;
        row.map(|row| self.opened(row)).transpose()
    }

    /// The connection of a row, and its token.
    pub(super) fn opened(&self, row: Row) -> anyhow::Result<(Connection, SecretString)> {
        let sealed = row.17.clone();
        let connection = connection(row)?;
        let token = self.open_token(&connection.id, "token", &sealed)?;
        Ok((connection, token))
    }

    /// What `sealed` holds; nothing where a connection has given up its tokens.
    pub(super) fn open_token(&self, id: &ConnectionId, column: &str, sealed: &str) -> anyhow::Result<SecretString> {
        if sealed.is_empty() {
            return Ok(SecretString::from(""));
        }
        let opened = self.keys.open(&place(id, column), sealed);
        opened.map_err(|error| anyhow::anyhow!("the {column} of connection `{id}` cannot be read: {error}"))
    }

    pub(super) fn seal_token(&self, id: &ConnectionId, column: &str, token: &SecretString) -> String {
        self.keys.seal(&place(id, column), token.expose_secret())
    }

    /// The connection of an id.
    pub async fn connection(&self, id: &str) -> Result<Option<Connection>> {
        let row: Option<Row> = query(sql!("SELECT " columns!() " FROM connections WHERE id = $1"))
            .bind(id)
            .fetch_optional(&self.db)
            .await?;
        row.map(connection).transpose()
    }

    /// The connection that a portal belongs to; none where nobody is connected to it.
    pub async fn connection_of_portal(&self, portal_id: i64) -> Result<Option<Connection>> {
        let row: Option<Row> =
            query(sql!("SELECT " columns!() " FROM connections WHERE portal_id = $1 AND state <> 'disconnected'"))
                .bind(portal_id)
                .fetch_optional(&self.db)
                .await?;
        row.map(connection).transpose()
    }

    /// Keeps what HubSpot said of a portal.
    pub async fn keep_details(&self, connection: &Connection, details: &PortalDetails) -> Result<()> {
        query(sql!("UPDATE connections SET portal = $3 WHERE account_id = $1 AND id = $2"))
            .bind(connection.account_id.as_str())
            .bind(connection.id.as_str())
            .bind(json(details))
            .execute(&self.db)
            .await
            .map(drop)
    }

    /// Moves a connection from one state to another; false when it is not in that state.
    pub async fn move_connection(
        &self,
        connection: &Connection,
        from: ConnectionState,
        to: ConnectionState,
    ) -> Result<bool> {
        let done = query(sql!("UPDATE connections SET state = $4 WHERE account_id = $1 AND id = $2 AND state = $3"))
            .bind(connection.account_id.as_str())
            .bind(connection.id.as_str())
            .bind(model::word(&from))
            .bind(model::word(&to))
            .execute(&self.db)
            .await?;
        Ok(done > 0)
    }

    /// Says how leads are written from now on, and with which version of HubSpot's API, if both are still as `connection`
    /// says. False: somebody was quicker.
    pub async fn set_policy(&self, connection: &Connection, policy: &Policy, api_version: &str) -> Result<bool> {
        let seen = (connection.policy.clone(), connection.api_version.clone());
        let set = query(sql!("UPDATE connections SET policy = $3, api_version = $4 WHERE account_id = $1 AND id = $2"));
        let [now, set] = [
            query(sql!(
                "SELECT policy, api_version FROM connections WHERE account_id = $1 AND id = $2"
                on(sqlite: "", postgres: " FOR UPDATE")
            )),
            set,
        ]
        .map(|query| query.bind(connection.account_id.as_str()).bind(connection.id.as_str()));
        let set = set.bind(json(policy)).bind(api_version);
        let change = self.db.write(move |tx| {
            Box::pin(async move {
                let now: Option<(String, String)> = now.fetch_optional(&mut *tx).await?;
                let Some((policy, api_version)) = now else { return Ok(false) };
                let is_as_seen = (parse::<Policy>(&policy)?, api_version) == seen;
                if is_as_seen {
                    set.execute(tx).await?;
                }
                Ok(is_as_seen)
            })
        });
        change.await
    }

    /// Selects an event type for a connection.
    pub async fn subscribe(&self, connection: &Connection, event_type: &str, now: Timestamp) -> Result<()> {
        query(sql!("INSERT INTO subscriptions (account_id, event_type, connection_id, since) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"))
            .bind(connection.account_id.as_str()).bind(event_type).bind(connection.id.as_str()).bind(now.0)
            .execute(&self.db).await.map(drop)
    }

    /// Takes the selection of an event type back: its events are skipped from now on.
    pub async fn unsubscribe(&self, connection: &Connection, event_type: &str) -> Result<()> {
        query(sql!("DELETE FROM subscriptions WHERE account_id = $1 AND connection_id = $2 AND event_type = $3"))
            .bind(connection.account_id.as_str())
            .bind(connection.id.as_str())
            .bind(event_type)
            .execute(&self.db)
            .await
            .map(drop)
    }

    /// What routing needs to know of an account.
    pub async fn routing(&self, account: &AccountId) -> Result<Routing> {
        let connections = query(sql!("SELECT " columns!() " FROM connections WHERE account_id = $1 ORDER BY id DESC"));
        let subscriptions = query(sql!("SELECT connection_id, event_type FROM subscriptions WHERE account_id = $1"));
        let [connections, subscriptions] = [connections, subscriptions].map(|query| query.bind(account.as_str()));
        let in_force = bindings::in_force(account);
        type Bindings = Vec<bindings::BindingRow>;
        let (connections, subscriptions, in_force): (Vec<Row>, Vec<(String, String)>, Bindings) = self
            .db
            .read(|conn| {
                Box::pin(async move {
                    Ok((
                        connections.fetch_all(&mut *conn).await?,
                        subscriptions.fetch_all(&mut *conn).await?,
                        in_force.fetch_all(conn).await?,
                    ))
                })
            })
            .await?;
        let (bindings, rest) = bindings::bindings(account, in_force);
        let subscription = |(connection_id, event_type)| Subscription {
            connection_id: ConnectionId::stored(connection_id),
            event_type,
        };
        Ok(Routing {
            connections: connections.into_iter().map(connection).collect::<Result<_>>()?,
            subscriptions: subscriptions.into_iter().map(subscription).collect(),
            bindings,
            rest,
        })
    }
}
