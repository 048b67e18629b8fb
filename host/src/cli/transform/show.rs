//! `leadline transform show`: everything that is known of a version.

use serde_json::Value;

use super::super::Context;
use super::super::failure::{Failure, Result};
use super::super::output::{grouped, printable};
use crate::transform::Tried;
use crate::view::ShownVersion;
use crate::view::tried;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Such as `deals@3`, or an id, `tfv_…`; a name alone stands for the newest.
    #[arg(value_name = "VERSION")]
    wanted: String,
    /// Slug or id of the account that the label is one of; without it, of those that come with Leadline.
    #[arg(long)]
    account: Option<String>,
}

pub(super) async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let account = context.account_or_all(&store, args.account.as_deref()).await?;
    let missing = || {
        let hint = match &args.account {
            Some(account) => format!("`leadline transform list --account {account}` shows them"),
            None => "a label is one of an account: name it with `--account`; `leadline transform list` shows the ids"
                .to_owned(),
        };
        Failure::not_found(format!("there is no version `{}`", args.wanted)).hint(hint)
    };
    let version = store.find_version(account.as_ref(), &args.wanted).await?.ok_or_else(missing)?;
    context.one(&ShownVersion::of(version), text)
}

/// One line a fact.
pub(super) fn text(shown: &ShownVersion) -> String {
    let version = &shown.version;
    let (about, manifest) = (&version.about, &version.manifest);
    let words = |value: &Value| {
        let words: Vec<_> = value.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if words.is_empty() { "none".to_owned() } else { words.join(", ") }
    };
    let text = |value: &Value| value.as_str().unwrap_or("unknown").to_owned();
    let names = |value: &Value| {
        let names: Vec<_> = value.as_array().into_iter().flatten().filter_map(|item| item["name"].as_str()).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let mut lines = vec![
        format!("{}  {}", shown.label, version.id),
        format!("  uploaded    {} by {}", version.created_at, version.created_by),
    ];
    if !version.note.is_empty() {
        lines.push(format!("  note        {}", version.note));
    }
    lines.extend([
        format!("  hash        {}", version.hash),
        format!("  contract    {}", version.contract),
        format!("  says        {}: {}", text(&manifest["name"]), text(&manifest["summary"])),
        format!("  events      {}", words(&manifest["event_types"])),
        format!("  properties  {}", names(&manifest["properties"])),
    ]);
    // A version from before the check has none of this.
    if let Some(bytes) = about["component_bytes"].as_u64() {
        lines.extend([
            format!(
                "  size        {} bytes, {} as a component",
                grouped(about["upload_bytes"].as_u64().unwrap_or(0)),
                grouped(bytes)
            ),
            format!("  imports     {}", words(&about["imports"])),
            format!("  made by     {}", words(&about["toolchain"])),
        ]);
    }
    // One that cannot be read is of a later release.
    let tried: Tried = serde_json::from_value(version.figures.clone()).unwrap_or_default();
    lines.extend(tried::lines(&tried).iter().map(|line| printable(line)));
    lines.extend(shown.warnings.iter().map(|warning| format!("warning: {warning}")));
    lines.push(format!("  settings    {}", text(&manifest["settings_schema"])));
    lines.join("\n")
}
