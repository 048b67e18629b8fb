//! `leadline transform enable`: a version is used from now on, for all events or for a share.

use super::super::Context;
use super::super::deed::Deed;
use super::super::failure::Result;
use super::{Signed, Target};
use crate::model::id::BindingId;
use crate::model::share::Share;
use crate::model::time::clock;
use crate::rollout::{self, Wish};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Try it on a share of the events first, such as `10%`; the others go to the version before.
    #[arg(long, default_value = "100%")]
    share: Share,
    /// Only if this is still the newest binding.
    #[arg(long, value_name = "BINDING")]
    expect: Option<String>,
    /// Why it is to be used although gates are closed; it stands in the history.
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    despite: Option<String>,
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
    let wish = Wish { share: args.share, sign: args.signed.sign(), expected, despite: args.despite };
    let enabled = rollout::enable(&store, &connection, &choice, &wish, clock()).await?;
    context.one(&enabled, |enabled| {
        let released = released(enabled.released);
        match enabled.share {
            Share::ALL => format!("New events go through {}.{released}", enabled.version),
            share => format!(
                "{share} of the new events go through {}, the others through the version before.{released}\nEnable it with another `--share` to raise that, without one to finish.",
                enabled.version
            ),
        }
    })
}

/// What waited and runs again.
pub(in crate::cli) fn released(count: u64) -> String {
    match count {
        0 => String::new(),
        1 => " 1 event that waited runs again.".to_owned(),
        count => format!(" {count} events that waited run again."),
    }
}
