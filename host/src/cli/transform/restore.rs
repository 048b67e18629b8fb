//! `leadline transform restore`: an earlier binding is in force again, or what the last rollback took back.

use super::super::Context;
use super::super::connection::find;
use super::super::deed::Deed;
use super::super::failure::Result;
use super::Signed;
use super::enable::text;
use crate::app::open_hubspot;
use crate::model::id::BindingId;
use crate::model::share::Share;
use crate::model::time::clock;
use crate::rollout::{self, Wish};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// One of `leadline transform history`. [default: what the last rollback took back]
    #[arg(value_name = "BINDING")]
    binding: Option<String>,
    /// The account's slug, or the connection's id.
    #[arg(long)]
    account: String,
    /// Only if this is still the newest binding.
    #[arg(long, value_name = "BINDING")]
    expect: Option<String>,
    #[command(flatten)]
    signed: Signed,
}

impl Args {
    pub(super) fn deed(&self) -> Option<Deed> {
        Deed::to("bindings.restore", &self.account)
    }
}

pub(super) async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let connection = find(&store, &args.account).await?;
    let account = context.account(&store, connection.account_id.as_str()).await?;
    let hubspot = open_hubspot(&context.config)?;
    let [binding, expected] = [args.binding, args.expect].map(|id| id.map(BindingId::stored));
    let wish = Wish { share: Share::ALL, sign: args.signed.sign(), expected, despite: None };
    let (whose, what) = ((&account, &connection), (binding.as_ref(), &wish));
    let enabled = rollout::enable_again(&store, &hubspot, whose, what, &clock).await?;
    context.one(&enabled, text)
}
