//! Rules by which people of an account are told: making and changing them, trying one out, and looking again and again
//! whether one finds something. Page, API and command line share this.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};

use crate::access::{self, AccessError};
use crate::app::App;
use crate::hours::{Figures, begin, hour};
use crate::letter::{self, About, Letter, Sender};
use crate::model::access::{Reach, Role};
use crate::model::account::{Account, ConnectionState, PastBinding, Sign};
use crate::model::alert::{AlertRule, Channel, Quiet, Watch, WatchError};
use crate::model::id::{AccountId, AlertId, AuditId};
use crate::model::lane::Step;
use crate::model::message::{Kind, Message, Way};
use crate::model::time::Timestamp;
use crate::overview::labels;
use crate::post::{self, Outside};
use crate::signature::Secret;
use crate::store::{self, AuditEntry, Dealerships, Store, StoreError};
use crate::view::moment::zone_of;
use crate::view::weekly::{WeekSeen, Weekly, last_week};
use crate::watch::{self, Change, FAILURE_IS_NEWS, Facts, Found, Open, RolledBack};
use crate::webhook::WebhookError;

/// How often the rules of an account are looked at. A minute more is nothing to somebody who has to act.
pub const LOOK_EVERY: Duration = Duration::from_secs(60);
/// A look takes less, and another process may take over after it.
const TURN: Duration = Duration::from_secs(2 * 60);
/// Rules of one account: nobody reads the letters of more.
pub const RULES_MAX: usize = 50;
/// Addresses of one rule.
pub const ADDRESSES_MAX: usize = 10;
/// Tests that an account may ask for in an hour: they go to addresses that nobody has confirmed.
pub const TESTS_AN_HOUR: i64 = 10;
/// For how long the secret before signs beside a new one: whoever runs the webhook has a day to take it over.
pub const OVERLAP: Duration = Duration::from_secs(24 * 60 * 60);
/// Bindings among which one that was rolled back is looked for.
const BINDINGS: u32 = 20;

/// Why a rule cannot be as somebody wants it.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    #[error(transparent)]
    Watch(#[from] WatchError),
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    #[error("{0}")]
    Address(AccessError),
    #[error("a rule tells 1 to {ADDRESSES_MAX} addresses, not {0}")]
    Addresses(usize),
    #[error("quiet hours from {0} until {0} are none")]
    NoQuiet(crate::model::alert::Clock),
    #[error("an account has {RULES_MAX} rules at most")]
    TooMany,
    #[error("this service sends no mail: no mail server is configured")]
    NoMail,
    #[error("the rule was changed by somebody else")]
    Changed,
    #[error("there is no rule `{0}`")]
    NoRule(String),
    #[error("the rule tells by mail, which nothing signs")]
    NoWebhook,
    #[error("an account may test {TESTS_AN_HOUR} times an hour")]
    TooManyTests,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Ours(#[from] anyhow::Error),
}

impl AlertError {
    /// What to do about it.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Watch(_) | Self::Webhook(_) | Self::Address(_) | Self::Addresses(_) | Self::NoQuiet(_) => {
                "Correct it, and send it again."
            }
            Self::TooMany => "Take one out, or let one rule tell several people.",
            Self::NoMail => "Choose a webhook, or ask the operator to set `--mail-url` and `--mail-from`.",
            Self::Changed => "Look at the rule again, then change it.",
            Self::NoRule(_) => "Look at the id; `leadline alert list` shows the rules.",
            Self::NoWebhook => "Choose a rule that tells a webhook.",
            Self::TooManyTests => "Look into the mail, and try it again later.",
            Self::Store(_) | Self::Ours(_) => "Try it again.",
        }
    }
}

/// What somebody wants to be told of, how, and when not.
#[derive(Clone, Debug)]
pub struct Wish {
    pub watches: Watch,
    pub channel: Channel,
    pub quiet: Option<Quiet>,
}

impl Wish {
    /// The wish in the form in which it is kept.
    fn checked(self, outside: &Outside) -> Result<Self, AlertError> {
        self.watches.check()?;
        if let Some(quiet) = self.quiet.filter(|quiet| quiet.from == quiet.until) {
            return Err(AlertError::NoQuiet(quiet.from));
        }
        let channel = match self.channel {
            Channel::Mail { .. } if outside.mailer.is_none() => return Err(AlertError::NoMail),
            Channel::Mail { to } => {
                let to: Result<Vec<_>, _> = to.iter().map(|text| access::address(text)).collect();
                let mut to = to.map_err(AlertError::Address)?;
                to.sort();
                to.dedup();
                if !(1..=ADDRESSES_MAX).contains(&to.len()) {
                    return Err(AlertError::Addresses(to.len()));
                }
                Channel::Mail { to }
            }
            Channel::Webhook { url } => Channel::Webhook { url: outside.webhooks.check(url.trim())?.to_string() },
        };
        Ok(Self { channel, ..self })
    }
}

/// A secret for a webhook; none for mail.
fn secret_for(channel: &Channel) -> Option<SecretString> {
    matches!(channel, Channel::Webhook { .. }).then(|| Secret::generate().into())
}

/// Makes a rule. Where it tells a webhook, the secret that signs for it is shown this once.
///
/// # Errors
/// [`AlertError`], for the one who asked.
pub async fn create(
    store: &Store,
    outside: &Outside,
    account: &Account,
    by: &str,
    wish: Wish,
    now: Timestamp,
) -> Result<(AlertRule, Option<SecretString>), AlertError> {
    let wish = wish.checked(outside)?;
    room_for(store, account, 1).await?;
    keep(store, account, by, wish, now).await
}

/// Makes several rules that tell by mail. Where one of them is refused, none is made.
///
/// # Errors
/// [`AlertError`], for the one who asked.
pub async fn create_all(
    store: &Store,
    outside: &Outside,
    account: &Account,
    by: &str,
    wishes: Vec<Wish>,
    now: Timestamp,
) -> Result<Vec<AlertRule>, AlertError> {
    let wishes: Vec<_> = wishes.into_iter().map(|wish| wish.checked(outside)).collect::<Result<_, _>>()?;
    room_for(store, account, wishes.len()).await?;
    let mut made = Vec::with_capacity(wishes.len());
    for wish in wishes {
        made.push(keep(store, account, by, wish, now).await?.0);
    }
    Ok(made)
}

/// Refuses what an account has no room for: so many rules more.
async fn room_for(store: &Store, account: &Account, more: usize) -> Result<(), AlertError> {
    let rules = store.alert_rules(&account.id).await?.len();
    if rules + more > RULES_MAX { Err(AlertError::TooMany) } else { Ok(()) }
}

/// Keeps a wish that was checked as a rule.
async fn keep(
    store: &Store,
    account: &Account,
    by: &str,
    wish: Wish,
    now: Timestamp,
) -> Result<(AlertRule, Option<SecretString>), AlertError> {
    let secret = secret_for(&wish.channel);
    let rule = AlertRule {
        id: AlertId::new(now),
        account_id: account.id.clone(),
        watches: wish.watches,
        channel: wish.channel,
        quiet: wish.quiet,
        is_on: true,
        revision: 1,
        created_by: by.to_owned(),
        created_at: now,
        problem: None,
    };
    store.insert_alert_rule(&rule, secret.as_ref()).await?;
    Ok((rule, secret))
}

/// Changes a rule that is still as the one who asks has seen it. A webhook that was none before gets a secret.
///
/// # Errors
/// [`AlertError`], for the one who asked.
pub async fn change(
    store: &Store,
    outside: &Outside,
    rule: &AlertRule,
    wish: Wish,
    is_on: bool,
) -> Result<(AlertRule, Option<SecretString>), AlertError> {
    let wish = wish.checked(outside)?;
    let had_secret = matches!(rule.channel, Channel::Webhook { .. });
    let secret = secret_for(&wish.channel).filter(|_| !had_secret);
    let forgets = !is_on || wish.watches != rule.watches;
    let Wish { watches, channel, quiet } = wish;
    let changed = AlertRule { watches, channel, quiet, is_on, problem: None, ..rule.clone() };
    if !store.set_alert_rule(&changed, secret.as_ref(), forgets).await? {
        return Err(AlertError::Changed);
    }
    Ok((AlertRule { revision: rule.revision + 1, ..changed }, secret))
}

/// Turns a rule on or off, whatever else it says: one that tells by mail can be turned off where there is no mail.
///
/// # Errors
/// [`AlertError`], for the one who asked.
pub async fn switch(store: &Store, rule: &AlertRule, is_on: bool) -> Result<(), AlertError> {
    let changed = AlertRule { is_on, ..rule.clone() };
    if store.set_alert_rule(&changed, None, !is_on).await? { Ok(()) } else { Err(AlertError::Changed) }
}

/// Gives the webhook of a rule a new secret, which is shown this once. The one before signs beside it for [`OVERLAP`].
///
/// # Errors
/// [`AlertError`], for the one who asked.
pub async fn rotate(
    store: &Store,
    rule: &AlertRule,
    now: Timestamp,
) -> Result<(AlertRule, Option<SecretString>), AlertError> {
    let secret = secret_for(&rule.channel).ok_or(AlertError::NoWebhook)?;
    if !store.rotate_alert_secret(rule, &secret, now + OVERLAP).await? {
        return Err(AlertError::Changed);
    }
    Ok((AlertRule { revision: rule.revision + 1, ..rule.clone() }, Some(secret)))
}

/// Sends a message that says that nothing is wrong.
///
/// # Errors
/// [`AlertError`], for the one who asked.
pub async fn test(
    store: &Store,
    sender: &Sender<'_>,
    account: &Account,
    rule: &AlertRule,
    now: Timestamp,
) -> Result<Vec<Message>, AlertError> {
    if store.messages_since(&account.id, Kind::Test, now - Duration::from_secs(3600)).await? >= TESTS_AN_HOUR {
        return Err(AlertError::TooManyTests);
    }
    let sentence = rule.watches.to_string();
    let about = About { sender, account_name: &account.name, slug: &account.slug, rule: &sentence };
    let messages = Telling { account, rule, about: &about, now }.messages(Kind::Test, (json!([]), ""), &about.test()?);
    for message in &messages {
        store.post(message).await?;
    }
    Ok(messages)
}

/// One rule that has something to say.
struct Telling<'a> {
    account: &'a Account,
    rule: &'a AlertRule,
    about: &'a About<'a>,
    now: Timestamp,
}

impl Telling<'_> {
    /// A letter to each address, or one request with what it is about and the screen that helps.
    fn messages(&self, kind: Kind, (findings, screen): (Value, &str), letter: &Letter) -> Vec<Message> {
        match &self.rule.channel {
            Channel::Mail { to } => {
                let content = json!(letter);
                to.iter().map(|to| self.message(kind, Way::Mail, to, &letter.subject, content.clone())).collect()
            }
            Channel::Webhook { url } => {
                let body = self.body(kind, findings, screen);
                vec![self.message(kind, Way::Webhook, url, &letter.subject, body)]
            }
        }
    }

    /// The week as figures, for a program.
    fn week(&self, week: &Weekly, letter: &Letter) -> Vec<Message> {
        match &self.rule.channel {
            Channel::Mail { .. } => self.messages(Kind::Digest, (Value::Null, ""), letter),
            Channel::Webhook { url } => {
                let body = self.body(Kind::Digest, json!(week), "");
                vec![self.message(Kind::Digest, Way::Webhook, url, &letter.subject, body)]
            }
        }
    }

    fn message(&self, kind: Kind, way: Way, to: &str, subject: &str, content: Value) -> Message {
        post::message(kind, way, to, subject, content, self.now).of_rule(&self.account.id, &self.rule.id)
    }

    fn body(&self, kind: Kind, what: Value, screen: &str) -> Value {
        let (name, key) = match kind {
            Kind::Resolved => ("alert.resolved", "findings"),
            Kind::Digest => ("digest.weekly", "week"),
            Kind::Test => ("alert.test", "findings"),
            Kind::Alert | Kind::SignIn | Kind::Invitation | Kind::Wish => ("alert.opened", "findings"),
        };
        let account = json!({ "id": self.account.id, "slug": self.account.slug, "name": self.account.name });
        let rule = json!({ "id": self.rule.id, "sentence": self.about.rule });
        let href = letter::href(self.about.sender, self.about.slug, screen);
        json!({ "type": name, "timestamp": self.now, "data": { "account": account, "rule": rule, key: what, "href": href } })
    }
}

/// Looks at the rules of one account whose time has come, and puts what is news into the outbox.
///
/// # Errors
/// When the database does not let it.
pub async fn look_next(app: &App) -> anyhow::Result<Step> {
    let now = (app.clock)();
    let Some(turn) = app.store.take_alert_turn(now + TURN, now).await? else { return Ok(Step::Idle) };
    let Some(account) = app.store.account(turn.account_id.as_str()).await? else {
        app.store.end_alert_turn(&turn, Vec::new(), &[], None).await?;
        return Ok(Step::Worked);
    };
    let mut rules = app.store.alert_rules(&account.id).await?;
    if rules.is_empty() && !turn.was_suggested {
        rules = suggest(app, &account, now).await?;
    }
    // Where there is no rule, nobody looks until one is made, or somebody is there who could be told.
    let next = (!rules.is_empty()).then_some(now + LOOK_EVERY);
    let (changes, messages) = look(app, &account, rules, now).await?;
    app.store.end_alert_turn(&turn, changes, &messages, next).await?;
    if !messages.is_empty() {
        app.wake.post.notify_one();
    }
    Ok(Step::Worked)
}

/// Gives an account the rules that suit everybody, by mail to its managers: so that somebody hears of it although nobody
/// made a rule. Once, when HubSpot is connected and a manager is there; whoever takes them out has chosen.
async fn suggest(app: &App, account: &Account, now: Timestamp) -> anyhow::Result<Vec<AlertRule>> {
    let connection = app.store.connection_of(&account.id).await?;
    let is_connected = connection.is_some_and(|connection| connection.state != ConnectionState::Disconnected);
    let people = app.store.people(&Reach::One(account.id.clone())).await?;
    let managers = people.into_iter().filter(|person| person.role == Role::Manager).map(|person| person.email);
    let to: Vec<_> = managers.take(ADDRESSES_MAX).collect();
    if !is_connected || to.is_empty() || app.outside.mailer.is_none() {
        return Ok(Vec::new());
    }
    let rule = |watches: &Watch| AlertRule {
        id: AlertId::new(now),
        account_id: account.id.clone(),
        watches: watches.clone(),
        channel: Channel::Mail { to: to.clone() },
        quiet: None,
        is_on: true,
        revision: 1,
        created_by: Sign::SYSTEM.to_owned(),
        created_at: now,
        problem: None,
    };
    let rules: Vec<_> = Watch::SUGGESTED.iter().map(rule).collect();
    app.store.insert_suggested_rules(&account.id, &rules).await?;
    let entry = AuditEntry {
        id: AuditId::new(now),
        account_id: Some(account.id.clone()),
        at: now,
        actor: Sign::SYSTEM.to_owned(),
        action: "alerts.suggested.create".to_owned(),
        subject: String::new(),
        detail: json!({ "before": null, "after": rules.iter().map(|rule| rule.watches.to_string()).collect::<Vec<_>>() }),
    };
    app.store.note_action(&entry).await?;
    Ok(rules)
}

async fn look(
    app: &App,
    account: &Account,
    mut rules: Vec<AlertRule>,
    now: Timestamp,
) -> anyhow::Result<(Vec<Change>, Vec<Message>)> {
    rules.retain(|rule| rule.is_on);
    if rules.is_empty() {
        return Ok(Default::default());
    }
    let known = app.store.found(&account.id).await?;
    let facts = facts(&app.store, &account.id, (&rules, &known), now).await?;
    let sender = Sender { brand: &app.brand, public_url: app.public_url.as_deref() };
    let (mut changes, mut messages) = (Vec::new(), Vec::new());
    for rule in &rules {
        let own: Vec<Found> = known.iter().filter(|found| found.rule_id == rule.id).cloned().collect();
        let looked = watch::look(rule, &facts, &own);
        changes.extend(looked.changes);
        let sentence = rule.watches.to_string();
        let about = About { sender: &sender, account_name: &account.name, slug: &account.slug, rule: &sentence };
        let telling = Telling { account, rule, about: &about, now };
        match (&rule.watches, looked.opened.is_empty()) {
            (_, true) => {}
            (Watch::Weekly, false) => {
                let week = week(&app.store, account, now).await?;
                let href = letter::href(&sender, &account.slug, "");
                messages.extend(telling.week(&week, &week.letter(&app.brand, href.as_deref())?));
            }
            (_, false) => {
                let what = (json!(looked.opened), letter::screen(&looked.opened));
                messages.extend(telling.messages(Kind::Alert, what, &about.opened(&looked.opened)?));
            }
        }
        if !looked.resolved.is_empty() {
            let what = (json!(looked.resolved), letter::screen_of_over(&looked.resolved));
            messages.extend(telling.messages(Kind::Resolved, what, &about.resolved(&looked.resolved)?));
        }
    }
    Ok((changes, messages))
}

/// How an account stands, as far as these rules ask for it.
async fn facts(
    store: &Store,
    account: &AccountId,
    (rules, known): (&[AlertRule], &[Found]),
    now: Timestamp,
) -> store::Result<Facts> {
    let asks = |for_it: fn(&Watch) -> bool| rules.iter().any(|rule| for_it(&rule.watches));
    let connection = store.connection_of(account).await?;
    let mut facts = Facts {
        now,
        zone: zone_of(connection.as_ref()),
        connection: connection.as_ref().map(|connection| (connection.state, connection.problem.clone())),
        issues: Vec::new(),
        waiting: Vec::new(),
        failed: Vec::new(),
        figures: Figures::default(),
        rolled_back: Vec::new(),
        last_lead: None,
    };
    if asks(|watch| matches!(watch, Watch::Issue | Watch::Reconnect | Watch::LeadWaits { .. })) {
        let open = |issue: store::Issue| Open {
            is_muted: issue.is_muted(now),
            id: issue.id.to_string(),
            problem: issue.problem,
            since: issue.first_at,
            held: issue.held,
        };
        facts.issues = store.issues(Some(account)).await?.into_iter().map(open).collect();
    }
    if asks(|watch| matches!(watch, Watch::LeadWaits { .. })) {
        facts.waiting = store.waiting(account).await?;
    }
    // Of what waited and does so no longer, too: it may have ended badly.
    let gone = known.iter().filter(|found| found.gone_at.is_some()).map(|found| found.found_at).min();
    if asks(|watch| matches!(watch, Watch::Failed)) || gone.is_some() {
        let since = (now - FAILURE_IS_NEWS).min(gone.unwrap_or(now));
        facts.failed = store.failed_leads(account, since).await?;
    }
    if asks(|watch| matches!(watch, Watch::Failures { .. })) {
        let from = begin(hour(now) - 1);
        let hours = store.lead_hours(account, &Dealerships::Together, from, now + Duration::from_secs(1)).await?;
        hours.hours.iter().for_each(|hour| facts.figures.merge(&hour.figures));
    }
    if let Some(connection) = connection.filter(|_| asks(|watch| matches!(watch, Watch::RolledBack))) {
        let history = store.binding_history(&connection, BINDINGS).await?;
        facts.rolled_back = history.into_iter().filter_map(rolled_back).collect();
    }
    if asks(|watch| matches!(watch, Watch::Silence { .. })) {
        facts.last_lead = store.last_lead_at(account).await?;
    }
    Ok(facts)
}

/// A binding that one of our rules made to go back.
fn rolled_back(past: PastBinding) -> Option<RolledBack> {
    (past.restores.is_some() && past.by == Sign::SYSTEM).then(|| RolledBack {
        id: past.id.to_string(),
        at: past.at,
        version: past.version,
        reason: past.reason,
    })
}

/// What came of the leads of the last whole week.
///
/// # Errors
/// The database's.
pub async fn week(store: &Store, account: &Account, now: Timestamp) -> store::Result<Weekly> {
    let connection = store.connection_of(&account.id).await?;
    let zone = zone_of(connection.as_ref());
    let [before, from, until] = last_week(now, &zone).unwrap_or([now; 3]);
    let hours = async |of: Dealerships, from, until| store.lead_hours(&account.id, &of, from, until).await;
    let this = store.field_hours(&account.id, &Dealerships::Together, from, until).await?;
    let last = hours(Dealerships::Together, before, from).await?;
    let each = hours(Dealerships::Each, from, until).await?;
    let bindings = match &connection {
        Some(connection) => store.binding_history(connection, BINDINGS).await?,
        None => Vec::new(),
    };
    Ok(Weekly::of(&WeekSeen {
        whose: &account.name,
        from,
        until,
        hours: &this.hours,
        labels: &labels(store, connection.as_ref()).await?,
        before: &last.hours,
        dealerships: &each.hours,
        bindings: &bindings,
        open_issues: store.open_issues(&account.id, now).await?,
        is_connected: connection.is_some_and(|connection| connection.state != ConnectionState::Disconnected),
        zone: &zone,
    }))
}
