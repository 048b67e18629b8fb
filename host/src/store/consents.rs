//! Links that let somebody connect an account, and browsers on their way to HubSpot and back. Of a ticket, a state and
//! a cookie only the hash is here: whoever reads the database can use none of them.

use std::time::Duration;

use serde_json::Value;

use super::{Result, Store, json, parse, query, sql};
use crate::model::account::Agreement;
use crate::model::id::{AccountId, ConnectionId};
use crate::model::time::Timestamp;

/// How long a ticket that is over is remembered, so that its bearer is told so.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// A ticket to be made.
pub struct NewTicket<'a> {
    pub account: &'a AccountId,
    pub hash: &'a str,
    /// Only the portal of this connection will do.
    pub connection: Option<&'a ConnectionId>,
    /// Names of features to ask permission for, beside those in use.
    pub wishes: &'a [String],
    /// Name and settings to begin with.
    pub transformation: Option<(&'a str, &'a Value)>,
    /// Who makes it.
    pub asked: Option<&'a Agreement>,
    /// The screen that its bearer goes on to.
    pub back: Option<&'a str>,
    pub expires_at: Timestamp,
}

/// A link that lets its bearer connect one account, once.
#[derive(Clone, Debug)]
pub struct Ticket {
    pub account_id: AccountId,
    pub hash: String,
    pub connection: Option<ConnectionId>,
    pub wishes: Vec<String>,
    pub transformation: Option<(String, Value)>,
    /// Who made it, where that is known.
    pub asked: Option<Agreement>,
    /// The screen that its bearer goes on to, where he may see it.
    pub back: Option<String>,
    pub expires_at: Timestamp,
    /// The connection that it led to.
    pub made: Option<ConnectionId>,
}

/// One browser that was sent to HubSpot.
#[derive(Clone, Debug)]
pub struct Consent {
    pub account_id: AccountId,
    pub state: String,
    pub ticket: String,
    pub browser: String,
    pub expires_at: Timestamp,
    pub used: bool,
}

impl Store {
    /// Keeps a ticket, and forgets old ones of the account.
    pub async fn insert_ticket(&self, new: NewTicket<'_>, now: Timestamp) -> Result<()> {
        let forget = query(sql!("DELETE FROM tickets WHERE account_id = $1 AND expires_at < $2"));
        let insert = query(sql!(
            "INSERT INTO tickets (account_id, hash, connection_id, wishes, transformation, expires_at, asked, back)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        ))
        .bind(new.account.as_str())
        .bind(new.hash)
        .bind(new.connection.map(ConnectionId::as_str))
        .bind(json(new.wishes))
        .bind(new.transformation.as_ref().map(json))
        .bind(new.expires_at.0)
        .bind(new.asked.map(json))
        .bind(new.back);
        let forget = forget.bind(new.account.as_str()).bind((now - REMEMBERED).0);
        self.db.execute_all([forget, insert]).await.map(drop)
    }

    /// The ticket of a hash.
    pub async fn ticket(&self, hash: &str) -> Result<Option<Ticket>> {
        type Text = Option<String>;
        type Row = (String, Text, String, Text, i64, Text, Text, Text);
        let row: Option<Row> = query(sql!(
            "SELECT account_id, connection_id, wishes, transformation, expires_at, made, asked, back FROM tickets WHERE hash = $1"
        ))
        .bind(hash)
        .fetch_optional(&self.db)
        .await?;
        row.map(|(account, connection, wishes, transformation, expires_at, made, asked, back)| {
            Ok(Ticket {
                account_id: AccountId::stored(account),
                hash: hash.to_owned(),
                connection: connection.map(ConnectionId::stored),
                wishes: parse(&wishes)?,
                transformation: transformation.as_deref().map(parse).transpose()?,
                asked: asked.as_deref().map(parse).transpose()?,
                back,
                expires_at: Timestamp(expires_at),
                made: made.map(ConnectionId::stored),
            })
        })
        .transpose()
    }

    /// Uses a ticket up.
    pub async fn use_ticket(&self, ticket: &Ticket, made: &ConnectionId) -> Result<()> {
        query(sql!("UPDATE tickets SET made = $3 WHERE account_id = $1 AND hash = $2"))
            .bind(ticket.account_id.as_str())
            .bind(&ticket.hash)
            .bind(made.as_str())
            .execute(&self.db)
            .await
            .map(drop)
    }

    /// Keeps what a browser was sent to HubSpot with, and forgets what is long over.
    pub async fn insert_consent(&self, consent: &Consent, now: Timestamp) -> Result<()> {
        let forget = query(sql!("DELETE FROM consents WHERE account_id = $1 AND expires_at < $2"));
        let insert = query(sql!(
            "INSERT INTO consents (account_id, state, ticket, browser, expires_at, used) VALUES ($1, $2, $3, $4, $5, 0)"
        ))
        .bind(consent.account_id.as_str())
        .bind(&consent.state)
        .bind(&consent.ticket)
        .bind(&consent.browser)
        .bind(consent.expires_at.0);
        let forget = forget.bind(consent.account_id.as_str()).bind((now - REMEMBERED).0);
        self.db.execute_all([forget, insert]).await.map(drop)
    }

    /// The consent of a state's hash.
    pub async fn consent(&self, state: &str) -> Result<Option<Consent>> {
        let row: Option<(String, String, String, i64, i64)> =
            query(sql!("SELECT account_id, ticket, browser, expires_at, used FROM consents WHERE state = $1"))
                .bind(state)
                .fetch_optional(&self.db)
                .await?;
        Ok(row.map(|(account, ticket, browser, expires_at, used)| Consent {
            account_id: AccountId::stored(account),
            state: state.to_owned(),
            ticket,
            browser,
            expires_at: Timestamp(expires_at),
            used: used != 0,
        }))
    }

    /// Uses a consent up; false when somebody did already.
    pub async fn use_consent(&self, consent: &Consent) -> Result<bool> {
        let done = query(sql!("UPDATE consents SET used = 1 WHERE account_id = $1 AND state = $2 AND used = 0"))
            .bind(consent.account_id.as_str())
            .bind(&consent.state)
            .execute(&self.db)
            .await?;
        Ok(done > 0)
    }
}
