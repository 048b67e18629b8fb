//! `leadline account series`: the numbers behind a picture of the overview.

use clap::builder::PossibleValuesParser;

use super::super::Context;
use super::super::failure::Result;
use super::of_word;
use crate::model::time::clock;
use crate::overview::series_of_account;
use crate::store::Store;
use crate::view::moment::span;
use crate::view::overview::PERIODS;
use crate::view::overview::series::{Cause, Name, Outcomes, Series, Times, Values, Weekday};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Slug or id.
    account: String,
    /// Which picture.
    series: Name,
    /// The last day, week or month.
    #[arg(long, default_value = "week", value_parser = PossibleValuesParser::new(PERIODS.map(|period| period.word)))]
    period: String,
    /// Only this dealership of the account, by its slug.
    #[arg(long, value_name = "SLUG")]
    dealership: Option<String>,
}

pub(super) async fn run(args: Args, store: &Store, context: &mut Context<'_>) -> Result<()> {
    let account = context.account(store, &args.account).await?;
    let connection = store.connection_of(&account.id).await?;
    let (connection, dealership) = (connection.as_ref(), args.dealership.as_deref());
    let period = of_word(&args.period);
    let series = series_of_account(store, &account, connection, args.series, period, dealership, clock()).await?;
    context.one(&series, text)
}

fn text(series: &Series) -> String {
    let lines = match &series.values {
        Values::Deliveries(steps) => steps.iter().map(outcomes).collect(),
        Values::Flow(flow) => named(&[
            ("received", flow.received),
            ("delivered", flow.delivered),
            ("with warnings", flow.with_warnings),
            ("waiting", flow.waiting),
            ("refused", flow.refused),
            ("failed", flow.failed),
            ("skipped", flow.skipped),
            ("cancelled", flow.cancelled),
            ("removed", flow.removed),
        ]),
        Values::TimeToCrm(steps) => steps.iter().map(times).collect(),
        Values::Causes(causes) => causes.iter().map(cause).collect(),
        Values::Hours(days) => days.iter().map(weekday).collect(),
        Values::Contacts(contacts) => named(&[
            ("created", contacts.created),
            ("updated", contacts.updated),
            ("without contact", contacts.without_contact),
            ("without e-mail", contacts.without_email),
        ]),
    };
    if lines.is_empty() { "Nothing to count.".to_owned() } else { lines.join("\n") }
}

fn named(numbers: &[(&str, u64)]) -> Vec<String> {
    numbers.iter().map(|(name, number)| format!("{name:<15} {number:>8}")).collect()
}

fn outcomes(step: &Outcomes) -> String {
    let Outcomes { from, synced, synced_with_warnings: warned, waiting, failed, skipped, .. } = step;
    format!(
        "{from}  {synced:>6} synced {warned:>6} with warnings {waiting:>6} waiting {failed:>6} failed {skipped:>6} skipped"
    )
}

fn times(step: &Times) -> String {
    let words = |millis: Option<u64>| millis.map_or_else(|| "–".to_owned(), span);
    let (half, most) = (words(step.p50_millis), words(step.p95_millis));
    format!("{}  {:>6} leads, half within {half}, 19 of 20 within {most}", step.from, step.leads)
}

fn cause(cause: &Cause) -> String {
    format!("{:>6}  {}  {}", cause.leads, cause.code, cause.title)
}

fn weekday(day: &Weekday) -> String {
    let leads = day.leads.iter().map(|leads| format!("{leads:>4}")).collect::<String>();
    format!("{:<10}{leads}", day.weekday)
}
