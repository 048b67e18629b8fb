//! The list of leads as a table for spreadsheets.

use super::logs::Row;

/// Leads of a table. Who wants more takes them in parts, by time.
pub const LEADS_MAX: usize = 50_000;
/// Tells spreadsheets that a text is UTF-8.
pub const MARK: &str = "\u{feff}";

/// The first line.
pub fn header() -> String {
    let names = [
        "lead",
        "received",
        "outcome",
        "what happened",
        "name",
        "e-mail",
        "phone",
        "vehicle",
        "dealership",
        "event type",
        "took",
        "attempts",
        "contact in HubSpot",
        "test lead",
    ];
    line(&names.map(str::to_owned))
}

/// The line of a lead.
pub fn lead(row: &Row) -> String {
    let person = row.person.clone().unwrap_or_default();
    let happened = [Some(row.told.sentence.as_str()), row.told.more.as_deref()];
    line(&[
        row.event.to_string(),
        row.received.at.to_string(),
        row.told.outcome.word().to_owned(),
        happened.into_iter().flatten().collect::<Vec<_>>().join(". "),
        person.name,
        person.email.unwrap_or_default(),
        person.phone.unwrap_or_default(),
        person.vehicle.unwrap_or_default(),
        person.dealership.unwrap_or_default(),
        row.event_type.clone(),
        row.took.clone().unwrap_or_default(),
        row.attempts.to_string(),
        row.contact.clone().unwrap_or_default(),
        if row.is_test { "yes" } else { "no" }.to_owned(),
    ])
}

/// The last line of a table that is cut.
pub fn cut() -> String {
    line(&[format!("There are more than {LEADS_MAX} leads: narrow the filter, such as by time, for the others.")])
}

/// Cells as a line.
pub(super) fn line(cells: &[String]) -> String {
    cells.iter().map(|cell| cell_text(cell)).collect::<Vec<_>>().join(",") + "\r\n"
}

/// A cell. What a spreadsheet would take for a formula, and run, gets a sign in front that makes it a text.
fn cell_text(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    match text.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_run_and_none_leaves_its_place() {
        for (text, cell) in [
            ("Maya Lind", "Maya Lind"),
            ("=HYPERLINK(\"http://evil\")", "\"'=HYPERLINK(\"\"http://evil\"\")\""),
            ("+1 305 555 0187", "'+1 305 555 0187"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("\r=1", "\"'\r=1\""),
            ("a,b", "\"a,b\""),
            ("a\nb", "\"a\nb\""),
            ("", ""),
        ] {
            assert_eq!(cell_text(text), cell);
        }
    }
}
