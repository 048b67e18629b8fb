//! `leadline transform list`: the versions that an account may use.

use super::super::Context;
use super::super::failure::Result;
use crate::model::time::clock;
use crate::usage;
use crate::view::{ShownVersion, VersionUsage};

const HEADER: [&str; 10] =
    ["Version", "Id", "Hash", "Labels", "Used by", "Fuel p95", "Failed", "Uploaded", "By", "Note"];

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Slug or id; without it, those of all accounts.
    #[arg(long)]
    account: Option<String>,
}

pub(super) async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let account = context.account_or_all(&store, args.account.as_deref()).await?;
    let versions = usage::list(&store, account.as_ref(), clock()).await?;
    let row = |shown: &ShownVersion| {
        let version = &shown.version;
        vec![
            shown.label.clone(),
            version.id.to_string(),
            version.hash[..12].to_owned(),
            shown.usage.as_ref().map(VersionUsage::labels_text).unwrap_or_default(),
            shown.usage.as_ref().map(|usage| usage.used_by.len().to_string()).unwrap_or_default(),
            shown.usage.as_ref().map(VersionUsage::fuel_text).unwrap_or_default(),
            shown.usage.as_ref().map(VersionUsage::failed_share).unwrap_or_default(),
            version.created_at.to_string(),
            version.created_by.clone(),
            version.note.clone(),
        ]
    };
    context.list(&versions, &HEADER, row, "No versions.")
}
