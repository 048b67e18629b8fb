//! `leadline lead`: the list of leads, as the dashboard shows it; by cause, as a table, and by filters that have a name.

pub(super) mod tail;
mod view;

use super::Context;
use super::deed::Deed;
use super::failure::{Failure, Result};
use super::output::printable;
use crate::model::access::Sight;
use crate::model::account::{Account, Connection};
use crate::model::time::clock;
use crate::store::{CauseCount, LeadFilter, LeadRow, Store};
use crate::view::logs::{Query, Row};
use crate::view::outcome::Reader;
use crate::view::{csv, moment};

/// Leads that one list shows at most.
const PAGE_MAX: u32 = 200;
/// Leads that a list shows where nobody says otherwise.
const PAGE_DEFAULT: u32 = 20;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// List leads with what became of them, newest first.
    #[command(alias = "ls")]
    List(Box<List>),
    /// Filters of the list that have a name.
    #[command(subcommand)]
    View(view::Command),
}

impl Command {
    pub(super) fn deed(&self) -> Option<Deed> {
        match self {
            Self::View(command) => command.deed(),
            Self::List(list) => list.csv.then(|| Deed::of("leads.csv", "", list.which.account.as_deref())).flatten(),
        }
    }
}

#[derive(clap::Args, Debug)]
pub struct List {
    #[command(flatten)]
    which: Which,
    /// At most this many.
    #[arg(long)]
    limit: Option<u32>,
    /// Count the causes instead: why leads wait, failed, were skipped, or lack something.
    #[arg(long, conflicts_with_all = ["limit", "csv"])]
    by_cause: bool,
    /// Print all that match as a CSV table, 50,000 at most.
    #[arg(long, conflicts_with = "limit")]
    csv: bool,
}

/// Which leads: those that fit everything that is named.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Which {
    /// Only those of this account.
    #[arg(long)]
    account: Option<String>,
    /// Those of a saved view of the account, by its name or id.
    #[arg(long, value_name = "NAME", requires = "account")]
    view: Option<String>,
    /// Only those that came to this: synced, synced_with_warnings, sending, retrying, needs_attention, failed, skipped,
    /// cancelled, removed; or to one of several: in_hubspot, not_in_hubspot, open, not_sent.
    #[arg(long)]
    outcome: Option<String>,
    /// Only those whose contact was created, or updated; or those that are in HubSpot without one.
    #[arg(long, value_name = "created|updated|none")]
    contact: Option<String>,
    /// Only those with an e-mail address, or without one.
    #[arg(long, value_name = "with|without")]
    email: Option<String>,
    /// Only those with this cause, such as `property.missing`.
    #[arg(long, value_name = "CODE")]
    cause: Option<String>,
    /// Only those of this type, such as `lead.captured.v1`.
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Only those of this dealership, by its slug.
    #[arg(long, value_name = "SLUG")]
    dealership: Option<String>,
    /// Only those with this name, address, phone number or lead id.
    #[arg(long)]
    text: Option<String>,
    /// Only those received then or later: a moment, or a day in the time zone of the portal.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only those received before that moment, or until the end of that day.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only our own test leads, or none of them.
    #[arg(long, value_name = "only|none")]
    test: Option<String>,
    /// Only those whose contact may be a second one of the same person: without an e-mail address, and with the phone
    /// number of another such contact.
    #[arg(long, value_name = "possible")]
    duplicate: Option<String>,
}

impl Which {
    /// What the words filter by, on top of a saved view.
    fn query(&self, view: Query) -> Result<Query> {
        let over = |said: &Option<String>, saved: String| said.clone().unwrap_or(saved);
        let query = Query {
            outcome: over(&self.outcome, view.outcome),
            contact: over(&self.contact, view.contact),
            email: over(&self.email, view.email),
            cause: over(&self.cause, view.cause),
            event_type: over(&self.event_type, view.event_type),
            dealership: over(&self.dealership, view.dealership),
            text: over(&self.text, view.text),
            from: over(&self.from, view.from),
            until: over(&self.until, view.until),
            test: over(&self.test, view.test),
            duplicate: over(&self.duplicate, view.duplicate),
            ..Query::default()
        };
        match query.wrong() {
            None => Ok(query),
            Some((field, value)) => {
                let text = format!("`{value}` is no {field} to filter by");
                Err(Failure::usage(text).hint("`leadline lead list --help` says what there is"))
            }
        }
    }
}

/// What somebody means, and how it is told.
pub(super) struct Meant {
    pub(super) account: Option<Account>,
    connection: Option<Connection>,
    pub(super) filter: LeadFilter,
    zone: jiff::tz::TimeZone,
}

impl Meant {
    pub(super) async fn find(which: &Which, store: &Store, context: &Context<'_>) -> Result<Self> {
        let account = match &which.account {
            Some(name) => Some(context.account(store, name).await?),
            None => None,
        };
        let view = match (&account, &which.view) {
            (Some(account), Some(name)) => Query::decoded(&view::found(store, account, name).await?.query),
            _ => Query::default(),
        };
        let query = which.query(view)?;
        let connection = match &account {
            Some(account) => store.connection_of(&account.id).await?,
            None => None,
        };
        let zone = moment::zone_of(connection.as_ref());
        let reader = Reader { now: clock(), zone: zone.clone() };
        let filter = query.filter_of(account.as_ref().map(|account| &account.id), &reader);
        Ok(Self { account, connection, filter, zone })
    }

    pub(super) fn row(&self, lead: &LeadRow) -> Row {
        let reader = Reader { now: clock(), zone: self.zone.clone() };
        Row::of(lead, self.connection.as_ref(), Sight::Whole, &reader)
    }
}

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    match command {
        Command::List(list) => run_list(*list, context).await,
        Command::View(command) => view::run(command, context).await,
    }
}

async fn run_list(list: List, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let limit = list.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Failure::usage(format!("a page has 1 to {PAGE_MAX} leads, not {limit}")));
    }
    let meant = Meant::find(&list.which, &store, context).await?;
    if list.csv {
        return table(&meant, &store, context).await;
    }
    if list.by_cause {
        let causes = store.lead_causes(&meant.filter).await?;
        return context.list(&causes, &["Cause", "What", "Leads", "Newest"], cause_row, "No lead has a cause.");
    }
    let page = store.leads(&LeadFilter { limit, ..meant.filter.clone() }).await?;
    let rows: Vec<_> = page.rows.iter().map(|lead| meant.row(lead)).collect();
    context.list(&rows, &["Received", "Id", "Outcome", "Person", "What happened"], cells, "No leads match.")
}

fn cells(row: &Row) -> Vec<String> {
    let person = row.person.as_ref().map(|person| person.name.clone()).unwrap_or_default();
    let outcome = row.told.label.to_owned();
    vec![row.received.at.to_string(), row.event.to_string(), outcome, person, row.told.sentence.clone()]
}

fn cause_row(cause: &CauseCount) -> Vec<String> {
    let leads = format!("{}{}", cause.count.leads, if cause.count.is_more { "+" } else { "" });
    vec![cause.code.to_string(), cause.code.title().to_owned(), leads, cause.newest_at.to_string()]
}

/// The table, a page at a time.
async fn table(meant: &Meant, store: &Store, context: &mut Context<'_>) -> Result<()> {
    let mut filter = LeadFilter { limit: PAGE_MAX, ..meant.filter.clone() };
    let mut lines = 0;
    write!(context.out, "{}", csv::header())?;
    loop {
        let page = store.leads(&filter).await?;
        for lead in page.rows.iter().take(csv::LEADS_MAX - lines) {
            write!(context.out, "{}", printable_csv(&csv::lead(&meant.row(lead))))?;
        }
        lines += page.rows.len();
        filter.before = page.next;
        if lines >= csv::LEADS_MAX && (lines > csv::LEADS_MAX || filter.before.is_some()) {
            write!(context.out, "{}", csv::cut())?;
            return Ok(());
        }
        if filter.before.is_none() {
            return Ok(());
        }
    }
}

/// A line as a terminal may show it; its end stays.
fn printable_csv(line: &str) -> String {
    line.strip_suffix("\r\n").map_or_else(|| printable(line), |line| printable(line) + "\r\n")
}
