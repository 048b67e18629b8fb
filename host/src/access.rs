//! Who asks: keys that programs send, links that sign a person in, sessions that browsers hold. What opens something is 32
//! random bytes, shown once; here are only their hashes.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::digest::{random_text, sha256_hex};
use crate::model::access::{Actor, Reach, Right, Role, Session, Sight};
use crate::model::id::{ApiKeyId, PersonId, SessionId};
use crate::model::time::Timestamp;
use crate::store::{self, ApiKey, Person, SignInLink, Store, StoredSession};

/// What a key begins with, so that people and scanners know one where it should not be.
pub const KEY_PREFIX: &str = "llk_";
/// How long a link for a person is good: the time of looking into one's mail.
pub const LINK_LIFE: Duration = Duration::from_secs(15 * 60);
/// How long a link that another product redirects to is good: it is followed at once.
pub const PORTAL_LINK_LIFE: Duration = Duration::from_secs(60);
/// How long a browser stays signed in.
pub const SESSION_LIFE: Duration = Duration::from_secs(14 * 24 * 3600);
/// A session that another product asks for may not live longer.
pub const PORTAL_SESSION_LIFE_MAX: Duration = Duration::from_secs(12 * 3600);
/// That a key or a session is in use is noted this often.
const SEEN_EVERY: Duration = Duration::from_secs(5 * 60);
/// A browser's name of itself is cut here.
const AGENT_CHARS_MAX: usize = 200;
/// Names of people and keys, as long as anybody sensible makes them.
pub const NAME_CHARS_MAX: usize = 120;

/// Why something about access cannot be done, for the one who asked.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    #[error("`{0}` is no e-mail address")]
    Email(String),
    #[error("a name has 1 to {NAME_CHARS_MAX} characters, on one line")]
    Name,
    #[error("{role:?} works across accounts and belongs to none; there are viewer and manager for one account")]
    RoleOfTheHouse { role: Role },
    #[error("{role:?} belongs to one account; say which, or take support or operator")]
    RoleOfAnAccount { role: Role },
    #[error("nobody can give more than he has: {} is missing", right.title())]
    MoreThanOneHas { right: Right },
    #[error("a key needs at least one right")]
    NoRight,
    #[error("such a session lives {} hours at most", PORTAL_SESSION_LIFE_MAX.as_secs() / 3600)]
    TooLong,
    #[error(transparent)]
    Store(#[from] store::StoreError),
}

/// A name that people will read.
fn name(text: &str) -> Result<&str, AccessError> {
    let text = text.trim();
    if is_name(text) { Ok(text) } else { Err(AccessError::Name) }
}

/// Whether people can read a name, on one line.
pub fn is_name(text: &str) -> bool {
    (1..=NAME_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// An address in the form that it is kept and compared in.
///
/// # Errors
/// When it is none.
pub fn address(text: &str) -> Result<String, AccessError> {
    let text = text.trim().to_lowercase();
    let fits = text.len() <= 254
        && text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && domain.contains('.') && !domain.starts_with('.') && !domain.ends_with('.')
        })
        && text.matches('@').count() == 1
        && !text.chars().any(|c| c.is_whitespace() || c.is_control() || "<>\",;".contains(c));
    if fits { Ok(text) } else { Err(AccessError::Email(text)) }
}

/// Whether a role goes with a reach.
fn fits(role: Role, reach: &Reach) -> Result<(), AccessError> {
    match (role.is_of_the_house(), reach) {
        (true, Reach::One(_)) => Err(AccessError::RoleOfTheHouse { role }),
        (false, Reach::All) => Err(AccessError::RoleOfAnAccount { role }),
        _ => Ok(()),
    }
}

/// Whether somebody has all that he wants to give.
fn covers(by: &Actor, rights: &[Right]) -> Result<(), AccessError> {
    match rights.iter().find(|right| !by.may(**right)) {
        Some(right) => Err(AccessError::MoreThanOneHas { right: *right }),
        None => Ok(()),
    }
}

/// A key to make.
pub struct NewKey<'a> {
    pub reach: Reach,
    pub name: &'a str,
    pub rights: &'a [Right],
    pub expires_at: Option<Timestamp>,
}

/// Makes a key. Its text is nowhere else, and shown this once.
///
/// # Errors
/// [`AccessError`], for the one who asked.
pub async fn make_key(
    store: &Store,
    by: &Actor,
    new: NewKey<'_>,
    now: Timestamp,
) -> Result<(ApiKey, SecretString), AccessError> {
    covers(by, new.rights)?;
    if new.rights.is_empty() {
        return Err(AccessError::NoRight);
    }
    let text = format!("{KEY_PREFIX}{}", random_text());
    let account_id = new.reach.account().cloned();
    let key = ApiKey {
        id: ApiKeyId::new(now),
        account_id,
        name: name(new.name)?.to_owned(),
        rights: new.rights.to_vec(),
        created_by: by.name.clone(),
        created_at: now,
        expires_at: new.expires_at,
        last_used_at: None,
        revoked_at: None,
    };
    store.insert_api_key(&new.reach, &key, &sha256_hex(text.as_bytes())).await?;
    Ok((key, text.into()))
}

/// Who holds a key; nobody, where it is unknown, over or revoked.
///
/// # Errors
/// The store's.
pub async fn holder(store: &Store, key: &str, now: Timestamp) -> store::Result<Option<Actor>> {
    if !key.starts_with(KEY_PREFIX) {
        return Ok(None);
    }
    let Some(key) = store.api_key(&sha256_hex(key.as_bytes())).await? else { return Ok(None) };
    if key.revoked_at.is_some() || key.expires_at.is_some_and(|at| at <= now) {
        return Ok(None);
    }
    store.api_key_used(&key, now - SEEN_EVERY, now).await?;
    let reach = key.account_id.map_or(Reach::All, Reach::One);
    // A key is masked as the people who have no more than its rights are.
    let sight = match reach {
        Reach::All if !key.rights.contains(&Right::Operate) => Sight::Masked,
        Reach::All | Reach::One(_) => Sight::Whole,
    };
    let mut holder = Actor::new(format!("key {}", key.name), key.rights, reach);
    holder.sight = sight;
    holder.maker = Some(key.created_by);
    Ok(Some(holder))
}

/// Lets somebody sign in from now on, or changes the role of who may already.
///
/// # Errors
/// [`AccessError`], for the one who asked.
pub async fn invite(
    store: &Store,
    by: &Actor,
    reach: &Reach,
    (email, called, role): (&str, &str, Role),
    now: Timestamp,
) -> Result<Person, AccessError> {
    fits(role, reach)?;
    covers(by, role.rights())?;
    let account_id = reach.account().cloned();
    let person = Person {
        id: PersonId::new(now),
        account_id,
        email: address(email)?,
        name: name(called)?.to_owned(),
        role,
        created_by: by.name.clone(),
        created_at: now,
    };
    store.save_person(reach, &person).await?;
    Ok(person)
}

/// What the history tells of whoever has this address; none where nobody has it.
pub fn told_of(people: &[Person], email: &str) -> Option<Value> {
    let address = address(email).ok()?;
    people.iter().find(|person| person.email == address).map(Person::told)
}

/// A link to make.
pub struct NewLink<'a> {
    pub reach: Reach,
    /// Who is signed in by it.
    pub name: &'a str,
    pub role: Role,
    /// How long the link is good.
    pub life: Duration,
    /// How long its session lives.
    pub session: Duration,
    /// For a frame of another product.
    pub is_embedded: bool,
}

/// Makes a link that signs its bearer in, once. What comes back stands at the end of its address.
///
/// # Errors
/// [`AccessError`], for the one who asked.
pub async fn make_link(
    store: &Store,
    by: &Actor,
    new: NewLink<'_>,
    now: Timestamp,
) -> Result<(SecretString, Timestamp), AccessError> {
    fits(new.role, &new.reach)?;
    covers(by, new.role.rights())?;
    if new.is_embedded && new.session > PORTAL_SESSION_LIFE_MAX {
        return Err(AccessError::TooLong);
    }
    let (text, expires_at) = (random_text(), now + new.life);
    let link = SignInLink {
        reach: new.reach,
        name: name(new.name)?.to_owned(),
        role: new.role,
        session_ms: i64::try_from(new.session.as_millis()).unwrap_or(i64::MAX),
        is_embedded: new.is_embedded,
        expires_at,
        created_by: by.name.clone(),
    };
    store.insert_sign_in_link(&link, &sha256_hex(text.as_bytes())).await?;
    Ok((text.into(), expires_at))
}

/// Who would be signed in by a link, as long as it is good.
///
/// # Errors
/// The store's.
pub async fn look(store: &Store, link: &str, now: Timestamp) -> store::Result<Option<SignInLink>> {
    store.sign_in_link(&sha256_hex(link.as_bytes()), now).await
}

/// Signs somebody in by a link, which is used up. What comes back is the session's secret, for the browser's cookie.
///
/// # Errors
/// The store's.
pub async fn enter(
    store: &Store,
    link: &str,
    agent: &str,
    now: Timestamp,
) -> store::Result<Option<(SecretString, StoredSession)>> {
    let hash = sha256_hex(link.as_bytes());
    let Some(link) = store.sign_in_link(&hash, now).await? else { return Ok(None) };
    let secret = random_text();
    let session = StoredSession {
        id: SessionId::new(now),
        account_id: link.reach.account().cloned(),
        name: link.name,
        role: link.role,
        is_embedded: link.is_embedded,
        agent: agent.chars().filter(|c| !c.is_control()).take(AGENT_CHARS_MAX).collect(),
        created_at: now,
        seen_at: now,
        expires_at: Timestamp(now.0 + link.session_ms),
    };
    let begun = store.begin_session(&hash, &session, &sha256_hex(secret.as_bytes()), now).await?;
    Ok(begun.then(|| (secret.into(), session)))
}

/// Who holds a session; nobody, where it is unknown or over.
///
/// # Errors
/// The store's.
pub async fn signed_in(store: &Store, secret: &SecretString, now: Timestamp) -> store::Result<Option<Actor>> {
    let secret = secret.expose_secret();
    let Some(session) = store.session(&sha256_hex(secret.as_bytes()), now).await? else { return Ok(None) };
    store.session_seen(&session, now - SEEN_EVERY, now).await?;
    let reach = session.account_id.map_or(Reach::All, Reach::One);
    let shown = Session {
        id: session.id.to_string(),
        expires_at: session.expires_at,
        is_embedded: session.is_embedded,
        csrf: csrf(secret),
    };
    Ok(Some(Actor::in_role(session.name, session.role, reach).signed_in(shown)))
}

/// What stands in every form of a session: another page can neither read nor compute it.
fn csrf(session: &str) -> String {
    sha256_hex(format!("form of {session}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_in_one_form_and_what_is_none_is_refused() {
        let rows = [
            (" Maya@Example.com ", Some("maya@example.com")),
            ("o'neil+leads@dealer.example.com", Some("o'neil+leads@dealer.example.com")),
            ("maya", None),
            ("maya@localhost", None),
            ("maya@example.com, eve@example.com", None),
            ("Maya <maya@example.com>", None),
            ("a@b@example.com", None),
            ("@example.com", None),
            ("maya@example.com\r\nBcc: eve@example.com", None),
        ];
        for (text, expected) in rows {
            assert_eq!(address(text).ok().as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn the_history_tells_of_whoever_has_an_address_however_it_is_typed() {
        let maya = Person {
            id: PersonId::new(Timestamp(1)),
            account_id: None,
            email: "maya@example.com".to_owned(),
            name: "Maya".to_owned(),
            role: Role::Viewer,
            created_by: "ana".to_owned(),
            created_at: Timestamp(1),
        };
        let told = serde_json::json!({ "email": "maya@example.com", "name": "Maya", "role": "viewer" });
        for (email, expected) in
            [(" Maya@Example.com ", Some(&told)), ("ana@example.com", None), ("no address", None), ("", None)]
        {
            assert_eq!(told_of(std::slice::from_ref(&maya), email).as_ref(), expected, "{email:?}");
        }
    }

    #[test]
    fn a_role_goes_with_its_reach() {
        let account = Reach::One(crate::model::id::AccountId::new(Timestamp(1)));
        for role in Role::ALL {
            assert_eq!(fits(role, &Reach::All).is_ok(), role.is_of_the_house(), "{role:?}");
            assert_eq!(fits(role, &account).is_ok(), !role.is_of_the_house(), "{role:?}");
        }
    }

    #[test]
    fn nobody_gives_more_than_he_has() {
        let manager = Actor::in_role("m", Role::Manager, Reach::All);
        assert!(covers(&manager, Role::Viewer.rights()).is_ok());
        assert!(covers(&manager, &[Right::Publish]).is_err());
    }
}
