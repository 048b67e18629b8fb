//! Lists: all portals, and the records of one type.

use super::{record_link, table, time};
use crate::html::escape;
use crate::portal::record::Stored;
use crate::portal::{CONTACT, DEAL, NOTE, PortalState};
use crate::world::{World, locked};

/// Records on one page.
const PAGE: usize = 50;

pub(super) fn portals(world: &World) -> String {
    let rows: Vec<_> = world.portals().iter().map(|portal| row(&locked(portal))).collect();
    if rows.is_empty() {
        return "<p class=\"empty\">No portal yet.</p>".to_owned();
    }
    table(&["Portal", "Number", "Contacts", "Deals", "Notes", "Findings"], &rows)
}

fn row(portal: &PortalState) -> Vec<String> {
    let id = portal.id;
    let count = |kind: &str| portal.table(kind).map_or(0, |table| table.live_count()).to_string();
    vec![
        format!("<a href=\"/contacts/{id}/objects/{CONTACT}\">{}</a>", escape(&portal.name)),
        id.to_string(),
        count(CONTACT),
        count(DEAL),
        count(NOTE),
        format!("<a href=\"/contacts/{id}/findings\">{}</a>", portal.findings.list(id).len()),
    ]
}

/// The latest records first.
pub(super) fn records(portal: &PortalState, kind: &str, page: usize) -> Option<String> {
    let records = portal.table(kind).ok()?;
    let live = records.all().iter().rev().filter(|stored| stored.archived_at.is_none());
    let shown: Vec<&Stored> = live.skip((page - 1) * PAGE).take(PAGE).collect();
    let count = records.live_count();
    if shown.is_empty() {
        return Some("<p class=\"empty\">Nothing here yet.</p>".to_owned());
    }
    let columns: &[(&str, &str)] = match kind {
        CONTACT => {
            &[("email", "Email"), ("phone", "Phone"), ("hs_lead_status", "Lead status"), ("lifecyclestage", "Stage")]
        }
        DEAL => &[("pipeline", "Pipeline"), ("dealstage", "Stage"), ("amount", "Amount"), ("closedate", "Close date")],
        _ => &[],
    };
    let mut heads = vec!["Name"];
    heads.extend(columns.iter().map(|(_, head)| *head));
    heads.push("Created");
    let row = |stored: &&Stored| {
        let mut cells = vec![record_link(portal.id, kind, stored.id, &title(kind, stored))];
        cells.extend(columns.iter().map(|(name, _)| escape(&stored.value(kind, name).unwrap_or_default())));
        cells.push(time(stored.created_at));
        cells
    };
    let rows: Vec<_> = shown.iter().map(row).collect();
    Some(format!("<p class=\"count\">{count} in all</p>{}{}", table(&heads, &rows), pager(page, count)))
}

fn pager(page: usize, count: usize) -> String {
    let link = |page: usize, text: &str| format!("<a href=\"?page={page}\">{text}</a>");
    let newer = (page > 1).then(|| link(page - 1, "Newer"));
    let older = (page * PAGE < count).then(|| link(page + 1, "Older"));
    format!("<p class=\"pager\">{}{}</p>", newer.unwrap_or_default(), older.unwrap_or_default())
}

/// What people would call a record.
pub(super) fn title(kind: &str, stored: &Stored) -> String {
    let part = |name: &str| stored.written(name).unwrap_or_default();
    let title = match kind {
        CONTACT => format!("{} {}", part("firstname"), part("lastname")).trim().to_owned(),
        DEAL => part("dealname").to_owned(),
        NOTE => plain(part("hs_note_body")),
        _ => part("name").to_owned(),
    };
    let title = if title.is_empty() { part("email").to_owned() } else { title };
    if title.is_empty() { format!("Record {}", stored.id) } else { title }
}

/// The beginning of a note, without its markup.
fn plain(body: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for char in body.chars() {
        match char {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            _ if !inside => text.push(char),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(80).collect()
}
