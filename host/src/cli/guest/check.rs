//! `leadline guest check`: what a service would say at an upload.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::super::Context;
use super::super::failure::{Failure, Result};
use super::super::file::read;
use super::super::output::grouped;
use super::Component;
use crate::contract::manifest::Manifest;
use crate::digest::sha256_hex;
use crate::model::account::QuotaClass;
use crate::schema::Settings;
use crate::transform::{self, CompileError, Loaded, Prepared, ProbeError, Transformer, UploadError, Whose, probe};
use crate::view::steps;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    component: Component,
}

/// A component that a service would take.
pub(super) struct Checked {
    pub(super) file: PathBuf,
    /// As built, and as they are uploaded.
    pub(super) bytes: Vec<u8>,
    pub(super) loaded: Loaded,
    pub(super) manifest: Manifest,
    pub(super) settings: Settings,
    about: transform::Checked,
}

/// What is shown of it.
#[derive(Serialize)]
struct Shown<'a> {
    file: &'a Path,
    bytes: usize,
    hash: String,
    contract: &'a str,
    name: &'a str,
    summary: &'a str,
    event_types: &'a [String],
    properties: Vec<&'a str>,
    imports: &'a [String],
    toolchain: &'a [String],
    warnings: &'a [String],
}

pub(super) fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    show(&args.component.load()?, context)
}

/// Checks a file as a service does at an upload.
pub(super) fn checked(file: &Path) -> Result<Checked> {
    let bytes = read(file)?;
    let refused = |error: &dyn std::fmt::Display, why: Option<&UploadError>| {
        let steps = why.map(|why| steps::of_refusal(why, bytes.len(), &sha256_hex(&bytes))).unwrap_or_default();
        let lines = [vec![format!("{} is no transformation: {error}", file.display())], steps::lines(&steps)].concat();
        Failure::problems(lines.join("\n"))
    };
    let prepared = Transformer::new()?.prepare(&bytes).map_err(|error| match &error {
        CompileError::Refused(why) => refused(&error, Some(why)),
        CompileError::Ours(_) => refused(&error, None),
    });
    let Prepared { checked: about, loaded } = prepared?;
    // Without examples: those of the author are tried by `guest test`.
    let probed = probe(&loaded, QuotaClass::Standard, Whose::Own, |_, _| Vec::new()).map_err(|error| match &error {
        ProbeError::Refused(why) => refused(&error, Some(why)),
        ProbeError::Ours(_) => refused(&error, None),
    })?;
    let manifest = probed.manifest;
    let settings = Settings::compile(&manifest.settings_schema)
        .map_err(|error| Failure::problems(format!("{}: {error}", file.display())))?;
    Ok(Checked { file: file.to_owned(), bytes, loaded, manifest, settings, about })
}

/// Prints what is in it, and what could be better.
pub(super) fn show(checked: &Checked, context: &mut Context<'_>) -> Result<()> {
    let Checked { file, bytes, manifest, about, .. } = checked;
    let shown = Shown {
        file,
        bytes: bytes.len(),
        hash: sha256_hex(bytes),
        contract: &about.contract,
        name: &manifest.name,
        summary: &manifest.summary,
        event_types: &manifest.event_types,
        properties: manifest.properties.iter().map(|property| property.name.as_str()).collect(),
        imports: &about.imports,
        toolchain: &about.toolchain,
        warnings: &about.warnings,
    };
    context.one(&shown, text)
}

fn text(shown: &Shown<'_>) -> String {
    let list = |items: &[String]| if items.is_empty() { "none".to_owned() } else { items.join(", ") };
    let mut lines = vec![
        shown.file.display().to_string(),
        format!("  size        {} bytes", grouped(shown.bytes as u64)),
        format!("  contract    {}", shown.contract),
        format!("  name        {}: {}", shown.name, shown.summary),
        format!("  events      {}", list(shown.event_types)),
        format!(
            "  properties  {}",
            if shown.properties.is_empty() { "none".to_owned() } else { shown.properties.join(", ") }
        ),
        format!("  imports     {}", list(shown.imports)),
        format!("  made by     {}", list(shown.toolchain)),
    ];
    lines.extend(shown.warnings.iter().map(|warning| format!("warning: {warning}")));
    lines.push(
        if shown.warnings.is_empty() { "a service would take it" } else { "a service would take it all the same" }
            .to_owned(),
    );
    lines.join("\n")
}
