//! `leadline transform diff`: two versions side by side, whichever is in force. Nothing is sent.

use super::super::Context;
use super::super::connection::find;
use super::super::failure::{Failure, Result};
use crate::comparison::Report;
use crate::rollout;
use crate::shadow::EVENTS_MAX;
use crate::side_by_side::{self, Compared, VersionComparison};
use crate::store::Store;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Such as `deals@2`, or an id.
    #[arg(value_name = "BEFORE")]
    before: String,
    /// Such as `deals@3`, or an id.
    #[arg(value_name = "AFTER")]
    after: String,
    /// On the last leads of this account; without it, on samples.
    #[arg(long)]
    account: Option<String>,
    /// Leads to compare them on, the newest.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=i64::from(EVENTS_MAX)))]
    events: u32,
}

pub(super) async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let transformer = context.transformer()?;
    let compared = match &args.account {
        Some(account) => {
            let connection = find(&store, account).await?;
            let account = context.account(&store, connection.account_id.as_str()).await?;
            let before = rollout::choose(&store, &account, &connection, &args.before, None).await?;
            let after = rollout::choose(&store, &account, &connection, &args.after, None).await?;
            side_by_side::on_leads(&store, &transformer, &account.id, (&before, &after), args.events).await?
        }
        None => {
            let (before, after) = (version(&store, &args.before).await?, version(&store, &args.after).await?);
            side_by_side::on_samples(&store, &transformer, (&before, &after)).await?
        }
    };
    context.one(&compared, text)
}

async fn version(store: &Store, word: &str) -> Result<crate::model::account::Version> {
    let missing = || {
        let hint = "a label is one of an account: name it with `--account`, or take an id of `leadline transform list`";
        Failure::not_found(format!("there is no version `{word}`")).hint(hint)
    };
    store.find_version(None, word).await?.ok_or_else(missing)
}

fn text(compared: &VersionComparison) -> String {
    let mut lines = vec![format!("{} beside {}", compared.after, compared.before)];
    if let Some(Report { events, changed, same, failed, changes, failures, .. }) = &compared.leads {
        lines.push(format!("{changed} of {events} leads change, {same} stay the same, {failed} fail"));
        lines.extend(changes.iter().map(super::shadow::change));
        lines.extend(failures.iter().map(|failure| format!("  {:>5}  {}", failure.leads, failure.code)));
    }
    for sample in &compared.samples {
        let came = match sample.came {
            Compared::Same => "same   ",
            Compared::Changed => "changed",
            Compared::Failed => "failed ",
        };
        lines.push(format!("  {came}  {}", sample.sample));
        lines.extend(sample.differences.lines().map(|line| format!("           {line}")));
    }
    lines.join("\n")
}
