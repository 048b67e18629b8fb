//! `leadline explain`: the article of a cause.

use serde_json::json;

use super::Context;
use super::failure::{Failure, Result};
use crate::cause::Code;
use crate::help::{facts, markdown};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// A code, such as `property.missing`; without one, all of them are listed.
    code: Option<String>,
}

pub fn run(args: &Args, context: &mut Context<'_>) -> Result<()> {
    match &args.code {
        Some(code) => article(code, context),
        None => {
            let row = |code: &Code| vec![code.to_string(), code.title().to_owned(), code.who().to_owned()];
            context.list(Code::ALL, &["Code", "What happened", "Who can mend it"], row, "")
        }
    }
}

/// What a code means, and what to do.
pub(super) fn article(code: &str, context: &mut Context<'_>) -> Result<()> {
    let known = code.parse::<Code>().map_err(|error| Failure::not_found(error.to_string()).hint(like(code)))?;
    let shown = json!({
        "code": known,
        "title": known.title(),
        "about": known.about(),
        "class": known.class(),
        "who": known.who(),
        "fix": known.fix(),
        "hubspot_path": known.hubspot_path(),
    });
    context.one(&shown, |_| format!("{known}\n\n{}", markdown::plain(&facts::article(known))))
}

/// The codes that somebody may have meant: those of the same family, or where all of them are listed.
fn like(code: &str) -> String {
    let family = code.split('.').next().unwrap_or_default();
    let known: Vec<_> =
        Code::ALL.iter().map(|code| code.as_str()).filter(|known| known.split('.').next() == Some(family)).collect();
    if known.is_empty() {
        return "`leadline explain` lists all of them".to_owned();
    }
    format!("those that begin with `{family}` are {}", known.join(", "))
}
