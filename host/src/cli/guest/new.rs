//! `leadline guest new`: a crate that builds at once.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::super::Context;
use super::super::failure::{Failure, Result};
use super::template::{Template, Words, files};

/// Names that mean something else to Rust or cargo.
const TAKEN: [&str; 9] = ["alloc", "core", "guest-sdk", "proc-macro", "std", "test", "self", "super", "crate"];

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Folder to make; its last part names the crate and the transformation, such as `acme-deals`.
    folder: PathBuf,
    /// What it starts as.
    #[arg(long, value_enum, default_value = "contact")]
    template: Template,
    /// Folder of `guest-sdk` to depend on, as seen from the new crate. [default: a copy in the crate, as `sdk`]
    #[arg(long, value_name = "FOLDER")]
    sdk: Option<String>,
}

pub(super) fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let name = name(&args.folder)?;
    let files = files(args.template, &Words { name, sdk: args.sdk.as_deref() });
    if args.folder.exists() {
        return Err(Failure::conflict(format!("{} is there already", args.folder.display())));
    }
    for (path, bytes) in &files {
        let path = args.folder.join(path);
        let folder = path.parent().unwrap_or(&args.folder);
        let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, bytes));
        written.map_err(|error| Failure::failed(format!("cannot write {}: {error}", path.display())))?;
    }
    let folder = args.folder.display();
    context.one(&json!({ "folder": args.folder, "name": name, "files": files.keys().collect::<Vec<_>>() }), |_| {
        format!("{folder}: {} files\nnext: cd {folder} && leadline guest test", files.len())
    })
}

/// The crate's name, which cargo has to accept.
fn name(folder: &Path) -> Result<&str> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(plain) || TAKEN.contains(&name) {
        return Err(Failure::usage(format!("`{name}` names no crate"))
            .hint("lower-case letters, digits and `-`, beginning with a letter, such as `acme-deals`"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_is_named_by_its_folder() {
        for (folder, expected) in [
            ("acme-deals", Some("acme-deals")),
            ("a/b/acme2", Some("acme2")),
            ("Acme", None),
            ("2acme", None),
            ("acme deals", None),
            ("-x", None),
            ("core", None),
            ("..", None),
            ("", None),
        ] {
            assert_eq!(name(Path::new(folder)).ok(), expected, "{folder}");
        }
    }
}
