//! `leadline alert`: rules by which people are told, and what they were sent.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::Context;
use super::deed::Deed;
use super::failure::{Failure, Result};
use crate::alerts::{self, AlertError, Wish};
use crate::app;
use crate::letter::Sender;
use crate::model::alert::{AlertRule, Channel, Clock, Day, Opening, Quiet, Watch};
use crate::model::message::Message;
use crate::model::time::clock;
use crate::store::Store;

/// Messages that are listed.
const LISTED_MAX: u32 = 50;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// List the rules of an account.
    #[command(alias = "ls")]
    List {
        #[arg(long)]
        account: String,
    },
    /// Make a rule: what it watches for, and who is told.
    Create(Box<Create>),
    /// Change a rule. What is not named stays as it is.
    Set(Box<Set>),
    /// Take a rule out.
    #[command(alias = "rm")]
    Delete {
        /// Id of the rule, `alr_…`.
        rule: String,
    },
    /// Give the webhook of a rule a new secret, which is shown once. For a day the one before signs beside it.
    Rotate {
        /// Id of the rule, `alr_…`.
        rule: String,
    },
    /// Send a message that says that nothing is wrong; the service carries it out.
    Test {
        /// Id of the rule, `alr_…`.
        rule: String,
    },
    /// List what was sent, and what is on its way.
    Messages {
        /// Slug or id; without one, what the house sent.
        #[arg(long)]
        account: Option<String>,
    },
}

impl Command {
    pub(super) fn deed(&self) -> Option<Deed> {
        match self {
            Self::Create(args) => Deed::of("alerts.create", "", Some(&args.account)),
            Self::Set(args) => Deed::to("alerts.set", &args.rule),
            Self::Delete { rule } => Deed::to("alerts.delete", rule),
            Self::Rotate { rule } => Deed::to("alerts.rotate", rule),
            Self::Test { rule } => Deed::to("alerts.test", rule),
            Self::List { .. } | Self::Messages { .. } => None,
        }
    }
}

#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  leadline alert create --account acme --reconnect --mail maya@example.com
  leadline alert create --account acme --lead-waits 15 --webhook https://example.com/hooks/leads --quiet 22:00-07:00
  leadline alert create --account acme --silence 4 --open 09:00-18:00 --days mon,tue,wed,thu,fri --mail maya@example.com")]
pub struct Create {
    #[arg(long)]
    account: String,

    #[command(flatten)]
    asked: Asked,
}

#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  leadline alert set RULE --lead-waits 30
  leadline alert set RULE --mail maya@example.com,ben@example.com --no-quiet
  leadline alert set RULE --off")]
pub struct Set {
    /// Id of the rule, `alr_…`.
    rule: String,

    #[command(flatten)]
    asked: Asked,

    /// Messages at any hour.
    #[arg(long, conflicts_with = "quiet")]
    no_quiet: bool,

    /// It tells people again.
    #[arg(long)]
    on: bool,

    /// It tells nobody until it is on again.
    #[arg(long, conflicts_with = "on")]
    off: bool,
}

/// What a rule is about.
#[derive(clap::Args, Debug)]
struct Asked {
    #[command(flatten)]
    watched: Watched,

    #[command(flatten)]
    told: Told,

    /// Hours without messages, in the account's time zone, such as `22:00-07:00`.
    #[arg(long, value_name = "HOURS", value_parser = span)]
    quiet: Option<(Clock, Clock)>,

    /// Opening hours, for `--silence`. [default: 09:00-18:00]
    #[arg(long, value_name = "HOURS", value_parser = span, requires = "silence")]
    open: Option<(Clock, Clock)>,

    /// Days on which it is open, for `--silence`. [default: mon,tue,wed,thu,fri,sat]
    #[arg(long, value_delimiter = ',', value_parser = day, requires = "silence")]
    days: Vec<Day>,
}

/// What a rule watches for.
#[derive(clap::Args, Debug)]
#[group(multiple = false)]
struct Watched {
    /// A lead has waited for more than so many minutes.
    #[arg(long, value_name = "MINUTES")]
    lead_waits: Option<u32>,
    /// HubSpot has to be connected again.
    #[arg(long)]
    reconnect: bool,
    /// A lead failed, and is not tried again by itself.
    #[arg(long)]
    failed: bool,
    /// More than so many percent of the leads of the last hour failed.
    #[arg(long, value_name = "PERCENT")]
    failures: Option<u32>,
    /// Something stands in the way of leads.
    #[arg(long)]
    issue: bool,
    /// A version was rolled back by itself.
    #[arg(long)]
    rolled_back: bool,
    /// No lead for so many opening hours.
    #[arg(long, value_name = "HOURS")]
    silence: Option<u32>,
    /// The week's leads, every Monday at 08:00.
    #[arg(long)]
    weekly: bool,
}

/// Who is told.
#[derive(clap::Args, Debug)]
#[group(multiple = false)]
struct Told {
    /// Addresses of mail.
    #[arg(long, value_delimiter = ',', value_name = "ADDRESSES")]
    mail: Vec<String>,
    /// Address of a webhook. The secret that signs for it is shown once.
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
}

/// Two times of the day, such as `22:00-07:00`.
fn span(text: &str) -> std::result::Result<(Clock, Clock), String> {
    let (from, until) =
        text.split_once('-').ok_or_else(|| format!("`{text}` is no span; it looks like 22:00-07:00"))?;
    let clock = |text: &str| text.parse::<Clock>().map_err(|error| error.to_string());
    Ok((clock(from)?, clock(until)?))
}

fn day(text: &str) -> std::result::Result<Day, String> {
    let found = Day::ALL.into_iter().find(|day| crate::model::word(day) == text.to_lowercase());
    found.ok_or_else(|| format!("`{text}` is no day; they are mon, tue, wed, thu, fri, sat, sun"))
}

impl Asked {
    /// What is named to watch for, if anything is. Opening hours that are not named are the usual ones.
    fn watches(&self, usual: Opening) -> Option<Watch> {
        let (from, until) = self.open.unwrap_or((usual.from, usual.until));
        let days = if self.days.is_empty() { usual.days } else { self.days.clone().into() };
        match self.watched {
            Watched { lead_waits: Some(minutes), .. } => Some(Watch::LeadWaits { minutes }),
            Watched { failures: Some(percent), .. } => Some(Watch::Failures { percent }),
            Watched { silence: Some(hours), .. } => Some(Watch::Silence { hours, open: Opening { from, until, days } }),
            Watched { reconnect: true, .. } => Some(Watch::Reconnect),
            Watched { failed: true, .. } => Some(Watch::Failed),
            Watched { issue: true, .. } => Some(Watch::Issue),
            Watched { rolled_back: true, .. } => Some(Watch::RolledBack),
            Watched { weekly: true, .. } => Some(Watch::Weekly),
            Watched { .. } => None,
        }
    }

    /// Who is named to be told, if anybody is.
    fn channel(&self) -> Option<Channel> {
        match &self.told {
            Told { webhook: Some(url), .. } => Some(Channel::Webhook { url: url.clone() }),
            Told { mail, .. } if !mail.is_empty() => Some(Channel::Mail { to: mail.clone() }),
            Told { .. } => None,
        }
    }

    fn quiet(&self) -> Option<Quiet> {
        self.quiet.map(|(from, until)| Quiet { from, until })
    }

    /// A rule as a whole.
    fn wish(&self) -> Result<Wish> {
        let watches = self.watches(Opening::USUAL).ok_or_else(|| {
            Failure::usage("it is not said what the rule watches for".to_owned())
                .hint("name one of --lead-waits, --reconnect, --failed, --failures, --issue, --rolled-back, --silence and --weekly")
        })?;
        let channel = self.channel().ok_or_else(|| {
            Failure::usage("it is not said who is told".to_owned()).hint("name --mail ADDRESSES or --webhook URL")
        })?;
        Ok(Wish { watches, channel, quiet: self.quiet() })
    }
}

impl Set {
    /// Whether the rule is turned on or off, and nothing else.
    fn says_nothing_else(&self) -> bool {
        let names_nothing = self.asked.watches(Opening::USUAL).is_none() && self.asked.channel().is_none();
        names_nothing && self.asked.quiet.is_none() && !self.no_quiet && (self.on || self.off)
    }
}

impl From<AlertError> for Failure {
    fn from(error: AlertError) -> Self {
        let (text, fix) = (error.to_string(), error.fix());
        match error {
            AlertError::Store(error) => error.into(),
            AlertError::Ours(error) => error.into(),
            AlertError::NoRule(_) => Self::not_found(text).hint(fix),
            AlertError::Changed
            | AlertError::NoMail
            | AlertError::NoWebhook
            | AlertError::TooMany
            | AlertError::TooManyTests => Self::conflict(text).hint(fix),
            AlertError::Watch(_)
            | AlertError::Webhook(_)
            | AlertError::Address(_)
            | AlertError::Addresses(_)
            | AlertError::NoQuiet(_) => Self::usage(text).hint(fix),
        }
    }
}

async fn found(store: &Store, id: &str) -> Result<AlertRule> {
    Ok(store.alert_rule(id).await?.ok_or_else(|| AlertError::NoRule(id.to_owned()))?)
}

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    match command {
        Command::List { account } => {
            let account = context.account(&store, &account).await?;
            let head = ["Rule", "When", "Told", "Not from", "State"];
            context.list(&store.alert_rules(&account.id).await?, &head, row, "No rules: nobody is told anything.")
        }
        Command::Create(asked) => create(*asked, &store, context).await,
        Command::Set(asked) => set(*asked, &store, context).await,
        Command::Delete { rule } => {
            let found = found(&store, &rule).await?;
            store.remove_alert_rule(&found).await?;
            context.changes(found.told(), serde_json::Value::Null);
            context.one(&json!({ "id": rule, "removed": true }), |_| format!("Rule {rule} tells nobody any more."))
        }
        Command::Rotate { rule } => {
            let (rule, secret) = alerts::rotate(&store, &found(&store, &rule).await?, clock()).await?;
            let secret = secret.as_ref().map(|secret| secret.expose_secret());
            context.one(&json!({ "rule": rule, "secret": secret }), |_| {
                format!(
                    "The new secret of rule {}, shown this once:\n{}\nThe one before signs beside it for {} h more.",
                    rule.id,
                    secret.unwrap_or_default(),
                    alerts::OVERLAP.as_secs() / 3600
                )
            })
        }
        Command::Test { rule } => {
            let found = found(&store, &rule).await?;
            let account = context.account(&store, found.account_id.as_str()).await?;
            let public_url = context.config.public_url()?;
            let brand = context.config.brand.clone();
            let sender = Sender { brand: &brand, public_url: public_url.as_deref() };
            let messages = alerts::test(&store, &sender, &account, &found, clock()).await?;
            context.one(&messages, |_| format!("On its way: {}.", found.channel))
        }
        Command::Messages { account } => {
            let account = context.account_or_all(&store, account.as_deref()).await?;
            let messages = store.messages(account.as_ref(), None, LISTED_MAX).await?;
            let head = ["Made", "What", "To", "State", "Why"];
            context.list(&messages, &head, message_row, "Nothing was sent yet.")
        }
    }
}

async fn create(asked: Create, store: &Store, context: &mut Context<'_>) -> Result<()> {
    let account = context.account(store, &asked.account).await?;
    let outside = app::open_outside(&context.config)?;
    let by = super::who();
    let (rule, secret) = alerts::create(store, &outside, &account, &by, asked.asked.wish()?, clock()).await?;
    context.changes(serde_json::Value::Null, rule.told());
    say(&rule, secret.as_ref(), context)
}

async fn set(asked: Set, store: &Store, context: &mut Context<'_>) -> Result<()> {
    let before = found(store, &asked.rule).await?;
    let is_on = if before.is_on { !asked.off } else { asked.on };
    if asked.says_nothing_else() {
        alerts::switch(store, &before, is_on).await?;
        let rule = found(store, &asked.rule).await?;
        context.changes(before.told(), rule.told());
        return say(&rule, None, context);
    }
    let opening = match &before.watches {
        Watch::Silence { open, .. } => open.clone(),
        _ => Opening::USUAL,
    };
    let outside = app::open_outside(&context.config)?;
    let wish = Wish {
        watches: asked.asked.watches(opening).unwrap_or_else(|| before.watches.clone()),
        channel: asked.asked.channel().unwrap_or_else(|| before.channel.clone()),
        quiet: if asked.no_quiet { None } else { asked.asked.quiet().or(before.quiet) },
    };
    let (rule, secret) = alerts::change(store, &outside, &before, wish, is_on).await?;
    context.changes(before.told(), rule.told());
    say(&rule, secret.as_ref(), context)
}

/// A rule that was made or changed, with its secret where it has a new one.
fn say(rule: &AlertRule, secret: Option<&SecretString>, context: &mut Context<'_>) -> Result<()> {
    let made = json!({ "rule": rule, "secret": secret.map(|secret| secret.expose_secret()) });
    context.one(&made, |_| {
        let state = if rule.is_on { "" } else { ", off" };
        let made = format!("Rule {}: {}, {}{state}.", rule.id, rule.watches, rule.channel);
        match secret {
            Some(secret) => format!(
                "{made}\nIts requests are signed with this secret, which is shown this once:\n{}",
                secret.expose_secret()
            ),
            None => made,
        }
    })
}

fn row(rule: &AlertRule) -> Vec<String> {
    let state = match (&rule.problem, rule.is_on) {
        (_, false) => "off".to_owned(),
        (Some(problem), true) => format!("the last message did not arrive: {problem}"),
        (None, true) => "watching".to_owned(),
    };
    let quiet = rule.quiet.map(|quiet| quiet.to_string()).unwrap_or_default();
    vec![rule.id.to_string(), rule.watches.to_string(), rule.channel.to_string(), quiet, state]
}

fn message_row(message: &Message) -> Vec<String> {
    vec![
        message.created_at.to_string(),
        message.subject.clone(),
        message.recipient.clone(),
        crate::model::word(&message.state),
        message.reason.clone().unwrap_or_default(),
    ]
}
