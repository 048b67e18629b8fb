//! `leadline guest check`: what a service would say at an upload.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::super::Context;
use super::super::failure::{Failure, Result};
use super::super::output::grouped;
use super::Component;
use crate::contract::CONTRACT;
use crate::contract::manifest::Manifest;
use crate::digest::sha256_hex;
use crate::schema::{EVENT_TYPES, Settings};
use crate::transform::{ComponentError, Inside, Loaded, Transformer, component, inside};

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
    inside: Inside,
}

/// What is shown of it.
#[derive(Serialize)]
struct Shown<'a> {
    file: &'a Path,
    bytes: usize,
    hash: String,
    contract: &'static str,
    name: &'a str,
    summary: &'a str,
    event_types: &'a [String],
    properties: Vec<&'a str>,
    imports: &'a [String],
    toolchain: &'a [String],
    warnings: Vec<String>,
}

pub(super) fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    show(&args.component.load()?, context)
}

/// Checks a file as a service does at an upload.
pub(super) fn checked(file: &Path) -> Result<Checked> {
    let bytes =
        std::fs::read(file).map_err(|error| Failure::failed(format!("cannot read {}: {error}", file.display())))?;
    let refused =
        |error: ComponentError| Failure::problems(format!("{} is no transformation: {error}", file.display()));
    let inside = inside(&component(&bytes).map_err(refused)?);
    let loaded = Transformer::new()?.compile(&bytes).map_err(refused)?;
    let manifest = loaded.describe().map_err(refused)?;
    let settings = Settings::compile(&manifest.settings_schema)
        .map_err(|error| Failure::problems(format!("{}: {error}", file.display())))?;
    Ok(Checked { file: file.to_owned(), bytes, loaded, manifest, settings, inside })
}

/// Prints what is in it, and what could be better.
pub(super) fn show(checked: &Checked, context: &mut Context<'_>) -> Result<()> {
    let Checked { file, bytes, manifest, inside, .. } = checked;
    let shown = Shown {
        file,
        bytes: bytes.len(),
        hash: sha256_hex(bytes),
        contract: CONTRACT,
        name: &manifest.name,
        summary: &manifest.summary,
        event_types: &manifest.event_types,
        properties: manifest.properties.iter().map(|property| property.name.as_str()).collect(),
        imports: &inside.imports,
        toolchain: &inside.toolchain,
        warnings: warnings(manifest, inside),
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

/// What a service takes, and what could be better.
fn warnings(manifest: &Manifest, inside: &Inside) -> Vec<String> {
    let mut warnings = Vec::new();
    for event_type in &manifest.event_types {
        if !EVENT_TYPES.iter().any(|known| known.name == event_type) {
            let known: Vec<_> = EVENT_TYPES.iter().map(|known| known.name).collect();
            warnings.push(format!("no event is of the type `{event_type}` yet; known are {}", known.join(", ")));
        }
    }
    let mut warn = |applies: bool, text: &str| {
        if applies {
            warnings.push(text.to_owned());
        }
    };
    warn(manifest.event_types.is_empty(), "`describe` names no event type, so nothing would ever reach it");
    warn(
        !inside.has_names,
        "functions have no names, so a trap cannot say where it was: `strip = \"debuginfo\"` keeps them",
    );
    warn(
        inside.has_debug_info,
        "it carries debug information, which makes it larger: `strip = \"debuginfo\"` leaves it out",
    );
    warn(
        inside.has_large_stack,
        "it starts with more than 1 MiB of memory, most of it Rust's own stack: `-C link-arg=-zstack-size=65536` makes a run quicker",
    );
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_better_is_said_with_its_remedy() {
        let manifest = |event_types: &[&str]| Manifest {
            name: "acme".to_owned(),
            summary: String::new(),
            event_types: event_types.iter().map(|&name| name.to_owned()).collect(),
            settings_schema: "{}".to_owned(),
            properties: vec![],
        };
        let good = Inside { has_names: true, ..Inside::default() };
        assert_eq!(warnings(&manifest(&["lead.captured.v1"]), &good), Vec::<String>::new());
        for (manifest, inside, expected) in [
            (manifest(&["lead.captured"]), good.clone(), "no event is of the type `lead.captured` yet"),
            (manifest(&[]), good.clone(), "`describe` names no event type"),
            (manifest(&["lead.captured.v1"]), Inside::default(), "functions have no names"),
            (manifest(&["lead.captured.v1"]), Inside { has_debug_info: true, ..good.clone() }, "it carries debug"),
            (
                manifest(&["lead.captured.v1"]),
                Inside { has_large_stack: true, ..good },
                "it starts with more than 1 MiB",
            ),
        ] {
            let warnings = warnings(&manifest, &inside);
            assert!(warnings.len() == 1 && warnings[0].starts_with(expected), "{warnings:?}");
        }
    }
}
