//! What is sent to people and programs outside: kept first, then sent, and again after growing rests, until it arrives or
//! nobody wants it any more. Whoever takes a message has it for one attempt; a repeat has the same id.

use std::time::Duration;

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::access::{self, AccessError, LINK_LIFE, NewLink, SESSION_LIFE};
use crate::app::App;
use crate::letter::{self, Letter, Sender};
use crate::mail::Mailer;
use crate::model::access::{Actor, Reach, Role};
use crate::model::id::{AccountId, AlertId, MessageId};
use crate::model::lane::Step;
use crate::model::message::{Attempted, Kind, Message, MessageState, Way};
use crate::model::time::Timestamp;
use crate::store::{Person, Store};
use crate::webhook::{self, Webhooks};

/// Attempts at once.
const AT_ONCE: u32 = 8;
/// An attempt ends sooner; after that another process may try.
const LEASE: Duration = Duration::from_secs(2 * 60);
const MINUTE: Duration = Duration::from_secs(60);
/// Between one attempt and the next.
const RESTS: [Duration; 8] = [
    MINUTE,
    Duration::from_secs(5 * 60),
    Duration::from_secs(15 * 60),
    Duration::from_secs(60 * 60),
    Duration::from_secs(3 * 60 * 60),
    Duration::from_secs(6 * 60 * 60),
    Duration::from_secs(12 * 60 * 60),
    Duration::from_secs(12 * 60 * 60),
];
/// How long the link of an invitation is good: people look into their mail once a day.
pub const INVITATION_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// Letters with a link that one address may be sent in [`SIGN_INS_WITHIN`]: who asks for more did not look into the mail.
pub const SIGN_INS_MAX: u32 = 3;
/// See [`SIGN_INS_MAX`].
pub const SIGN_INS_WITHIN: Duration = LINK_LIFE;

/// The ways to people and programs outside.
pub struct Outside {
    /// None where no mail server is configured.
    pub mailer: Option<Mailer>,
    pub webhooks: Webhooks,
}

/// How long somebody wants a message of a kind.
fn wanted_for(kind: Kind) -> Duration {
    match kind {
        Kind::SignIn => LINK_LIFE,
        Kind::Test => MINUTE * 60,
        Kind::Invitation | Kind::Alert | Kind::Resolved => Duration::from_secs(24 * 60 * 60),
        Kind::Digest | Kind::Wish => Duration::from_secs(2 * 24 * 60 * 60),
    }
}

/// A new message, due at once.
pub fn message(kind: Kind, way: Way, recipient: &str, subject: &str, content: Value, now: Timestamp) -> Message {
    Message {
        id: MessageId::new(now),
        account_id: None,
        kind,
        way,
        recipient: recipient.to_owned(),
        rule_id: None,
        subject: subject.to_owned(),
        content,
        state: MessageState::Waiting,
        attempts: 0,
        due_at: now,
        ends_at: now + wanted_for(kind),
        reason: None,
        created_at: now,
        done_at: None,
    }
}

impl Message {
    /// The same, as one of an account's rule.
    #[must_use]
    pub fn of_rule(self, account: &AccountId, rule: &AlertId) -> Self {
        Self { account_id: Some(account.clone()), rule_id: Some(rule.clone()), ..self }
    }
}

/// When a message is tried again whose attempt of this number failed; none when nobody wants it by then.
fn next(attempts: u32, ends_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let rest = RESTS.get(usize::try_from(attempts.checked_sub(1)?).ok()?)?;
    Some(now + *rest).filter(|next| *next < ends_at)
}

/// Takes what is due, and tries each once.
///
/// # Errors
/// When the database does not let it.
pub async fn send_next(app: &std::sync::Arc<App>) -> anyhow::Result<Step> {
    let now = (app.clock)();
    let taken = app.store.take_messages(AT_ONCE, now + LEASE, now).await?;
    if taken.is_empty() {
        return Ok(Step::Idle);
    }
    let mut attempts = JoinSet::new();
    for message in taken {
        let app = app.clone();
        attempts.spawn(async move { try_once(&app, message).await });
    }
    while let Some(done) = attempts.join_next().await {
        done.context("an attempt to send a message panicked")??;
    }
    Ok(Step::Worked)
}

async fn try_once(app: &App, message: Message) -> anyhow::Result<()> {
    let came = match (app.clock)() >= message.ends_at {
        true => Attempted::Never("its time was over before it could be sent".to_owned()),
        false => attempt(app, &message).await?,
    };
    let now = (app.clock)();
    let next = match came {
        Attempted::Later(_) => next(message.attempts, message.ends_at, now),
        Attempted::Sent | Attempted::Never(_) | Attempted::Nobody(_) => None,
    };
    if let (Attempted::Later(reason) | Attempted::Never(reason), None) = (&came, next) {
        let kind = crate::model::word(&message.kind);
        tracing::warn!(message.id = %message.id, "the {kind} message {} did not arrive: {reason}", message.id);
    }
    app.store.settle_message(&message, &came, next, now).await?;
    Ok(())
}

async fn attempt(app: &App, message: &Message) -> anyhow::Result<Attempted> {
    match message.kind {
        Kind::SignIn | Kind::Invitation if app.outside.mailer.is_none() => Ok(no_mail()),
        Kind::SignIn => send_links(app, message).await,
        Kind::Invitation => send_invitation(app, message).await,
        Kind::Alert | Kind::Resolved | Kind::Test | Kind::Digest | Kind::Wish => match message.way {
            Way::Mail => {
                let letter: Letter = serde_json::from_value(message.content.clone()).context("a letter is damaged")?;
                Ok(mail(app, message, &letter).await)
            }
            Way::Webhook => send_request(app, message).await,
        },
    }
}

fn no_mail() -> Attempted {
    Attempted::Later("this service sends no mail; its operator has to set `--mail-url`".to_owned())
}

async fn mail(app: &App, message: &Message, letter: &Letter) -> Attempted {
    match &app.outside.mailer {
        Some(mailer) => mailer.send(message.id.as_str(), &message.recipient, letter, (app.clock)()).await,
        None => no_mail(),
    }
}

async fn send_request(app: &App, message: &Message) -> anyhow::Result<Attempted> {
    let gone = || Attempted::Nobody("the rule is gone, and its secret with it".to_owned());
    let (Some(account), Some(rule)) = (&message.account_id, &message.rule_id) else { return Ok(gone()) };
    let now = (app.clock)();
    let secrets = app.store.alert_secrets(account, rule, now).await?;
    if secrets.is_empty() {
        return Ok(gone());
    }
    let secrets: Result<Vec<_>, _> = secrets.iter().map(webhook::secret).collect();
    let secrets = secrets.context("the secret of a webhook is damaged")?;
    let (id, body) = (message.id.as_str(), message.content.to_string());
    Ok(app.outside.webhooks.send(id, &message.recipient, &secrets, body, now).await)
}

/// Where somebody wanted to go.
#[derive(Default, Serialize, Deserialize)]
struct Wanted {
    to: Option<String>,
}

/// Keeps somebody's wish for a link. Whether anybody has the address is not looked at here, so that nobody learns it, not
/// even by the time that the answer takes.
///
/// # Errors
/// When it is no address, or the database does not let it.
pub async fn ask_for_link(store: &Store, email: &str, to: Option<&str>, now: Timestamp) -> Result<(), AccessError> {
    let email = access::address(email)?;
    let content = json!(Wanted { to: to.map(str::to_owned) });
    let message = message(Kind::SignIn, Way::Mail, &email, "A link to sign in", content, now);
    store.post_unless(&message, now - SIGN_INS_WITHIN, SIGN_INS_MAX).await?;
    Ok(())
}

/// Makes the links of an address and sends them, if anybody has it: one for each account that he looks after.
async fn send_links(app: &App, message: &Message) -> anyhow::Result<Attempted> {
    let people = app.store.people_of_email(&message.recipient).await?;
    if people.is_empty() {
        return Ok(Attempted::Nobody("nobody with this address may sign in".to_owned()));
    }
    let wanted: Wanted = serde_json::from_value(message.content.clone()).unwrap_or_default();
    let mut links = Vec::new();
    for person in &people {
        let (whose, home) = place(app, person).await?;
        let Some(href) = link(app, person, LINK_LIFE).await? else { return Ok(no_address()) };
        let to = wanted.to.as_deref().filter(|to| person.account_id.is_none() || is_below(to, &home));
        let query =
            to.map(|to| format!("?to={}", url::form_urlencoded::byte_serialize(to.as_bytes()).collect::<String>()));
        links.push((whose, format!("{href}{}", query.unwrap_or_default())));
    }
    let letter = letter::sign_in(&sender(app), &links, LINK_LIFE.as_secs() / 60)?;
    Ok(mail(app, message, &letter).await)
}

fn is_below(to: &str, home: &str) -> bool {
    to.strip_prefix(home).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
}

/// What somebody signs in to, and where that begins.
async fn place(app: &App, person: &Person) -> anyhow::Result<(String, String)> {
    let account = match &person.account_id {
        Some(account) => app.store.account(account.as_str()).await?,
        None => None,
    };
    Ok(match account {
        Some(account) => (account.name, format!("/accounts/{}", account.slug)),
        None => (app.brand.clone(), "/accounts".to_owned()),
    })
}

fn no_address() -> Attempted {
    Attempted::Later(
        "this service does not know where browsers reach it; its operator has to set `--public-url`".to_owned(),
    )
}

/// A link that signs a person in, once; none where nobody knows where browsers reach us.
async fn link(app: &App, person: &Person, life: Duration) -> anyhow::Result<Option<String>> {
    let Some(base) = &app.public_url else { return Ok(None) };
    let reach = person.account_id.clone().map_or(Reach::All, Reach::One);
    let (name, role) = (person.email.as_str(), person.role);
    let new = NewLink { reach, name, role, life, session: SESSION_LIFE, is_embedded: false };
    // Whoever let the person in had all that the role may.
    let house = Actor::in_role("mail", Role::Operator, Reach::All);
    let (text, _) = access::make_link(&app.store, &house, new, (app.clock)()).await?;
    Ok(Some(format!("{base}/sign-in/{}", text.expose_secret())))
}

fn sender(app: &App) -> Sender<'_> {
    Sender { brand: &app.brand, public_url: app.public_url.as_deref() }
}

/// Tells somebody by mail that he may sign in, where there is mail. Says whether there is.
///
/// # Errors
/// The database's.
pub async fn announce(store: &Store, outside: &Outside, person: &Person, now: Timestamp) -> crate::store::Result<bool> {
    if outside.mailer.is_none() {
        return Ok(false);
    }
    let content = json!({ "by": person.created_by });
    let new = message(Kind::Invitation, Way::Mail, &person.email, "An invitation", content, now);
    let most = SIGN_INS_MAX;
    store.post_unless(&Message { account_id: person.account_id.clone(), ..new }, now - SIGN_INS_WITHIN, most).await?;
    Ok(true)
}

async fn send_invitation(app: &App, message: &Message) -> anyhow::Result<Attempted> {
    let people = app.store.people_of_email(&message.recipient).await?;
    let Some(person) = people.iter().find(|person| person.account_id == message.account_id) else {
        return Ok(Attempted::Nobody("the person was taken out again".to_owned()));
    };
    let (whose, _) = place(app, person).await?;
    let Some(href) = link(app, person, INVITATION_LIFE).await? else { return Ok(no_address()) };
    let by = message.content["by"].as_str().unwrap_or("Somebody");
    let letter = letter::invitation(&sender(app), by, &whose, href)?;
    Ok(mail(app, message, &letter).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_and_end_when_nobody_wants_the_message_any_more() {
        let begun = Timestamp(0);
        let times = |kind| {
            let (mut now, mut minutes) = (begun, Vec::new());
            for attempt in 1.. {
                let Some(at) = next(attempt, begun + wanted_for(kind), now) else { break };
                now = at;
                minutes.push(now.since(begun).as_secs() / 60);
            }
            minutes
        };
        assert_eq!(times(Kind::SignIn), [1, 6]);
        assert_eq!(times(Kind::Alert), [1, 6, 21, 81, 261, 621, 1341]);
        assert_eq!(times(Kind::Digest), [1, 6, 21, 81, 261, 621, 1341, 2061]);
        assert!(RESTS.is_sorted());
    }

    #[test]
    fn somebody_is_led_on_only_within_what_the_link_opens() {
        for (to, home, below) in [
            ("/accounts/acme/logs?outcome=failed", "/accounts/acme", true),
            ("/accounts/acme", "/accounts/acme", true),
            ("/accounts/acme-two/logs", "/accounts/acme", false),
            ("/queue", "/accounts/acme", false),
        ] {
            assert_eq!(is_below(to, home), below, "{to}");
        }
    }
}
