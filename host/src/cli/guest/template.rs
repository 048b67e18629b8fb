//! The files of a new crate, built into the binary: its template, the contract, and the SDK, which is in no registry.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "templates"]
struct Templates;

#[derive(RustEmbed)]
#[folder = "../wit"]
#[include = "*.wit"]
struct Wit;

#[derive(RustEmbed)]
#[folder = "../guest-sdk/src"]
struct Sdk;

/// What the crate starts as.
#[derive(clap::ValueEnum, Clone, Copy, Debug)]
pub(super) enum Template {
    /// A contact, and a note with the conversation.
    Contact,
    /// The same, and a deal.
    Deal,
}

impl Template {
    fn folder(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Deal => "deal",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Contact => "Creates or updates a contact for each lead, with the conversation as a note.",
            Self::Deal => "Creates or updates a contact and a deal for each lead, with the conversation as a note.",
        }
    }
}

/// What `{{…}}` stands for in a template.
pub(super) struct Words<'a> {
    pub(super) name: &'a str,
    /// Where the SDK lies, when not in the crate itself.
    pub(super) sdk: Option<&'a str>,
}

/// Every file of the crate: its path in the folder, and its bytes.
pub(super) fn files(template: Template, words: &Words<'_>) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let fill = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) => text
            .replace("{{name}}", words.name)
            .replace("{{description}}", template.description())
            .replace("{{sdk}}", words.sdk.unwrap_or("sdk"))
            .replace("{{version}}", env!("CARGO_PKG_VERSION"))
            .into_bytes(),
        Err(_) => bytes.to_vec(),
    };
    let mut folders = vec![("common/".to_owned(), ""), (format!("{}/", template.folder()), "")];
    if words.sdk.is_none() {
        folders.push(("sdk/".to_owned(), "sdk/"));
    }
    for path in Templates::iter() {
        for (folder, into) in &folders {
            let (Some(rest), Some(file)) = (path.strip_prefix(folder.as_str()), Templates::get(&path)) else {
                continue;
            };
            // A name that begins with a dot is passed over by too many tools.
            files.insert(PathBuf::from(format!("{into}{}", rest.replace("dot-", "."))), fill(&file.data));
        }
    }
    for (path, file) in Wit::iter().filter_map(|path| Some((format!("wit/{path}"), Wit::get(&path)?))) {
        files.insert(PathBuf::from(path), file.data.into_owned());
    }
    if words.sdk.is_none() {
        for (path, file) in Sdk::iter().filter_map(|path| Some((format!("sdk/src/{path}"), Sdk::get(&path)?))) {
            files.insert(PathBuf::from(path), file.data.into_owned());
        }
        for (name, text) in [
            ("sdk/LICENSE-MIT", include_str!("../../../../LICENSE-MIT")),
            ("sdk/LICENSE-APACHE", include_str!("../../../../LICENSE-APACHE")),
        ] {
            files.insert(PathBuf::from(name), text.as_bytes().to_vec());
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(files: &BTreeMap<PathBuf, Vec<u8>>, path: &str) -> String {
        String::from_utf8(files[&PathBuf::from(path)].clone()).unwrap()
    }

    #[test]
    fn a_new_crate_has_everything_that_it_is_built_from() {
        for template in [Template::Contact, Template::Deal] {
            let files = files(template, &Words { name: "acme-leads", sdk: None });
            for path in [
                ".cargo/config.toml",
                ".gitignore",
                ".vscode/settings.json",
                "Cargo.toml",
                "README.md",
                "examples/full-lead/event.json",
                "examples/no-email/expected.json",
                "examples/refusal/settings.json",
                "leadline.toml",
                "rust-toolchain.toml",
                "sdk/Cargo.toml",
                "sdk/LICENSE-MIT",
                "sdk/src/lib.rs",
                "sdk/src/mapping/phone/countries.rs",
                "sdk/src/mapping/contact_settings.json",
                "src/lib.rs",
                "wit/1.0.0/transform.wit",
            ] {
                assert!(files.contains_key(&PathBuf::from(path)), "{path} is missing");
            }
            for (path, bytes) in &files {
                assert!(!String::from_utf8_lossy(bytes).contains("{{name}}"), "{}", path.display());
            }
            assert!(text(&files, "Cargo.toml").contains("name = \"acme-leads\""));
        }
    }

    #[test]
    fn a_named_sdk_takes_the_place_of_the_copy() {
        let files = files(Template::Contact, &Words { name: "acme", sdk: Some("../leadline/guest-sdk") });
        assert!(text(&files, "Cargo.toml").contains("guest-sdk = { path = \"../leadline/guest-sdk\" }"));
        assert!(!files.keys().any(|path| path.starts_with("sdk")));
    }

    #[test]
    fn the_copy_of_the_sdk_needs_what_the_sdk_needs() {
        let line =
            |text: &str| text.lines().find(|line| line.starts_with("wit-bindgen = ")).map(str::to_owned).unwrap();
        let files = files(Template::Contact, &Words { name: "acme", sdk: None });
        assert_eq!(line(&text(&files, "sdk/Cargo.toml")), line(include_str!("../../../../Cargo.toml")));
    }
}
