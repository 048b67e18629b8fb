//! `leadline transform show`: everything that is known of a version.

use super::super::Context;
use super::super::failure::{Failure, Result};
use crate::view::ShownVersion;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Id, `tfv_…`.
    version: String,
}

pub(super) async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let missing = || {
        Failure::not_found(format!("there is no version `{}`", args.version))
            .hint("`leadline transform list` shows the ids")
    };
    let version = store.version_by_id(&args.version).await?.ok_or_else(missing)?;
    context.one(&ShownVersion::of(version), text)
}

/// One line a fact.
pub(super) fn text(shown: &ShownVersion) -> String {
    let version = &shown.version;
    format!("{} {}", shown.label, version.hash)
}
