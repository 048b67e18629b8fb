//! `leadline property`: whether HubSpot has the properties that leads need, creating what is missing or using another one in
//! its place, and filling in what leads went without.

use std::sync::Arc;

use super::deed::Deed;
use super::failure::{Failure, Result};
use super::output::{printable, table};
use super::{Context, who};
use crate::app::open_hubspot;
use crate::cause::Problem;
use crate::connection::checklist::{self, Check, Consent, Creation, Done, What, Work};
use crate::connection::fill::{self, Report, Wish};
use crate::connection::fill_job::{self, FillJobError};
use crate::connection::policy::{self, Change, Changed};
use crate::connection::session::{self, Session};
use crate::model::account::{Connection, ConnectionState};
use crate::model::fill::Fill;
use crate::model::portal::CONTACT;
use crate::model::time::clock;
use crate::model::word;
use crate::store::Store;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Compare HubSpot's properties with those that the account's transformations write.
    Check {
        #[command(flatten)]
        of: Of,
    },
    /// Create what is missing, after showing it; nothing that exists is changed.
    Create {
        #[command(flatten)]
        of: Of,
        /// Show what would be created, and create nothing.
        #[arg(long)]
        dry_run: bool,
        /// Restore archived properties too: HubSpot brings them back as they were.
        #[arg(long)]
        yes: bool,
        /// Add missing options to properties that exist.
        #[arg(long)]
        options: bool,
        /// Only this property; may be given several times.
        #[arg(long, value_name = "NAME")]
        property: Vec<String>,
    },
    /// Write to a property that HubSpot has already, in place of the one that the transformations name.
    Use {
        #[command(flatten)]
        of: Of,
        /// The property that the transformations name, such as `vehicle_of_interest`.
        name: String,
        /// The property of HubSpot that takes its values from now on; without it, the one of its own name again.
        #[arg(value_name = "IN_ITS_PLACE")]
        instead: Option<String>,
        /// Whose property it is: `contact`, `deal`, or an object type id.
        #[arg(long, value_name = "TYPE", default_value = "contact")]
        object: String,
    },
    /// Fill in what leads went without, where the record in HubSpot is still empty.
    Fill {
        #[command(flatten)]
        of: Of,
        /// Only this property.
        #[arg(long)]
        property: Option<String>,
        /// Show what would be filled in, and write nothing.
        #[arg(long)]
        dry_run: bool,
        /// At most so many records.
        #[arg(long)]
        limit: Option<usize>,
        /// Go on behind this place, which the run before printed.
        #[arg(long, value_name = "PLACE")]
        after: Option<String>,
        /// Let the running service do all of it, a page at a time.
        #[arg(long, conflicts_with_all = ["property", "dry_run", "limit", "after"])]
        background: bool,
    },
    /// Show how far filling in came that runs in the background, or end it.
    Filling {
        #[command(flatten)]
        of: Of,
        /// End it. What is filled in stays.
        #[arg(long)]
        cancel: bool,
    },
}

impl Command {
    pub(super) fn deed(&self) -> Option<Deed> {
        match self {
            Self::Create { of, dry_run: false, .. } => {
                Deed::of("connections.properties.create-missing", &of.account, Some(&of.account))
            }
            Self::Use { of, .. } => Deed::of("connections.policy.set", &of.account, Some(&of.account)),
            Self::Fill { of, background: true, .. } => Deed::of("connections.fills", &of.account, Some(&of.account)),
            Self::Filling { of, cancel: true } => Deed::of("connections.fills.cancel", &of.account, Some(&of.account)),
            Self::Fill { of, dry_run: false, .. } => {
                Deed::of("connections.properties.fill", &of.account, Some(&of.account))
            }
            Self::Check { .. } | Self::Create { .. } | Self::Fill { .. } | Self::Filling { .. } => None,
        }
    }
}

/// Whose portal.
#[derive(clap::Args, Debug)]
pub struct Of {
    /// Slug or id of the account.
    #[arg(long)]
    account: String,
    /// HubSpot's id of the portal, where the account has several.
    #[arg(long)]
    portal: Option<i64>,
}

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    match command {
        Command::Check { of } => {
            let session = talk(&store, &of, context).await?;
            let check = checklist::check(&store, &session, clock()).await?.map_err(|why| away(&why))?;
            show_check(&check, &of.account, context)
        }
        Command::Create { of, dry_run, yes, options, property } => {
            let session = talk(&store, &of, context).await?;
            let consent = Consent { only: property, restore: yes, options, dry_run };
            let creation = checklist::create_missing(&store, &session, consent, clock()).await?;
            show_creation(&creation.map_err(|why| away(&why))?, dry_run, context)
        }
        Command::Use { of, name, instead, object } => {
            let connection = found(&store, &of, context).await?;
            let instead = instead.unwrap_or_else(|| name.clone());
            let told = format!("Leads write `{instead}`{} from now on.", in_place_of(&name, &instead));
            let changed = policy::change(&store, &connection, Change::of_name(object, name, instead), clock()).await?;
            context.changes(policy::told(&connection), policy::told(&changed.connection));
            let Changed { connection, released } = changed;
            let went = if released > 0 { format!("\n{released} that waited go on.") } else { String::new() };
            context.one(&connection, |_| told + &went)
        }
        Command::Fill { of, background: true, .. } => {
            let connection = found(&store, &of, context).await?;
            let job = fill_job::begin(&store, &connection, &who(), clock()).await?;
            context.one(&job, job_text)
        }
        Command::Filling { of, cancel } => {
            let connection = found(&store, &of, context).await?;
            if cancel {
                fill_job::cancel(&store, &connection).await?;
            }
            let job = store.fill_job(&connection).await?;
            let none = || Failure::not_found("nothing was ever filled in in the background".to_owned());
            context.one(&job.ok_or_else(none)?, job_text)
        }
        Command::Fill { of, property, dry_run, limit, after, background: false } => {
            let session = talk(&store, &of, context).await?;
            let wish = Wish { property, limit, after, dry_run };
            let report = fill::fill(&store, &session, &wish, &(Arc::new(clock) as crate::deliver::Clock)).await?;
            show_report(&report, &wish, context)
        }
    }
}

impl From<FillJobError> for Failure {
    fn from(error: FillJobError) -> Self {
        let text = error.to_string();
        match error {
            FillJobError::Store(error) => error.into(),
            FillJobError::Running => Self::conflict(text).hint("`leadline property filling` shows how far it is"),
            FillJobError::NotRunning => Self::conflict(text),
        }
    }
}

fn job_text(job: &Fill) -> String {
    let Fill { state, progress, .. } = job;
    let mut lines = vec![format!(
        "{}: {} values of {} records filled in, {} of {} records left",
        word(state),
        progress.values,
        progress.records,
        progress.left,
        progress.total
    )];
    lines.extend(progress.left_out.iter().map(|(reason, values)| format!("  {values} left out: {reason}")));
    lines.extend(progress.waits.map(|code| format!("  it waits: {}", code.title())));
    lines.join("\n")
}

fn in_place_of(name: &str, instead: &str) -> String {
    if name == instead { String::new() } else { format!(" in place of `{name}`") }
}

/// The portal of an account.
async fn found(store: &Store, of: &Of, context: &Context<'_>) -> Result<Connection> {
    let account = context.account(store, &of.account).await?;
    let connections = store.connections(Some(&account.id)).await?;
    let wanted = |portal_id| of.portal.is_none_or(|wanted| wanted == portal_id);
    let is_open = |state| state != ConnectionState::Disconnected;
    let found = connections.into_iter().find(|one| wanted(one.portal_id) && is_open(one.state));
    found.ok_or_else(|| {
        Failure::not_found(format!("the account `{}` is not connected to such a portal", account.slug))
            .hint(format!("leadline connection connect --account {}", account.slug))
    })
}

/// The portal of an account, ready to be talked to.
async fn talk(store: &Store, of: &Of, context: &Context<'_>) -> Result<Session> {
    let found = found(store, of, context).await?;
    let hubspot = open_hubspot(&context.config)?;
    Ok(session::open(store, &hubspot, &found, &clock).await?)
}

fn away(why: &Problem) -> Failure {
    Failure::temporary(format!("HubSpot did not answer: {}", why.detail)).hint("try it again in a moment")
}

fn show_check(check: &Check, account: &str, context: &mut Context<'_>) -> Result<()> {
    if context.json {
        context.json(&serde_json::json!({ "data": check }))?;
    } else {
        write_rows(check, account, context)?;
        if check.dropped_leads > 0 {
            let count = check.dropped_leads;
            let leads = if count == 1 { "lead" } else { "leads" };
            writeln!(context.out, "{count} {leads} went without a value: leadline property fill --account {account}")?;
        }
    }
    if !check.has_trouble() {
        return Ok(());
    }
    let unfit = check.rows.iter().filter(|row| row.state.is_trouble()).count();
    let text =
        format!("{unfit} of {} properties do not fit, and {} other things", check.rows.len(), check.problems.len());
    Err(Failure::problems(text).hint(format!("`leadline property create --account {account}` creates what is missing")))
}

fn write_rows(check: &Check, account: &str, context: &mut Context<'_>) -> Result<()> {
    let mut rows = table(&["Property", "Label", "Type", "State", "What to do"]);
    for row in &check.rows {
        let mut todo = vec![row.way_out.clone()];
        if let Some((name, label)) = &row.similar {
            let planned = row.planned();
            let object = match row.object_type.as_str() {
                CONTACT => String::new(),
                other => format!("--object {other} "),
            };
            todo.push(format!("You have `{name}` ({label}) already, which can take its values:"));
            todo.push(format!("`leadline property use --account {account} {object}{planned} {name}`."));
        }
        todo.extend(row.stands_for.iter().map(|planned| format!("It stands in place of `{planned}`.")));
        todo.extend(row.why.filter(|_| row.state.is_trouble()).map(str::to_owned));
        todo.retain(|text| !text.is_empty());
        let kind = if row.unique { format!("{}, unique", row.kind) } else { row.kind.clone() };
        let cells = [row.name.clone(), row.label.clone(), kind, row.state.label().to_owned(), todo.join(" ")];
        rows.add_row(cells.map(|cell| printable(&cell)));
    }
    writeln!(context.out, "{rows}")?;
    for problem in &check.problems {
        writeln!(
            context.out,
            "{}",
            printable(&format!("{}: {}. {}", problem.code, problem.detail, problem.code.fix()))
        )?;
    }
    Ok(())
}

fn show_creation(creation: &Creation, dry_run: bool, context: &mut Context<'_>) -> Result<()> {
    if context.json {
        context.json(&serde_json::json!({ "data": creation }))?;
    } else {
        if creation.work.is_empty() {
            writeln!(context.out, "Nothing is missing.")?;
        }
        for work in &creation.work {
            writeln!(context.out, "{}", printable(&work_text(work)))?;
        }
    }
    if let Some(why) = &creation.stopped {
        return Err(away(why));
    }
    if dry_run || !creation.check.as_ref().is_some_and(Check::has_trouble) {
        return Ok(());
    }
    Err(Failure::problems("the portal does not fit yet".to_owned()).hint("`leadline property check` says what is left"))
}

fn work_text(work: &Work) -> String {
    let name = &work.name;
    let plan = match &work.what {
        What::Create => format!("create `{name}`"),
        What::Restore => format!("restore `{name}`"),
        What::AddOptions(options) => format!("add {} to `{name}`", options.join(", ")),
        What::Ask(sentence) => {
            let flag = if sentence.contains("archived") { "--yes" } else { "--options" };
            return format!("left alone: {sentence} With {flag} it is done.");
        }
    };
    let definition = work.definition.as_ref().map_or_else(String::new, |definition| format!("\n  {definition}"));
    match &work.result {
        None => format!("{plan}{definition}"),
        Some(Done::Fine) => format!("{plan}: done{definition}"),
        Some(Done::Unfit { sentence, way_out }) => format!("{plan}: it is there now. {sentence} {way_out}"),
        Some(Done::Failed { problem }) => format!("{plan}: {}", problem.detail),
    }
}

fn show_report(report: &Report, wish: &Wish, context: &mut Context<'_>) -> Result<()> {
    if context.json {
        context.json(&serde_json::json!({ "data": report }))?;
    } else {
        for filled in &report.filled {
            let one = &filled.dropped;
            let text = format!("{} {}: {} = {}", one.object_type, one.record_id, one.target(), one.value);
            writeln!(context.out, "{}", printable(&text))?;
        }
        for skipped in &report.skipped {
            let one = &skipped.dropped;
            let text = format!("{} {}: {} left out: {}", one.object_type, one.record_id, one.target(), skipped.reason);
            writeln!(context.out, "{}", printable(&text))?;
        }
        let verb = if wish.dry_run { "would be filled in" } else { "filled in" };
        let (values, records) = (report.filled.len(), report.records_filled());
        writeln!(context.out, "{values} values of {records} records {verb}, {} left out.", report.skipped.len())?;
        if let (Some(next), None) = (&report.next, &report.stopped) {
            let left = report.left.contacts + report.left.others;
            writeln!(context.out, "{left} records were not looked at: go on with --after {next}")?;
        }
    }
    match &report.stopped {
        Some(why) => Err(Failure::temporary(format!("it ended early: {}", why.detail))
            .hint("run it again; what is done is not done twice")),
        None => Ok(()),
    }
}
