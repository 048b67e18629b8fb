//! Tables for people, JSON for programs.

pub(super) use crate::view::moment::grouped;

use std::io::IsTerminal as _;

use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};
use serde::Serialize;
use serde_json::json;

use super::Context;
use super::failure::Result;

impl Context<'_> {
    /// Prints a list: `{"data": […], "next": null}` as JSON, else a table; `empty` stands for no rows at all.
    pub(super) fn list<T: Serialize>(
        &mut self,
        items: &[T],
        header: &[&str],
        row: impl Fn(&T) -> Vec<String>,
        empty: &str,
    ) -> Result<()> {
        if self.json {
            return self.json(&json!({ "data": items, "next": null }));
        }
        if items.is_empty() {
            writeln!(self.out, "{empty}")?;
            return Ok(());
        }
        let mut table = table(header);
        let printable_row = |item| row(item).iter().map(|cell| printable(cell)).collect::<Vec<_>>();
        table.add_rows(items.iter().map(printable_row));
        writeln!(self.out, "{table}")?;
        Ok(())
    }

    /// Prints one thing: as JSON, else what `text` makes of it.
    pub(super) fn one<T: Serialize>(&mut self, item: &T, text: impl FnOnce(&T) -> String) -> Result<()> {
        if self.json {
            return self.json(&json!({ "data": item }));
        }
        writeln!(self.out, "{}", printable(&text(item)))?;
        Ok(())
    }

    /// Prints JSON on one line.
    pub(super) fn json<T: Serialize>(&mut self, value: &T) -> Result<()> {
        writeln!(self.out, "{}", serde_json::to_string(value).map_err(anyhow::Error::from)?)?;
        Ok(())
    }
}

/// A text without the characters that move a cursor or change a colour: names and answers are foreign texts.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// One line under the header, and nothing else: a row can be copied.
const HAIRLINE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// A calm table. It fits the terminal, and is as wide as it needs elsewhere.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(HAIRLINE).set_content_arrangement(ContentArrangement::Dynamic).set_header(header.to_vec());
    if !std::io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    table
}

/// A bar on a terminal, nothing elsewhere.
pub(super) fn progress(length: u64, what: &'static str) -> indicatif::ProgressBar {
    let bar = indicatif::ProgressBar::new(length); // draws on stderr, and only on a terminal
    let style = indicatif::ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}").expect("the template is fixed");
    bar.set_style(style);
    bar.set_message(what);
    bar
}
