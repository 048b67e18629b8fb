//! `leadline transform list`: the versions that an account may use.

use super::super::Context;
use super::super::failure::Result;
use crate::view::ShownVersion;

/// Versions that a list shows at most, the newest.
const LISTED_MAX: u32 = 200;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Slug or id; without it, those of all accounts.
    #[arg(long)]
    account: Option<String>,
}

pub(super) async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let account = context.account_or_all(&store, args.account.as_deref()).await?;
    let versions = store.versions(account.as_ref(), LISTED_MAX).await?;
    let versions: Vec<_> = versions.into_iter().map(ShownVersion::of).collect();
    let row = |shown: &ShownVersion| {
        let version = &shown.version;
        vec![
            shown.label.clone(),
            version.id.to_string(),
            version.hash[..12].to_owned(),
            version.created_at.to_string(),
            version.created_by.clone(),
            version.note.clone(),
        ]
    };
    context.list(&versions, &["Version", "Id", "Hash", "Uploaded", "By", "Note"], row, "No versions.")
}
