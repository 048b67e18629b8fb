//! `leadline.toml`: what a component cannot say of itself. How it is built, and lower limits to test against.

use std::path::{Path, PathBuf};

use super::super::failure::{Failure, Result};
use crate::transform::{MEMORY_BYTES_MAX, RUN_FUEL};

/// What builds the component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tool {
    Cargo,
    CargoComponent,
}

/// A crate, and what its `leadline.toml` says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Project {
    pub(super) folder: PathBuf,
    pub(super) tool: Tool,
    pub(super) target: String,
    pub(super) limits: Limits,
}

/// What a run of an example may use. Never more than a service allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) fuel: u64,
    pub(super) memory_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { fuel: RUN_FUEL, memory_bytes: MEMORY_BYTES_MAX as u64 }
    }
}

impl Project {
    /// The crate in a folder. Without a `leadline.toml` it is built by cargo for `wasm32-unknown-unknown`.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        if !folder.join("Cargo.toml").exists() {
            return Err(Failure::usage(format!("there is no crate in {}", folder.display()))
                .hint("`leadline guest new NAME` makes one; `--dir` names the folder of another"));
        }
        let (tool, target) = (Tool::Cargo, "wasm32-unknown-unknown".to_owned());
        let mut project = Self { folder: folder.to_owned(), tool, target, limits: Limits::default() };
        let file = folder.join("leadline.toml");
        match std::fs::read_to_string(&file) {
            Ok(text) => {
                project.take(&text).map_err(|problem| Failure::usage(format!("{}: {problem}", file.display())))?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::failed(format!("cannot read {}: {error}", file.display()))),
        }
        Ok(project)
    }

    /// Takes what the file says: sections, texts and whole numbers, which is all of TOML that it needs.
    fn take(&mut self, text: &str) -> std::result::Result<(), String> {
        let mut section = String::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            let wrong = |what: &str| format!("line {}: {what}", index + 1);
            if line.is_empty() {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name.trim().to_owned();
                continue;
            }
            let (key, value) = line.split_once('=').ok_or_else(|| wrong("it is no `key = value`"))?;
            self.set(&format!("{section}.{}", key.trim()), value.trim()).map_err(|problem| wrong(&problem))?;
        }
        Ok(())
    }

    fn set(&mut self, key: &str, value: &str) -> std::result::Result<(), String> {
        let text = || {
            let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            inner.ok_or_else(|| format!("`{key}` takes a text in quotes"))
        };
        let number = |max: u64, unit: &str| match value.replace('_', "").parse() {
            Ok(number) if (1..=max).contains(&number) => Ok(number),
            _ => Err(format!("`{key}` takes a whole number from 1 to {max}{unit}, which is the service's limit")),
        };
        match key {
            "build.tool" => {
                self.tool = match text()? {
                    "cargo" => Tool::Cargo,
                    "cargo-component" => Tool::CargoComponent,
                    other => return Err(format!("`{other}` is no tool; `cargo` and `cargo-component` are")),
                };
            }
            "build.target" => self.target = text()?.to_owned(),
            "limits.fuel" => self.limits.fuel = number(RUN_FUEL, "")?,
            "limits.memory_mib" => {
                self.limits.memory_bytes = number(MEMORY_BYTES_MAX as u64 / 1_048_576, " MiB")? * 1_048_576;
            }
            _ => {
                return Err(format!(
                    "`{key}` is not known; build.tool, build.target, limits.fuel and limits.memory_mib are"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str) -> std::result::Result<Project, String> {
        let (tool, target) = (Tool::Cargo, "wasm32-unknown-unknown".to_owned());
        let mut project = Project { folder: PathBuf::new(), tool, target, limits: Limits::default() };
        project.take(text).map(|()| project)
    }

    #[test]
    fn what_is_set_counts_and_the_rest_is_the_services() {
        let project = taken("# how\n[build]\ntool = \"cargo-component\" # old\ntarget = \"wasm32-wasip1\"\n").unwrap();
        assert_eq!((project.tool, project.target.as_str()), (Tool::CargoComponent, "wasm32-wasip1"));
        assert_eq!(project.limits, Limits::default());
        let project = taken("[limits]\nfuel = 2_000_000\nmemory_mib = 8\n").unwrap();
        assert_eq!(project.limits, Limits { fuel: 2_000_000, memory_bytes: 8 * 1_048_576 });
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_line() {
        for (text, expected) in [
            ("[build]\ntool = \"make\"", "line 2: `make` is no tool"),
            ("[build]\ntool = cargo", "line 2: `build.tool` takes a text in quotes"),
            ("[limits]\n\nfuel = 30_000_000", "line 3: `limits.fuel` takes a whole number from 1 to 20000000"),
            ("[limits]\nfuel = 0", "line 2: `limits.fuel` takes"),
            ("[limits]\nmillis = 5", "line 2: `limits.millis` is not known"),
            ("nonsense", "line 1: it is no `key = value`"),
        ] {
            let problem = taken(text).unwrap_err();
            assert!(problem.starts_with(expected), "{problem}");
        }
    }
}
