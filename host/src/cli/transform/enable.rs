//! `leadline transform enable`: a version is used from now on, for all events or for a share.

use std::path::{Path, PathBuf};

use super::super::Context;
use super::super::deed::Deed;
use super::super::failure::{Failure, Result};
use super::waivers::holder;
use super::{Signed, Target};
use crate::model::account::Connection;
use crate::model::id::BindingId;
use crate::model::share::Share;
use crate::model::time::clock;
use crate::model::waiver::{Signer, Waiver};
use crate::rollout::{self, Despite, Enabled, Enabling, Wish};
use crate::store::Store;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Try it on a share of the events first, such as `10%`; the others go to the version before.
    #[arg(long, default_value = "100%")]
    share: Share,
    /// Let only test leads go through it so far; all others go to the version before.
    #[arg(long, conflicts_with = "share")]
    test_leads_only: bool,
    /// Only if this is still the newest binding.
    #[arg(long, value_name = "BINDING")]
    expect: Option<String>,
    /// Why it is to be used although gates are closed. That only asks: a second person approves it, on the page, over the API,
    /// or with `leadline transform approve` and a key of their own.
    #[arg(
        long,
        value_name = "TEXT",
        requires = "key_file",
        value_parser = clap::builder::NonEmptyStringValueParser::new()
    )]
    despite: Option<String>,
    /// File with an API key of whoever asks for that: it reaches the account and may enable transformations. It signs where
    /// `--by` names nobody else; neither it nor who made it approves.
    #[arg(long, value_name = "FILE", requires = "despite")]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    signed: Signed,
}

impl Args {
    pub(super) fn deed(&self) -> Option<Deed> {
        self.target.deed("bindings.create")
    }
}

pub(super) async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let (connection, choice) = args.target.find(&store, context).await?;
    let expected = args.expect.map(BindingId::stored);
    // Neither is there without the other.
    let despite = match args.despite.zip(args.key_file) {
        Some((why, file)) => Some(Despite { why, asker: asker(&store, &file, &connection, context).await? }),
        None => None,
    };
    let sign = match &despite {
        Some(despite) => args.signed.sign_or(&despite.asker.name),
        None => args.signed.sign(),
    };
    let share = if args.test_leads_only { Share::NONE } else { args.share };
    let wish = Wish { share, sign, expected, despite };
    match rollout::enable(&store, &connection, &choice, &wish, clock()).await? {
        Enabling::Enabled(enabled) => context.one(&enabled, text),
        Enabling::Asked(waiver) => context.one(&*waiver, asked),
    }
}

/// Who asks, by a key: a user at the terminal has another name in the dashboard, and the same person would pass there for
/// a second one.
async fn asker(store: &Store, file: &Path, connection: &Connection, context: &mut Context<'_>) -> Result<Signer> {
    let holder = holder(store, file).await?;
    if !holder.reaches(&connection.account_id) {
        let text = format!("the key in {} does not reach the account of {}", file.display(), connection.id);
        return Err(Failure::not_allowed(text).hint("take a key of that account, or one that works across accounts"));
    }
    context.signed_by(&holder.name);
    Ok(Signer::from(&holder))
}

/// What is in use from now on.
pub(super) fn text(enabled: &Enabled) -> String {
    let released = released(enabled.released);
    match enabled.share {
        Share::ALL => format!("New events go through {}.{released}", enabled.version),
        Share::NONE => format!(
            "Only test leads go through {} so far, all others through the version before.\nSend one, and enable it without `--test-leads-only` when it is well.",
            enabled.version
        ),
        share => format!(
            "{share} of the new events go through {}, the others through the version before.{released}\nEnable it with another `--share` to raise that, without one to finish.",
            enabled.version
        ),
    }
}

fn asked(waiver: &Waiver) -> String {
    format!(
        "{} is not enabled yet: {} closed, and a second person has to approve it.\nOn the page of the account's transformation, or: leadline transform approve {} --key-file FILE",
        waiver.version,
        match &waiver.closed[..] {
            [one] => format!("the gate `{one}` is"),
            all => format!("the gates `{}` are", all.join("`, `")),
        },
        waiver.id
    )
}

/// What waited and runs again.
pub(in crate::cli) fn released(count: u64) -> String {
    match count {
        0 => String::new(),
        1 => " 1 event that waited runs again.".to_owned(),
        count => format!(" {count} events that waited run again."),
    }
}
