//! `leadline transform list`: the versions that an account may use, or the transformations that they are of.

use super::super::Context;
use super::super::failure::Result;
use crate::model::time::clock;
use crate::usage;
use crate::view::{ShownTransformation, ShownVersion, VersionUsage};

const HEADER: [&str; 10] =
    ["Version", "Id", "Hash", "Labels", "Used by", "Fuel p95", "Failed", "Uploaded", "By", "Note"];
const HEADER_BY_NAME: [&str; 9] =
    ["Name", "Id", "Owner", "Newest", "Enabled", "Labels", "Used by", "Fuel p95", "Failed"];

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Slug or id; without it, those of all accounts.
    #[arg(long)]
    account: Option<String>,
    /// List the transformations instead, each with all of its versions together.
    #[arg(long)]
    by_name: bool,
}

pub(super) async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let account = context.account_or_all(&store, args.account.as_deref()).await?;
    if args.by_name {
        let all = usage::transformations(&store, account.as_ref(), clock()).await?;
        return context.list(&all, &HEADER_BY_NAME, transformation, "No transformations.");
    }
    let versions = usage::list(&store, account.as_ref(), clock()).await?;
    context.list(&versions, &HEADER, version, "No versions.")
}

fn version(shown: &ShownVersion) -> Vec<String> {
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
}

fn transformation(shown: &ShownTransformation) -> Vec<String> {
    vec![
        shown.name.clone(),
        shown.id.to_string(),
        shown.account.clone().unwrap_or_default(),
        shown.newest.clone(),
        shown.enabled.join(", "),
        shown.usage.labels_text(),
        shown.usage.used_by.len().to_string(),
        shown.usage.fuel_text(),
        shown.usage.failed_share(),
    ]
}
