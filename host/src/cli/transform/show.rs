//! `leadline transform show`: everything that is known of a version.

use serde_json::Value;

use super::super::Context;
use super::super::failure::{Failure, Result};
use super::super::output::grouped;
use crate::transform::{MEMORY_BYTES_MAX, RUN_FUEL};
use crate::view::ShownVersion;

const MIB: f64 = 1_048_576.0;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Id, `tfv_…`.
    #[arg(value_name = "VERSION")]
    id: String,
}

pub(super) async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let missing = || {
        Failure::not_found(format!("there is no version `{}`", args.id)).hint("`leadline transform list` shows the ids")
    };
    let version = store.version_by_id(&args.id).await?.ok_or_else(missing)?;
    context.one(&ShownVersion::of(version), text)
}

/// One line a fact.
pub(super) fn text(shown: &ShownVersion) -> String {
    let version = &shown.version;
    let (about, manifest, figures) = (&version.about, &version.manifest, &version.figures);
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
    let left_out = figures["left_out"].as_array().map_or(0, Vec::len);
    if left_out > 0 {
        lines.push(format!("  not tried   on {left_out} samples, whose settings it does not take"));
    }
    if let Some(runs) = figures["runs"].as_array().filter(|runs| !runs.is_empty()) {
        let most = |name: &str| runs.iter().filter_map(|run| run[name].as_u64()).max().unwrap_or(0);
        lines.push(format!(
            "  tried on    {} samples, failed on {}; at most {} of {} fuel and {:.1} of {} MiB",
            runs.len(),
            runs.iter().filter(|run| run["failure"].is_string()).count(),
            grouped(most("fuel")),
            grouped(RUN_FUEL),
            most("memory_bytes") as f64 / MIB,
            MEMORY_BYTES_MAX >> 20,
        ));
    }
    lines.extend(shown.warnings.iter().map(|warning| format!("warning: {warning}")));
    lines.push(format!("  settings    {}", text(&manifest["settings_schema"])));
    lines.join("\n")
}
