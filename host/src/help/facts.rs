//! The parts of the documents that are made of the code: lists and tables in Markdown. A document marks where one
//! stands, and a test compares what stands there.

use std::fmt::Write as _;
use std::time::Duration;

use super::mapping::{self, Rule};
use crate::cause::kind::{self, Kind};
use crate::cause::{Class, Code};
use crate::connection::scopes::{Feature, PERMISSIONS};
use crate::contract::actions::WritePolicy;
use crate::contract::manifest::{Manifest, PropertyDefinition};
use crate::fit;
use crate::model::access::Role;
use crate::model::outcome::Outcome;
use crate::model::portal::{CONTACT, DEAL, object_type_id};
use crate::model::word;
use crate::retry::{ATTEMPTS_MAX, END, JITTER, TIMETABLE};

/// Before the name of a part.
pub const MARK: &str = "<!-- from the code: ";
/// Behind a part.
pub const END_MARK: &str = "<!-- end -->";

/// The same document with each of its parts as the code has it by now.
///
/// # Errors
/// When a mark names no part, or has no end; the text says which.
pub fn renewed(document: &str, manifests: &[Manifest]) -> Result<String, String> {
    let mut pieces = document.split(MARK);
    let mut made = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once(" -->").ok_or("a mark has no end")?;
        let (_, rest) = rest.split_once(END_MARK).ok_or_else(|| format!("the part `{name}` has no end"))?;
        let part = part(name, manifests).ok_or_else(|| format!("there is no part `{name}`"))?;
        let _ = write!(made, "{MARK}{name} -->\n{}\n{END_MARK}{rest}", part.trim_end());
    }
    Ok(made)
}

fn part(name: &str, manifests: &[Manifest]) -> Option<String> {
    Some(match name {
        "articles" => articles(),
        "causes" => causes(),
        "classes" => classes(),
        "contact-mapping" => rules(&mapping::CONTACT),
        "contact-properties" => properties(manifests, CONTACT),
        "deal-mapping" => rules(&mapping::DEAL),
        "deal-properties" => properties(manifests, DEAL),
        "outcomes" => outcomes(),
        "permissions" => permissions(),
        "policies" => policies(),
        "problems" => problems(),
        "roles" => roles(),
        "timetable" => timetable(),
        _ => return None,
    })
}

fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head: Vec<_> = head.iter().map(|&cell| cell.to_owned()).collect();
    let rule: String = head.iter().map(|_| "|---").collect();
    format!("{}{rule}|\n{}", line(&head), rows.into_iter().map(|row| line(&row)).collect::<String>())
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn codes(texts: &[&str]) -> String {
    texts.iter().map(|text| code(text)).collect::<Vec<_>>().join(", ")
}

fn properties(manifests: &[Manifest], object_type: &str) -> String {
    let mut seen: Vec<PropertyDefinition> = Vec::new();
    for definition in manifests.iter().flat_map(|manifest| &manifest.properties) {
        let is_here = object_type_id(&definition.object_type) == object_type;
        if is_here && !seen.iter().any(|known| known.name == definition.name) {
            seen.push(definition.clone());
        }
    }
    let rows = seen.into_iter().map(|one| {
        let mut kind = fit::words_of_kind(one.kind);
        if !one.options.is_empty() {
            let options: Vec<_> = one.options.iter().map(String::as_str).collect();
            let _ = write!(kind, ": {}", codes(&options));
        }
        if one.unique {
            kind += ", unique values only";
        }
        vec![code(&one.name), one.label, kind, one.description]
    });
    table(&["internal name", "label", "type", "description"], rows)
}

fn rules(rules: &[Rule]) -> String {
    let row = |rule: &Rule| {
        let from = if rule.from.is_empty() { "–".to_owned() } else { codes(rule.from) };
        vec![from, codes(rule.properties), rule.policy.label().to_owned(), rule.words.to_owned()]
    };
    table(&["from", "property", "written", "rule"], rules.iter().map(row))
}

fn policies() -> String {
    let all = [WritePolicy::Always, WritePolicy::OnCreate, WritePolicy::IfEmpty];
    let row = |policy: WritePolicy| vec![code(policy.label()), mapping::meaning(policy).to_owned()];
    table(&["policy", "meaning"], all.map(row))
}

fn problems() -> String {
    let row = |kind: &Kind| {
        vec![kind.status.as_u16().to_string(), code(kind.code), kind.title.to_owned(), kind.fix.to_owned()]
    };
    table(&["status", "code", "what happened", "what to do"], kind::ALL.iter().map(row))
}

/// A whole number of the largest unit that fits.
fn words(wait: Duration) -> String {
    let seconds = wait.as_secs();
    let (number, unit) = match seconds {
        0 => return "at once".to_owned(),
        _ if seconds.is_multiple_of(3600) => (seconds / 3600, "hour"),
        _ if seconds.is_multiple_of(60) => (seconds / 60, "minute"),
        _ => (seconds, "second"),
    };
    if number == 1 { format!("1 {unit}") } else { format!("{number} {unit}s") }
}

/// About how long after the first attempt.
fn since(at: Duration) -> String {
    match at.as_secs() {
        seconds if seconds < 60 => words(at),
        seconds if seconds < 3600 => format!("about {}", words(Duration::from_secs(seconds / 60 * 60))),
        seconds => format!("about {}", words(Duration::from_secs((seconds + 1800) / 3600 * 3600))),
    }
}

fn timetable() -> String {
    let mut at = Duration::ZERO;
    let mut rows = Vec::new();
    for (index, wait) in TIMETABLE.iter().enumerate() {
        at += *wait;
        let wait = if wait.is_zero() { "at once".to_owned() } else { format!("{} later", words(*wait)) };
        rows.push(vec![(index + 1).to_string(), wait, since(at)]);
    }
    rows.push(vec![(TIMETABLE.len() + 1).to_string(), "the last one".to_owned(), words(END)]);
    format!(
        "{}\nThese are {} retries after the first attempt. A wait is lengthened or shortened by up to {:.0} %, so that leads \
         that failed together do not come back together.\n",
        table(&["retry", "after the attempt before", "after the first attempt"], rows),
        ATTEMPTS_MAX - 1,
        JITTER * 100.0
    )
}

fn permissions() -> String {
    let rows = PERMISSIONS.iter().map(|permission| {
        let when = match permission.feature {
            Feature::Contacts => "always".to_owned(),
            other => format!("for {}", other.title()),
        };
        vec![permission.words.to_owned(), permission.why.to_owned(), code(permission.scope), when]
    });
    table(&["we may", "why", "HubSpot calls it", "asked for"], rows)
}

fn roles() -> String {
    let rows = Role::ALL.map(|role| {
        let reach = if role.is_of_the_house() { "all accounts" } else { "one account" };
        let may: Vec<_> = role.rights().iter().map(|right| right.title()).collect();
        vec![word(&role), reach.to_owned(), may.join("; ")]
    });
    table(&["role", "reaches", "may"], rows)
}

fn outcomes() -> String {
    let row = |outcome: Outcome| vec![format!("{} {}", outcome.icon(), outcome.label()), outcome.words().to_owned()];
    table(&["outcome", "what it means"], Outcome::ALL.map(row))
}

fn classes() -> String {
    let rows = Class::ALL.map(|class| {
        let met: Vec<_> = Code::ALL.iter().filter(|code| code.class() == class).map(|code| link(*code)).collect();
        vec![class.title().to_owned(), class.words().to_owned(), met.join(", ")]
    });
    table(&["the lead", "what that means", "causes"], rows)
}

/// The anchor of a cause's article, as Markdown makes it of a heading.
pub fn anchor(code: Code) -> String {
    code.as_str().replace('.', "")
}

fn link(code: Code) -> String {
    format!("[{code}](causes.md#{})", anchor(code))
}

fn causes() -> String {
    let row = |code: &Code| {
        let (title, class) = (code.title().to_owned(), code.class().title().to_owned());
        vec![link(*code), title, class, code.who().to_owned()]
    };
    table(&["code", "what happened", "the lead", "who can mend it"], Code::ALL.iter().map(row))
}

fn articles() -> String {
    Code::ALL.iter().map(|code| format!("### {code}\n\n{}\n", article(*code))).collect::<Vec<_>>().join("\n")
}

/// The article of a cause, without its heading.
pub fn article(code: Code) -> String {
    let mut text = format!("**{}.** {}\n\n", code.title(), code.about());
    let _ = writeln!(text, "- {}", code.class().words());
    let _ = writeln!(text, "- What to do: {}", code.fix());
    let _ = writeln!(text, "- Who can: {}.", code.who());
    if let Some(path) = code.hubspot_path() {
        let _ = writeln!(text, "- In HubSpot: {path}");
    }
    if let Some(screen) = code.screen() {
        let _ = writeln!(
            text,
            "- Here: [{}](screens.md#{screen})",
            super::guide(screen).map_or(screen, |guide| guide.title)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_renewed_where_it_stands_and_nothing_else_is_touched() {
        let policies = policies();
        let made = renewed(&format!("a\n{MARK}policies -->\nold\n{END_MARK}\nb\n"), &[]).unwrap();
        assert_eq!(made, format!("a\n{MARK}policies -->\n{}\n{END_MARK}\nb\n", policies.trim_end()));
        assert_eq!(renewed(&made, &[]).unwrap(), made);
        for (document, wrong) in [
            (format!("{MARK}nonsense -->\n{END_MARK}"), "there is no part `nonsense`"),
            (format!("{MARK}roles -->\n"), "the part `roles` has no end"),
            (MARK.to_owned(), "a mark has no end"),
        ] {
            assert_eq!(renewed(&document, &[]).unwrap_err(), wrong);
        }
    }

    #[test]
    fn the_timetable_reads_as_customers_were_told() {
        let table = timetable();
        for row in [
            "| 1 | at once | at once |",
            "| 2 | 5 seconds later | 5 seconds |",
            "| 3 | 5 minutes later | about 5 minutes |",
            "| 4 | 30 minutes later | about 35 minutes |",
            "| 5 | 2 hours later | about 3 hours |",
            "| 12 | the last one | 72 hours |",
            "These are 12 retries after the first attempt. A wait is lengthened or shortened by up to 10 %",
        ] {
            assert!(table.contains(row), "{row} is missing in\n{table}");
        }
    }
}
