//! `leadline transform rollback`: back to what was used before.

use super::super::Context;
use super::super::connection::find;
use super::super::deed::Deed;
use super::super::failure::Result;
use super::Signed;
use super::enable::released;
use crate::model::id::BindingId;
use crate::model::time::clock;
use crate::rollout::{self, RolloutError};
use crate::view;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The account's slug, or the connection's id.
    #[arg(long)]
    account: String,
    /// Only if this is still the newest binding.
    #[arg(long, value_name = "BINDING")]
    expect: Option<String>,
    /// Only say what it would do: to which version, how that one did, and what would run again.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    signed: Signed,
}

impl Args {
    pub(super) fn deed(&self) -> Option<Deed> {
        if self.dry_run { None } else { Deed::to("bindings.rollback", &self.account) }
    }
}

pub(super) async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let connection = find(&store, &args.account).await?;
    if args.dry_run {
        let nothing = || RolloutError::NothingBefore("no version was in use before the one of now".to_owned());
        let back = rollout::back(&store, &connection).await?.ok_or_else(nothing)?;
        return context.one(&back, |back| view::rollback::lines(back).join("\n"));
    }
    let expected = args.expect.map(BindingId::stored);
    let back = rollout::roll_back(&store, &connection, expected.as_ref(), &args.signed.sign(), clock()).await?;
    context.one(&back, |back| {
        format!("Back from {} to {}. New events use it at once.{}", back.from, back.to, released(back.released))
    })
}
