//! What is kept of a run: every value of every figure, and what it was measured on.

use std::path::Path;
use std::process::Command;

use leadline::model::time::clock;
use serde_json::json;

use crate::figure::Figure;

/// Writes the figures into a file of the folder; the same one for all that is measured in one go.
pub(crate) fn keep(folder: &Path, fingerprint: &str, figures: &[Figure]) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    let commit = said(Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=12"]));
    let kept = json!({
        "at": clock(),
        "machine": fingerprint,
        "commit": commit,
        "versions": {
            "leadline": env!("CARGO_PKG_VERSION"),
            "rustc": said(Command::new("rustc").arg("--version")),
            "postgres": said(Command::new("psql").arg("--version")),
        },
        "arguments": std::env::args().skip(1).collect::<Vec<_>>(),
        "figures": figures,
    });
    let name = format!("{}-{}.json", commit.as_deref().unwrap_or("unknown"), std::process::id());
    Ok(std::fs::write(folder.join(name), format!("{kept:#}\n"))?)
}

/// What a program says; nothing where it is not there.
fn said(command: &mut Command) -> Option<String> {
    let out = command.output().ok()?;
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
}
