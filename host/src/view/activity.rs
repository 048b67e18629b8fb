//! What people and programs did: the filter that an address carries, what was set in words, and the table of it; in the
//! dashboard, over HTTP and on the command line.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::csv;
use super::logs::When;
use crate::model::id::AccountId;
use crate::store::{self, AuditEntry, AuditFilter, Beside, Store};
use crate::text::cut;

/// Entries of one page.
pub const PAGE: u32 = 50;
/// Entries of a table. Who wants more takes them in parts, by time.
const TABLE_MAX: usize = 20_000;
/// Entries that are read at once for a table.
const READ_AT_ONCE: u32 = 500;
/// Of a value that a page shows: the longest reason for which a person was shown has room.
const VALUE_CHARS_MAX: usize = 320;

/// What an address filters by. Empty members are as if they were not there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Query {
    pub actor: String,
    pub action: String,
    pub subject: String,
    /// Days in the zone of the account, both included; or moments, from the first to before the second.
    pub from: String,
    pub until: String,
}

impl Query {
    /// The filter that it stands for. What is not understood filters nothing.
    pub fn filter(&self, account: Option<&AccountId>, zone: &TimeZone) -> AuditFilter {
        AuditFilter {
            account: account.cloned(),
            actor: self.actor.trim().to_owned(),
            action: self.action.trim().to_owned(),
            subject: self.subject.trim().to_owned(),
            from: When::read(&self.from).and_then(|from| from.moment_in(zone)),
            until: When::read(&self.until).and_then(|until| until.next_day().moment_in(zone)),
        }
    }

    /// The first field that nobody understands, and what it says. On a page it filters nothing; a program is told.
    pub fn wrong(&self) -> Option<(&'static str, &str)> {
        let fields = [("from", &self.from), ("until", &self.until)];
        let wrong = fields.into_iter().find(|(_, value)| !value.is_empty() && When::read(value).is_none());
        wrong.map(|(name, value)| (name, value.as_str()))
    }

    pub fn is_filtered(&self) -> bool {
        *self != Self::default()
    }

    /// As the end of an address, without its `?`.
    pub fn encoded(&self) -> String {
        let fields = [
            ("actor", &self.actor),
            ("action", &self.action),
            ("subject", &self.subject),
            ("from", &self.from),
            ("until", &self.until),
        ];
        let given = fields.into_iter().filter(|(_, value)| !value.is_empty());
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish()
    }

    /// The same filter at another page.
    pub fn at(&self, name: &str, cursor: &str) -> String {
        let filter = self.encoded();
        if filter.is_empty() { format!("{name}={cursor}") } else { format!("{filter}&{name}={cursor}") }
    }
}

/// One thing that was set to something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Empty where the whole is one value.
    pub what: String,
    pub before: String,
    pub after: String,
}

/// What was set, where that was noted: each field that is another one now.
pub fn changes(detail: &Value) -> Vec<Change> {
    let (before, after) = (&detail["before"], &detail["after"]);
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        let is_told = detail.get("before").is_some() && before != after;
        let change = || Change { what: String::new(), before: words(before), after: words(after) };
        return is_told.then(change).into_iter().collect();
    };
    let mut names: Vec<_> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    let value = |of: &serde_json::Map<String, Value>, name: &str| of.get(name).cloned().unwrap_or(Value::Null);
    let change = |name: &String| {
        let (before, after) = (value(old, name), value(new, name));
        let differs = before != after && name != "revision";
        differs.then(|| Change { what: name.clone(), before: words(&before), after: words(&after) })
    };
    names.into_iter().filter_map(change).collect()
}

/// What was asked for beside that, in a line; empty where there is nothing to tell.
pub fn asked(detail: &Value) -> String {
    let fields = match detail {
        Value::Object(fields) => fields,
        Value::Null => return String::new(),
        other => return words(other),
    };
    let told = fields.iter().filter(|(name, _)| !["before", "after"].contains(&name.as_str()));
    let told = told.filter(|(_, value)| !value.is_null() && **value != "");
    let told: Vec<_> = told.map(|(name, value)| format!("{name}: {}", words(value))).collect();
    cut(&told.join(", "), VALUE_CHARS_MAX)
}

/// A value as people read it.
fn words(value: &Value) -> String {
    let text = match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(is_so) => if *is_so { "yes" } else { "no" }.to_owned(),
        Value::Array(values) => values.iter().map(words).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    cut(&text, VALUE_CHARS_MAX)
}

/// The entries that fit as a table, the newest first.
///
/// # Errors
/// The store's.
pub async fn table(store: &Store, filter: &AuditFilter) -> store::Result<String> {
    let names = ["id", "when", "who", "what", "to what", "asked for", "before", "after"];
    let (mut text, mut lines) = (csv::line(&names.map(str::to_owned)), 0);
    let mut beside = Beside::Newest;
    loop {
        let page = store.audit_page(filter, &beside, READ_AT_ONCE).await?;
        text.extend(page.entries.iter().map(line));
        lines += page.entries.len();
        if lines >= TABLE_MAX && page.has_older {
            let end = format!("There are more than {TABLE_MAX} entries: narrow the filter for the others.");
            return Ok(text + &csv::line(&[end]));
        }
        match page.entries.last().filter(|_| page.has_older) {
            Some(last) => beside = Beside::OlderThan(last.id.clone()),
            None => return Ok(text),
        }
    }
}

fn line(entry: &AuditEntry) -> String {
    let side = |name: &str| entry.detail.get(name).map(Value::to_string).unwrap_or_default();
    csv::line(&[
        entry.id.to_string(),
        entry.at.to_string(),
        entry.actor.clone(),
        entry.action.clone(),
        entry.subject.clone(),
        asked(&entry.detail),
        side("before"),
        side("after"),
    ])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_set_is_told_field_by_field() {
        let of = |detail: Value| {
            let told = changes(&detail).into_iter();
            told.map(|change| format!("{} {} > {}", change.what, change.before, change.after)).collect::<Vec<_>>()
        };
        let rows = [
            (json!({ "keep_days": 14, "before": null, "after": 14 }), vec![" – > 14"]),
            (json!({ "before": ["a"], "after": ["a", "b"] }), vec![" a > a, b"]),
            (
                json!({ "before": { "strict": false, "x": 1 }, "after": { "strict": true, "x": 1 } }),
                vec!["strict no > yes"],
            ),
            (json!({ "before": { "a": 1, "revision": 1 }, "after": { "revision": 2 } }), vec!["a 1 > –"]),
            (json!({ "name": "x" }), vec![]),
            (json!({ "before": 1, "after": 1 }), vec![]),
            (Value::Null, vec![]),
        ];
        for (detail, told) in rows {
            assert_eq!(of(detail.clone()), told, "{detail}");
        }
        assert_eq!(asked(&json!({ "keep_days": 14, "note": "", "before": 1, "after": 2 })), "keep_days: 14");
        assert_eq!(asked(&Value::Null), "");
    }

    #[test]
    fn days_are_those_of_the_account() {
        let query = Query { from: "2026-11-28".into(), until: "2026-11-28".into(), ..Query::default() };
        let zone = TimeZone::get("America/New_York").unwrap();
        let filter = query.filter(None, &zone);
        let day = [filter.from, filter.until].map(|at| at.unwrap().to_string());
        assert_eq!(day, ["2026-11-28T05:00:00Z", "2026-11-29T05:00:00Z"]);
        assert_eq!(Query { from: "soon".into(), ..query.clone() }.wrong(), Some(("from", "soon")));
        assert_eq!(query.at("after", "aud_1"), "from=2026-11-28&until=2026-11-28&after=aud_1");
    }
}
