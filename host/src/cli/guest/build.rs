//! `leadline guest build`: cargo, or cargo component, and what came of it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::super::Context;
use super::super::failure::{Failure, Result};
use super::check;
use super::project::{Project, Tool};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Folder of the crate.
    #[arg(long, default_value = ".", value_name = "FOLDER")]
    dir: PathBuf,
}

pub(super) fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let file = build(&Project::read(&args.dir)?)?;
    check::show(&check::checked(&file)?, context)
}

/// Builds the crate; cargo's own words go to stderr. Answers where the component, or the module to make it of, lies.
pub(super) fn build(project: &Project) -> Result<PathBuf> {
    look_for_toolchain(project)?;
    let mut cargo = command("cargo", project);
    if project.tool == Tool::CargoComponent {
        cargo.arg("component");
    }
    cargo.args(["build", "--release", "--target", &project.target]);
    let status = cargo.status().map_err(|error| missing("cargo", &error))?;
    if !status.success() {
        return Err(Failure::failed("cargo could not build the crate; its words are above".to_owned()));
    }
    built(project)
}

fn command(program: &str, project: &Project) -> Command {
    let mut command = Command::new(program);
    // Data goes to our stdout only, so that `--json` can be read.
    command.current_dir(&project.folder).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn missing(program: &str, error: &std::io::Error) -> Failure {
    Failure::failed(format!("cannot run `{program}`: {error}")).hint("install Rust from https://rustup.rs")
}

/// Says what is missing in our words, before cargo says it in a hundred lines of its own.
fn look_for_toolchain(project: &Project) -> Result<()> {
    let mut targets = vec![project.target.as_str()];
    if project.tool == Tool::CargoComponent {
        let found = command("cargo", project).args(["component", "--version"]).stderr(Stdio::null()).status();
        if !found.is_ok_and(|status| status.success()) {
            return Err(Failure::failed("`cargo component` is not installed".to_owned()).hint(
                "run `cargo install cargo-component --locked`; or let `tool` in leadline.toml be \"cargo\", which needs nothing more",
            ));
        }
        // It wants this one whatever it builds for.
        targets.push("wasm32-wasip1");
    }
    for target in targets {
        let mut rustc = command("rustc", project);
        let asked = rustc.args(["--print", "target-libdir", "--target", target]).stdout(Stdio::piped()).output();
        let asked = asked.map_err(|error| missing("rustc", &error))?;
        let folder = String::from_utf8_lossy(&asked.stdout);
        if !asked.status.success() || !Path::new(folder.trim()).exists() {
            return Err(Failure::failed(format!("Rust's target `{target}` is not installed"))
                .hint(format!("run `rustup target add {target}`")));
        }
    }
    Ok(())
}

/// Where cargo has put it.
fn built(project: &Project) -> Result<PathBuf> {
    let mut cargo = command("cargo", project);
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).stdout(Stdio::piped());
    let output = cargo.output().map_err(|error| missing("cargo", &error))?;
    let metadata: Value = serde_json::from_slice(&output.stdout).map_err(anyhow::Error::from)?;
    let library = library(&metadata, &project.folder).ok_or_else(|| {
        Failure::failed(format!("the crate in {} has no library of the type `cdylib`", project.folder.display()))
            .hint("write `crate-type = [\"cdylib\"]` under `[lib]` in Cargo.toml")
    })?;
    let target = Path::new(metadata["target_directory"].as_str().unwrap_or("target"));
    let folder = target.join(&project.target).join("release");
    let file = folder.join(format!("{}.wasm", library.replace('-', "_")));
    // As short as it can be from where the person stands.
    let here = std::env::current_dir()?;
    Ok(file.strip_prefix(here).map_or_else(|_| file.clone(), Path::to_owned))
}

/// The name of the crate's library; its workspace may have others.
fn library<'a>(metadata: &'a Value, folder: &Path) -> Option<&'a str> {
    let manifest = folder.join("Cargo.toml").canonicalize().ok()?;
    let packages = metadata["packages"].as_array()?.iter();
    let package = packages
        .into_iter()
        .find(|package| package["manifest_path"].as_str().is_some_and(|path| Path::new(path) == manifest))?;
    let is_component =
        |target: &&Value| target["crate_types"].as_array().is_some_and(|types| types.contains(&"cdylib".into()));
    package["targets"].as_array()?.iter().find(is_component)?["name"].as_str()
}
