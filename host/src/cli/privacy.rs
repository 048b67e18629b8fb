//! `leadline privacy`: what is kept of one shopper, and how it is forgotten.

use std::io::IsTerminal as _;
use std::sync::Arc;

use super::deed::Deed;
use super::failure::{Failure, Result};
use super::{Context, who};
use crate::app;
use crate::deliver::Clock;
use crate::housekeeping::Limits;
use crate::model::account::Account;
use crate::model::erasure::{AtHubspot, Erasure, Phase, Suppression, WrittenRecord};
use crate::model::id::EventId;
use crate::model::time::clock;
use crate::model::word;
use crate::privacy::{self, Caps, Cut, Holdings, NOT_COVERED, Wish};
use crate::store::Store;
use crate::subject::Subject;

/// Erasures and suppressions that a list shows at most, the newest.
const LISTED_MAX: u32 = 1_000;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Say what is kept of a shopper, and where it went.
    Find(Find),
    /// Write everything that is kept of a shopper, as JSON.
    Export(Shopper),
    /// Forget a shopper: remove what is kept, stop what waits, and let no later lead of theirs through.
    Erase(Erase),
    /// List erasures, the newest first.
    #[command(alias = "ls")]
    List {
        /// Slug or id; without it, those of all accounts.
        #[arg(long)]
        account: Option<String>,
    },
    /// Show an erasure: how far it is, and its certificate.
    Certificate {
        /// Id of the erasure, `era_…`.
        erasure: String,
    },
    /// Ask HubSpot once more for the privacy deletes that it refused.
    AskAgain { erasure: String },
    /// Let no lead of a shopper through from now on, and keep what is there.
    Suppress(Suppress),
    /// List who is suppressed, by hashes.
    Suppressions {
        /// Slug or id; without it, those of all accounts.
        #[arg(long)]
        account: Option<String>,
    },
    /// Lift a suppression.
    Lift {
        /// Id of the suppression, `sup_…`.
        suppression: String,
        /// Why: it is kept.
        #[arg(long)]
        reason: String,
    },
    /// Show or set for how many days an account keeps what holds personal data.
    Retention {
        /// Slug or id.
        #[arg(long)]
        account: String,
        /// From 1 to 90; 0: as the service is set.
        #[arg(long)]
        days: Option<u32>,
        /// Only say what so many days would remove.
        #[arg(long)]
        dry_run: bool,
    },
}

impl Command {
    /// Never with the person: that is what the history must not keep.
    pub(super) fn deed(&self) -> Option<Deed> {
        let about = |action, shopper: &Shopper| Deed::of(action, "", Some(&shopper.account));
        match self {
            Self::Find(find) => about("shoppers.find", &find.shopper),
            Self::Export(shopper) => about("shoppers.export", shopper),
            Self::Erase(args) => about("erasures.create", &args.shopper),
            Self::AskAgain { erasure } => Deed::to("erasures.ask-again", erasure),
            Self::Suppress(args) => about("suppressions.create", &args.shopper),
            Self::Lift { suppression, .. } => Deed::of("suppressions.lift", suppression, None),
            Self::Retention { account, days: Some(_), dry_run: false } => Deed::to("accounts.retention.set", account),
            Self::List { .. } | Self::Certificate { .. } | Self::Suppressions { .. } | Self::Retention { .. } => None,
        }
    }
}

#[derive(clap::Args, Debug)]
pub struct Find {
    #[command(flatten)]
    shopper: Shopper,

    /// Only leads behind this one, `evt_…`: where a search before ended.
    #[arg(long)]
    after: Option<EventId>,
}

/// Who is meant.
#[derive(clap::Args, Debug)]
pub struct Shopper {
    /// Slug or id of the account.
    #[arg(long)]
    account: String,
    /// An e-mail address, as a whole.
    #[arg(long)]
    email: Vec<String>,
    /// A phone number, with its area code.
    #[arg(long)]
    phone: Vec<String>,
}

#[derive(clap::Args, Debug)]
pub struct Erase {
    #[command(flatten)]
    shopper: Shopper,
    /// Why, without the person: it is kept.
    #[arg(long)]
    reason: String,
    /// Ask HubSpot for a privacy delete of the contacts that were written.
    #[arg(long)]
    at_hubspot: bool,
    /// Do it without asking.
    #[arg(long)]
    yes: bool,
}

#[derive(clap::Args, Debug)]
pub struct Suppress {
    #[command(flatten)]
    shopper: Shopper,
    /// Why, without the person: it is kept.
    #[arg(long)]
    reason: String,
}

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    match command {
        Command::Find(Find { shopper, after }) => {
            let (account, subject) = named(&shopper, &store, context).await?;
            let found = privacy::find(&store, &account, &subject, (after, Caps::USUAL), clock()).await?;
            context.one(&found, holdings_text)
        }
        Command::Export(shopper) => {
            let (account, subject) = named(&shopper, &store, context).await?;
            let document = privacy::export(&store, &account, &subject, clock()).await?;
            context.json(&document)
        }
        Command::Erase(args) => erase(args, &store, context).await,
        Command::List { account } => {
            let account = context.account_or_all(&store, account.as_deref()).await?;
            let erasures = store.erasures(account.as_ref(), LISTED_MAX).await?;
            context.list(&erasures, &["Begun", "Id", "State", "Leads", "By", "Reason"], erasure_row, "No erasures.")
        }
        Command::Certificate { erasure } => {
            let erasure = found(&store, &erasure).await?;
            context.one(&erasure, certificate)
        }
        Command::AskAgain { erasure } => {
            let erasure = privacy::ask_again(&store, found(&store, &erasure).await?, clock()).await?;
            finish(erasure, &store, context).await
        }
        Command::Suppress(args) => {
            let (account, subject) = named(&args.shopper, &store, context).await?;
            privacy::suppress(&store, &account, &subject, (&args.reason, &who()), clock()).await?;
            let theirs = privacy::suppressions_of(&store, &account, &subject, clock()).await?;
            context.list(&theirs, &SUPPRESSIONS, suppression_row, "Nobody is suppressed.")
        }
        Command::Suppressions { account } => {
            let account = context.account_or_all(&store, account.as_deref()).await?;
            let all = store.suppressions(account.as_ref(), LISTED_MAX).await?;
            context.list(&all, &SUPPRESSIONS, suppression_row, "Nobody is suppressed.")
        }
        Command::Lift { suppression, reason } => {
            let none = || Failure::not_found(format!("there is no suppression `{suppression}`"));
            let one = store.suppression(&suppression).await?.ok_or_else(none)?;
            privacy::lift(&store, &one, (&reason, &who()), clock()).await?;
            let lifted = store.suppression(&suppression).await?.ok_or_else(none)?;
            context.one(&lifted, |one| format!("{} is lifted: leads that come from now on are written again.", one.id))
        }
        Command::Retention { account, days, dry_run } => retention(&account, days, dry_run, &store, context).await,
    }
}

async fn named(shopper: &Shopper, store: &Store, context: &Context<'_>) -> Result<(Account, Subject)> {
    let account = context.account(store, &shopper.account).await?;
    let subject = Subject::of(&shopper.email, &shopper.phone).map_err(privacy::PrivacyError::from)?;
    Ok((account, subject))
}

async fn erase(args: Erase, store: &Store, context: &mut Context<'_>) -> Result<()> {
    let (account, subject) = named(&args.shopper, store, context).await?;
    let given = args.shopper.email.first().or(args.shopper.phone.first()).cloned().unwrap_or_default();
    let confirm = if args.yes { given } else { typed(&account)? };
    let by = who();
    let wish = Wish { subject, confirm: &confirm, reason: &args.reason, by: &by, at_hubspot: args.at_hubspot };
    let erasure = privacy::erase(store, &account, &wish, clock()).await?;
    finish(erasure, store, context).await
}

/// What somebody types before something that cannot be undone.
#[expect(clippy::print_stderr, reason = "the question is for the person in front of it, and no data")]
fn typed(account: &Account) -> Result<String> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage("nobody is there to confirm it".to_owned()).hint("add `--yes`"));
    }
    eprintln!("This cannot be undone. Type the address or the number again to erase it from `{}`:", account.slug);
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line)
}

/// Does what is due of an erasure. What waits for HubSpot is done by the service.
async fn finish(mut erasure: Erasure, store: &Store, context: &mut Context<'_>) -> Result<()> {
    let hubspot = app::open_hubspot(&context.config)?;
    let clock: Clock = Arc::new(clock);
    while erasure.phase != Phase::Done && erasure.next_at <= clock() {
        privacy::go_on(store, &hubspot, erasure.clone(), &clock).await?;
        erasure = found(store, erasure.id.as_str()).await?;
    }
    context.one(&erasure, certificate)
}

async fn found(store: &Store, id: &str) -> Result<Erasure> {
    let found = store.erasure(id).await?;
    found.ok_or_else(|| {
        Failure::not_found(format!("there is no erasure `{id}`")).hint("`leadline privacy list` shows them")
    })
}

async fn retention(
    name: &str,
    days: Option<u32>,
    dry_run: bool,
    store: &Store,
    context: &mut Context<'_>,
) -> Result<()> {
    let account = context.account(store, name).await?;
    let own = days.filter(|days| *days > 0);
    let range = Limits::ACCOUNT_DAYS;
    if let Some(days) = own.filter(|days| !range.contains(days)) {
        let text = format!("an account keeps it for {} to {} days, not {days}", range.start(), range.end());
        return Err(Failure::usage(text));
    }
    if days.is_some() && !dry_run {
        context.changes(store.keep_days(&account.id).await?, own);
        store.set_keep_days(&account.id, own).await?;
    }
    let set = store.keep_days(&account.id).await?;
    let effect = match own.or(set) {
        Some(days) => Some(store.effect_of_days(&account.id, days, clock()).await?),
        None => None,
    };
    let shown = serde_json::json!({ "days": set, "effect": effect });
    context.one(&shown, |_| {
        let mut lines = vec![match set {
            Some(days) => format!("{} keeps what holds personal data for {days} days.", account.slug),
            None => format!("{} keeps what holds personal data for as long as the service is set to.", account.slug),
        }];
        if let (Some(effect), Some(days)) = (effect, own.or(set)) {
            let more = if effect.is_more { " or more" } else { "" };
            lines.push(format!("Of {}{more} leads, {} are older than {days} days.", effect.kept, effect.removed));
        }
        lines.join("\n")
    })
}

fn holdings_text(found: &Holdings) -> String {
    if found.is_nothing() {
        let suppressed = if found.is_suppressed { " They are suppressed." } else { "" };
        return format!("We hold nothing.{suppressed}");
    }
    let noun = if found.leads.len() == 1 { "lead" } else { "leads" };
    let mut lines = vec![format!("{} {noun}", found.leads.len())];
    for lead in &found.leads {
        lines.push(format!("  {}  {}  {:<20}  {}", lead.event_id, lead.received_at, lead.outcome, lead.kept()));
        lines.extend(lead.records.iter().map(|record| format!("    HubSpot {}", record_text(record))));
    }
    lines.extend(found.cut.as_ref().map(Cut::text));
    let elsewhere = &found.elsewhere;
    for (count, what) in [
        (elsewhere.refused_requests.len() as u64, "refused requests"),
        (elsewhere.kept_answers, "kept answers"),
        (elsewhere.samples.len() as u64, "samples"),
        (elsewhere.issues.len() as u64, "issues"),
        (elsewhere.history.len() as u64, "entries of the history"),
    ] {
        lines.extend((count > 0).then(|| format!("{count} {what}")));
    }
    if !found.also_known_by.is_empty() {
        lines.push(format!("These leads also name {}: look for that, too.", found.also_known_by.join(", ")));
    }
    lines.extend(found.is_suppressed.then(|| "They are suppressed.".to_owned()));
    lines.join("\n")
}

fn record_text(record: &WrittenRecord) -> String {
    format!("{}, {}", record.name(), record.connection_id)
}

fn erasure_row(erasure: &Erasure) -> Vec<String> {
    let Erasure { created_at, id, phase, removed, made_by, reason, .. } = erasure;
    let state =
        if *phase == Phase::Done && erasure.is_short() { "done, not at HubSpot".to_owned() } else { word(phase) };
    vec![created_at.to_string(), id.to_string(), state, removed.leads.to_string(), made_by.clone(), reason.clone()]
}

fn certificate(erasure: &Erasure) -> String {
    let Erasure { id, phase, reason, made_by, created_at, finished_at, removed, .. } = erasure;
    let mut lines = vec![format!("Erasure {id}: {}", word(phase))];
    lines.push(format!("  asked for by {made_by} at {created_at}: {reason}"));
    lines.extend(finished_at.map(|at| format!("  finished {at}")));
    lines.extend(erasure.subject.iter().map(|one| format!("  {} {}", word(&one.kind), one.hash)));
    for (count, what) in removed.lines() {
        lines.push(format!("  {count:>6}  {what}"));
    }
    for record in &erasure.records {
        let said = match (record.state, &record.answer) {
            (AtHubspot::Waiting, _) => "is to be asked".to_owned(),
            (AtHubspot::Deleted, _) => "deleted for good".to_owned(),
            (AtHubspot::Absent, _) => "was not there any more".to_owned(),
            (AtHubspot::Left, _) => "left as it is".to_owned(),
            (AtHubspot::Refused, answer) => format!("not deleted: {}", answer.as_deref().unwrap_or_default()),
        };
        lines.push(format!("  HubSpot {}: {said}", record_text(record)));
    }
    lines.push("Not covered:".to_owned());
    lines.extend(NOT_COVERED.iter().map(|what| format!("  {what}")));
    lines.join("\n")
}

const SUPPRESSIONS: [&str; 7] = ["Since", "Id", "Kind", "Hash", "By", "Reason", "Lifted"];

fn suppression_row(one: &Suppression) -> Vec<String> {
    let Suppression { id, hashed, reason, made_by, made_at, lifted, .. } = one;
    let lifted = lifted.as_ref().map(|lifted| format!("{} by {}: {}", lifted.at, lifted.by, lifted.reason));
    vec![
        made_at.to_string(),
        id.to_string(),
        word(&hashed.kind),
        hashed.hash.clone(),
        made_by.clone(),
        reason.clone(),
        lifted.unwrap_or_default(),
    ]
}
