//! Connecting by consent: a link for whoever may agree, a way to HubSpot and back, and what comes of it. The browser
//! carries three secrets: the ticket in the link, the state in the address, and a cookie that ties the state to this
//! browser. Here are only their hashes.

mod stop;

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::scopes::{self, Feature, MissingScope, Permission};
use super::standing::{self, Unsent};
use super::{UseError, bind_default, choose, ending, take_in, use_transformation};
use crate::digest::{random_text, sha256_hex};
use crate::hubspot::{self, API_VERSION, HubSpot, Portal, TokenFailure, Tokens};
use crate::model::access::Actor;
use crate::model::account::{Account, Agreed, Agreement, Auth, Connection, PortalDetails};
use crate::model::id::ConnectionId;
use crate::model::time::Timestamp;
use crate::store::{self, Consent, NewConnection, NewTicket, NewTokens, Store, Ticket};
pub use stop::{Stop, Words};

/// How long a link is good: an admin has to be found, who then needs a minute.
pub const LINK_LIFE: Duration = Duration::from_secs(3600);
/// How long somebody may take at HubSpot.
pub const CONSENT_LIFE: Duration = Duration::from_secs(600);

/// What a link is for.
#[derive(Default)]
pub struct Wish<'a> {
    /// Only the portal of this connection will do.
    pub connection: Option<&'a Connection>,
    /// To ask permission for, beside what is in use.
    pub features: &'a [Feature],
    /// Name and settings of what leads are to go through; checked by [`choose`].
    pub transformation: Option<(&'a str, &'a Value)>,
    /// Who makes it, and how.
    pub asked: Option<Agreement>,
    /// The screen to go on to afterwards, for who is signed in.
    pub back: Option<&'a str>,
}

/// A link, as it is handed out once.
pub struct Invitation {
    pub ticket: SecretString,
    pub expires_at: Timestamp,
}

impl Invitation {
    /// The address for the person who may agree.
    pub fn link(&self, public_url: &str) -> String {
        format!("{public_url}/connect/{}", self.ticket.expose_secret())
    }
}

/// Makes a link that lets its bearer connect an account, once.
///
/// # Errors
/// The store's.
pub async fn invite(store: &Store, account: &Account, wish: Wish<'_>, now: Timestamp) -> store::Result<Invitation> {
    let (ticket, expires_at) = (random_text(), now + LINK_LIFE);
    let wishes: Vec<_> = wish.features.iter().map(crate::model::word).collect();
    let new = NewTicket {
        account: &account.id,
        hash: &sha256_hex(ticket.as_bytes()),
        connection: wish.connection.map(|connection| &connection.id),
        wishes: &wishes,
        transformation: wish.transformation,
        asked: wish.asked.as_ref(),
        back: wish.back,
        expires_at,
    };
    store.insert_ticket(new, now).await?;
    Ok(Invitation { ticket: ticket.into(), expires_at })
}

/// The connection that an invitation led to, once it did.
///
/// # Errors
/// The store's.
pub async fn outcome(store: &Store, invitation: &Invitation) -> store::Result<Option<ConnectionId>> {
    let ticket = store.ticket(&sha256_hex(invitation.ticket.expose_secret().as_bytes())).await?;
    Ok(ticket.and_then(|ticket| ticket.made))
}

/// How far a link has come.
pub enum LinkState {
    /// Nobody has used it yet.
    Waiting {
        until: Timestamp,
    },
    Used,
    Over,
}

/// How far a link of an account has come; none where it is no link of that account.
///
/// # Errors
/// The store's.
pub async fn link_state(
    store: &Store,
    account: &Account,
    ticket: &str,
    now: Timestamp,
) -> store::Result<Option<LinkState>> {
    let ticket = store.ticket(&sha256_hex(ticket.as_bytes())).await?.filter(|ticket| ticket.account_id == account.id);
    Ok(ticket.map(|ticket| match ticket.made {
        Some(_) => LinkState::Used,
        None if ticket.expires_at <= now => LinkState::Over,
        None => LinkState::Waiting { until: ticket.expires_at },
    }))
}

/// What a link stands for.
pub struct Invited {
    pub account: Account,
    /// The portal that has to be chosen; none where any will do.
    pub portal: Option<i64>,
    /// What is asked for: always, and for what the account uses.
    pub required: Vec<Permission>,
    pub optional: Vec<Permission>,
    ticket: Ticket,
}

/// What the link's page shows.
///
/// # Errors
/// [`Stop`].
pub async fn look(store: &Store, ticket: &str, now: Timestamp) -> Result<Invited, Stop> {
    let ticket = store.ticket(&sha256_hex(ticket.as_bytes())).await?.ok_or(Stop::UnknownLink)?;
    if let Some(made) = &ticket.made {
        let portal = store.connection(made.as_str()).await?.map(|connection| connection.portal_id);
        return Err(Stop::LinkUsed { portal });
    }
    if ticket.expires_at <= now {
        return Err(Stop::LinkExpired);
    }
    invited(store, ticket).await
}

async fn invited(store: &Store, ticket: Ticket) -> Result<Invited, Stop> {
    let account = store.account(ticket.account_id.as_str()).await?.ok_or(Stop::UnknownLink)?;
    let wanted = match &ticket.connection {
        Some(id) => store.connection(id.as_str()).await?,
        None => None,
    };
    let connections = store.connections(Some(&account.id)).await?;
    let mut bound = Vec::new();
    for connection in &connections {
        bound.extend(store.bound(connection).await?.into_iter().map(|bound| (bound.manifest, bound.settings)));
    }
    if let Some((name, settings)) = &ticket.transformation {
        let (_, manifest, settings) = choose(store, &account, name, settings.clone()).await.map_err(ours)?;
        bound.push((manifest, settings));
    }
    let mut features = scopes::needs(&bound);
    let wished = |feature: &Feature| ticket.wishes.contains(&crate::model::word(feature));
    features.extend(Feature::ALL.into_iter().filter(wished));
    let mut optional = scopes::permissions(&features);
    // What was granted before is asked for again: a consent says all that the app may do from then on.
    let granted = connections.iter().find_map(|connection| connection.scopes.as_ref());
    let had = |permission: &Permission| granted.into_iter().flatten().any(|scope| scope == permission.scope);
    let before: Vec<_> = scopes::PERMISSIONS.into_iter().filter(had).filter(|had| !optional.contains(had)).collect();
    optional.extend(before);
    let required = scopes::required();
    optional.retain(|permission| !required.contains(permission));
    Ok(Invited { account, portal: wanted.map(|connection| connection.portal_id), required, optional, ticket })
}

/// A browser that leaves for HubSpot: where to, and the cookie that it brings back.
pub struct Departure {
    pub address: String,
    pub cookie_name: String,
    pub cookie: String,
}

/// Sends a browser to HubSpot's consent page.
///
/// # Errors
/// [`Stop`].
pub async fn depart(store: &Store, hubspot: &HubSpot, ticket: &str, now: Timestamp) -> Result<Departure, Stop> {
    let invited = look(store, ticket, now).await?;
    let app = hubspot.app().ok_or(Stop::NoApp)?;
    let (state, browser) = (random_text(), random_text());
    let consent = Consent {
        account_id: invited.account.id.clone(),
        state: sha256_hex(state.as_bytes()),
        ticket: invited.ticket.hash,
        browser: sha256_hex(browser.as_bytes()),
        expires_at: now + CONSENT_LIFE,
        used: false,
    };
    store.insert_consent(&consent, now).await?;
    let names = |permissions: &[Permission]| permissions.iter().map(|one| one.scope).collect::<Vec<_>>();
    Ok(Departure {
        address: app.consent_address(&names(&invited.required), &names(&invited.optional), &state),
        cookie_name: cookie_name(&consent.state),
        cookie: format!("{browser}.{ticket}"),
    })
}

/// What HubSpot sends a browser back with. Does not print its secrets.
pub struct Arrival {
    pub state: Option<String>,
    pub code: Option<SecretString>,
    /// The person, or HubSpot, said no.
    pub is_error: bool,
    /// Who is signed in here in that browser, if anybody.
    pub actor: Option<Actor>,
}

/// A connection that was just made.
pub struct Arrived {
    pub account: Account,
    pub connection: Connection,
    /// What new leads go through.
    pub transformations: Vec<String>,
    pub missing: Vec<MissingScope>,
    /// Leads that came while the account was not connected, and can be sent now.
    pub unsent: Vec<Unsent>,
    /// The screen to go on to, for who is signed in.
    pub back: Option<String>,
}

/// Takes in a browser that comes back from HubSpot. `cookie` finds one of its cookies. Beside the reason for a stop
/// comes the ticket, where the browser may go back to the link.
///
/// # Errors
/// [`Stop`].
pub async fn arrive(
    store: &Store,
    hubspot: &HubSpot,
    arrival: Arrival,
    cookie: impl Fn(&str) -> Option<String>,
    now: Timestamp,
) -> Result<Arrived, (Stop, Option<String>)> {
    let without = |stop: Stop| (stop, None);
    let state = arrival.state.as_ref().ok_or_else(|| without(Stop::Stray))?;
    let found = store.consent(&sha256_hex(state.as_bytes())).await.map_err(|error| without(error.into()))?;
    let consent = found.ok_or_else(|| without(Stop::Stray))?;
    let brought = cookie(&cookie_name(&consent.state)).unwrap_or_default();
    let (browser, ticket) = brought.split_once('.').unwrap_or_default();
    if sha256_hex(browser.as_bytes()) != consent.browser {
        return Err(without(Stop::OtherBrowser));
    }
    let back = Some(ticket).filter(|ticket| sha256_hex(ticket.as_bytes()) == consent.ticket).map(str::to_owned);
    arrive_known(store, hubspot, arrival, consent, now).await.map_err(|stop| (stop, back))
}

async fn arrive_known(
    store: &Store,
    hubspot: &HubSpot,
    arrival: Arrival,
    consent: Consent,
    now: Timestamp,
) -> Result<Arrived, Stop> {
    let ticket = store.ticket(&consent.ticket).await?.ok_or(Stop::UnknownLink)?;
    if let Some(made) = &ticket.made {
        let portal = store.connection(made.as_str()).await?.map(|connection| connection.portal_id);
        return Err(Stop::LinkUsed { portal });
    }
    if !store.use_consent(&consent).await? {
        return Err(Stop::CameTwice);
    }
    if consent.expires_at <= now {
        return Err(Stop::TookTooLong);
    }
    let code = arrival.code.as_ref().filter(|_| !arrival.is_error).ok_or(Stop::Declined)?;
    let app = hubspot.app().ok_or(Stop::NoApp)?;
    let tokens = hubspot.exchange_code(app, code).await.map_err(|failure| match failure {
        TokenFailure::Revoked(_) => Stop::CodeRefused,
        TokenFailure::Away { .. } => Stop::Away,
        TokenFailure::Misconfigured(problem) => {
            tracing::error!(code = %problem.code, "nobody can connect: {problem}; {}", problem.code.fix());
            Stop::Misconfigured
        }
    })?;
    let portal = Portal { token: tokens.access.clone(), api_version: API_VERSION.to_owned() };
    let reply = hubspot.send(&portal, &hubspot::details(API_VERSION)).await;
    // Without its details a portal can be connected all the same; they are read at the next check.
    let details = reply.success().and_then(hubspot::read_details);
    let portal_id = tokens.portal_id.or(details.as_ref().map(|(id, _)| *id)).ok_or(Stop::Away)?;
    let invited = match invited(store, ticket).await {
        // Somebody has deleted the account meanwhile.
        Err(Stop::UnknownLink) => {
            turn_away(store, hubspot, portal_id, &tokens, now).await?;
            return Err(Stop::UnknownLink);
        }
        invited => invited?,
    };
    if let Some(wanted) = invited.portal.filter(|wanted| *wanted != portal_id) {
        turn_away(store, hubspot, portal_id, &tokens, now).await?;
        return Err(Stop::WrongPortal { wanted, found: portal_id });
    }
    let agreed = agreed(&invited, arrival.actor.as_ref(), now);
    connect(store, hubspot, invited, (portal_id, details.map(|(_, details)| details)), (&tokens, agreed), now).await
}

/// Who agreed: the one who is signed in, else whoever had the link.
fn agreed(invited: &Invited, actor: Option<&Actor>, now: Timestamp) -> Option<Agreement> {
    if let Some(actor) = actor.filter(|actor| actor.reaches(&invited.account.id)) {
        return Some(Agreement::new(&actor.name, Agreed::Person, now));
    }
    let asked = invited.ticket.asked.clone()?;
    let how = match asked.how {
        // The address of the page was handed on.
        Agreed::Person | Agreed::Link => Agreed::Link,
        how @ (Agreed::Terminal | Agreed::Api) => how,
    };
    Some(Agreement::new(asked.by, how, now))
}

async fn connect(
    store: &Store,
    hubspot: &HubSpot,
    invited: Invited,
    (portal_id, details): (i64, Option<PortalDetails>),
    (tokens, agreed): (&Tokens, Option<Agreement>),
    now: Timestamp,
) -> Result<Arrived, Stop> {
    let Invited { account, ticket, .. } = invited;
    let new = NewConnection {
        account: &account.id,
        portal_id,
        api_version: API_VERSION,
        auth: Auth::OAuth,
        token: &tokens.access,
        refresh_token: tokens.refresh.as_ref(),
        expires_at: Some(now + tokens.expires_in),
        scopes: tokens.scopes.as_deref(),
        portal: details.as_ref(),
        agreed: agreed.as_ref(),
    };
    let connection = match take_in(store, new, now).await {
        Ok(connection) => connection,
        Err(super::ConnectError::PortalTaken(portal)) => {
            turn_away(store, hubspot, portal, tokens, now).await?;
            return Err(Stop::PortalTaken { portal });
        }
        Err(super::ConnectError::OtherPortal(connected)) => {
            turn_away(store, hubspot, portal_id, tokens, now).await?;
            return Err(Stop::OtherPortal { connected, found: portal_id });
        }
        Err(super::ConnectError::NoAccount) => {
            turn_away(store, hubspot, portal_id, tokens, now).await?;
            return Err(Stop::UnknownLink);
        }
        Err(error) => return Err(Stop::Store(error.into())),
    };
    match &ticket.transformation {
        Some((name, settings)) => {
            use_transformation(store, &account, &connection, name, settings.clone(), now).await.map_err(ours)?;
        }
        None => bind_default(store, &account, &connection, now).await.map_err(ours)?,
    }
    store.use_ticket(&ticket, &connection.id).await?;
    let id = &connection.id;
    tracing::info!(account.id = %account.id, lane.id = %id, "account {} is connected to portal {portal_id}", account.id);
    let missing = scopes::missing(&connection, &super::needs(store, &connection).await?);
    let bindings = store.routing(&account.id).await?.bindings.into_iter();
    let bindings = bindings.filter(|binding| binding.connection_id == connection.id);
    let transformations = bindings.map(|binding| binding.label).collect();
    let unsent = standing::unsent(store, &account.id).await?;
    Ok(Arrived { transformations, account, connection, missing, unsent, back: ticket.back })
}

/// Leaves a portal that is not taken in as it was. Where it belongs to another account, consenting once more may have
/// ended that account's tokens; the new ones are for the same app and portal, so they go where the old ones were.
async fn turn_away(
    store: &Store,
    hubspot: &HubSpot,
    portal_id: i64,
    tokens: &Tokens,
    now: Timestamp,
) -> anyhow::Result<()> {
    let Some(holder) = store.connection_of_portal(portal_id).await? else {
        ending::give_up(hubspot, tokens).await;
        return Ok(());
    };
    if holder.auth == Auth::OAuth
        && let Some(read) = store.credentials(&holder).await?
    {
        let new = NewTokens {
            token: &tokens.access,
            refresh_token: tokens.refresh.as_ref(),
            expires_at: now + tokens.expires_in,
            scopes: tokens.scopes.as_deref(),
        };
        store.keep_tokens(&read, new, now).await?;
    }
    Ok(())
}

fn ours(error: UseError) -> Stop {
    Stop::Store(error.into())
}

/// Each consent has a cookie of its own, so that two tabs do not disturb one another.
fn cookie_name(state_hash: &str) -> String {
    format!("leadline_{}", &state_hash[..16])
}
