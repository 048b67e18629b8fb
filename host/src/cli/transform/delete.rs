//! `leadline transform delete`: takes out what nobody uses.

use serde_json::json;

use super::super::Context;
use super::super::deed::Deed;
use super::super::failure::{Failure, Result};
use crate::model::id::AccountId;
use crate::model::time::clock;
use crate::removal::{self, RemovalError};
use crate::store::HOUSE;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// A version, such as `deals@3` or `tfv_…`; with `--all`, the name of a transformation.
    #[arg(value_name = "VERSION")]
    wanted: String,
    /// Slug or id of the account that owns it; without it, what every account may use.
    #[arg(long)]
    account: Option<String>,
    /// All versions of the transformation.
    #[arg(long)]
    all: bool,
}

impl Args {
    pub(super) fn deed(&self) -> Option<Deed> {
        let action = if self.all { "transformations.delete" } else { "versions.delete" };
        Deed::of(action, &self.wanted, self.account.as_deref())
    }
}

impl From<RemovalError> for Failure {
    fn from(error: RemovalError) -> Self {
        let (text, fix) = (error.to_string(), error.fix());
        match error {
            RemovalError::Needed { .. } | RemovalError::Stock { .. } => Self::conflict(text).hint(fix),
            RemovalError::NoTransformation(_) | RemovalError::Gone { .. } => Self::not_found(text).hint(fix),
            RemovalError::Store(error) => error.into(),
        }
    }
}

pub(super) async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let account = context.account_or_all(&store, args.account.as_deref()).await?;
    let by = crate::cli::who();
    let labels = if args.all {
        let owner = account.as_ref().map_or(HOUSE, AccountId::as_str);
        removal::take_out_all(&store, (owner, &args.wanted), &by, clock()).await?
    } else {
        if !args.wanted.contains('@') && !args.wanted.starts_with("tfv_") {
            let text = format!("`{}` names no version", args.wanted);
            return Err(Failure::usage(text).hint("name one, as `deals@3`; `--all` takes out the whole transformation"));
        }
        let missing = || Failure::not_found(format!("there is no version `{}`", args.wanted));
        let version = store.find_version(account.as_ref(), &args.wanted).await?.ok_or_else(missing)?;
        removal::take_out(&store, &version, &by, clock()).await?;
        vec![version.label()]
    };
    context.one(&json!({ "versions": labels }), |_| format!("{} taken out.", labels.join(", ")))
}
