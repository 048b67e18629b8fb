//! One record, as a CRM shows it: its properties, what happened, what it is linked to, and its history.

use super::lists::title;
use super::{record_link, table, time};
use crate::html::escape;
use crate::portal::record::{Source, Stored};
use crate::portal::table::Table;
use crate::portal::{CONTACT, DEAL, NOTE, PortalState};

/// Notes shown on one card.
const NOTES_SHOWN: usize = 100;

/// Title and content; a merged record shows the one that took its place.
pub(super) fn card(portal: &PortalState, kind: &str, id: &str, now: i64) -> Option<(String, String)> {
    let records = portal.table(kind).ok()?;
    let stored = records.by_id(id)?;
    let archived = stored.archived_at.map(|at| format!("<p class=\"archived\">Archived at {} UTC.</p>", time(at)));
    let middle = if kind == NOTE { body(stored) } else { timeline(portal, stored, now) };
    let content = format!(
        "{}{}<div class=\"card\"><section><h2>About</h2>{}</section><section><h2>{}</h2>{middle}</section>\
         <section><h2>Linked</h2>{}</section></div><section><h2>History</h2>{}</section>",
        archived.unwrap_or_default(),
        acts_link(portal.id, kind, stored.id),
        about(records, stored),
        if kind == NOTE { "Note" } else { "Timeline" },
        linked(portal, kind, stored),
        history(stored),
    );
    Some((title(kind, stored), content))
}

/// To the forms of the acts, with this record filled in.
fn acts_link(portal: i64, kind: &str, id: u64) -> String {
    let query = format!("object_type={}&amp;id={id}&amp;contact={id}&amp;loser={id}", escape(kind));
    format!("<p class=\"pager\"><a href=\"/contacts/{portal}/acts?{query}\">Edit, merge, archive or erase</a></p>")
}

/// Every property that has a value, by its label.
fn about(records: &Table, stored: &Stored) -> String {
    let properties = records.schema.properties.values().filter(|property| &*property.name != "hs_note_body");
    let rows = properties.filter_map(|property| {
        let value = stored.value(&records.object_type, &property.name)?;
        let archived = if property.archived { " <small>archived property</small>" } else { "" };
        Some(format!(
            "<dt title=\"{}\">{}{archived}</dt><dd>{}</dd>",
            escape(&property.name),
            escape(&property.definition.label),
            escape(&value)
        ))
    });
    format!("<dl>{}</dl>", rows.collect::<String>())
}

/// The notes of a record, the latest first.
fn timeline(portal: &PortalState, stored: &Stored, now: i64) -> String {
    let Ok(notes) = portal.table(NOTE) else { return String::new() };
    let ids = stored.links.get(NOTE).into_iter().flat_map(|notes| notes.keys().rev());
    let shown = ids.filter_map(|&id| notes.get(id)).filter(|note| note.is_live(now)).take(NOTES_SHOWN);
    let items: String = shown
        .map(|note| {
            let link = record_link(portal.id, NOTE, note.id, &format!("Note · {} UTC", time(note.created_at)));
            format!("<li><p class=\"when\">{link} · {}</p>{}</li>", by(note.made_by), body(note))
        })
        .collect();
    if items.is_empty() {
        "<p class=\"empty\">No notes.</p>".to_owned()
    } else {
        format!("<ol class=\"timeline\">{items}</ol>")
    }
}

/// The HTML of a note. It was cleaned when it was stored, so it goes into the page as it is.
fn body(note: &Stored) -> String {
    format!("<div class=\"note\">{}</div>", note.written("hs_note_body").unwrap_or_default())
}

fn linked(portal: &PortalState, kind: &str, stored: &Stored) -> String {
    let mut items = String::new();
    for (to, others) in stored.links.iter().filter(|(to, _)| &***to != NOTE || kind == NOTE) {
        let Ok(records) = portal.table(to) else { continue };
        for other in others.keys().rev().filter_map(|&id| records.get(id)) {
            items.push_str(&format!(
                "<li>{}{}</li>",
                record_link(portal.id, to, other.id, &title(to, other)),
                summary(to, other)
            ));
        }
    }
    if items.is_empty() { "<p class=\"empty\">Nothing.</p>".to_owned() } else { format!("<ul>{items}</ul>") }
}

fn summary(kind: &str, stored: &Stored) -> String {
    let part = |name: &str| escape(stored.written(name).unwrap_or_default());
    match kind {
        DEAL => format!("<br><small>{} · {} · {}</small>", part("pipeline"), part("dealstage"), part("amount")),
        CONTACT => format!("<br><small>{}</small>", part("email")),
        _ => String::new(),
    }
}

fn history(stored: &Stored) -> String {
    let mut changes = stored.history();
    changes.reverse();
    let rows: Vec<_> = changes
        .iter()
        .map(|change| {
            let value = if change.value.is_empty() { "<em>cleared</em>".to_owned() } else { escape(&change.value) };
            vec![time(change.at), escape(&change.property), value, by(change.by).to_owned()]
        })
        .collect();
    table(&["Time (UTC)", "Property", "Value", "Written"], &rows)
}

fn by(source: Source) -> &'static str {
    match source {
        Source::Integration => "by integration",
        Source::Person => "by person",
    }
}
