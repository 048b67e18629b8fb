//! `leadline transform figures`: what the newest runs of each version used, of all accounts.

use super::super::Context;
use super::super::failure::Result;
use crate::operate::guests;
use crate::view::operator::{GuestRow, guest_rows};

pub(super) async fn run(context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let guests = guests::gather(&store).await?;
    if context.json {
        return context.one(&guests, |_| String::new());
    }
    let rows = guest_rows(&guests);
    let mut table = super::super::output::table(&["Version", "Runs", "Fuel", "Time", "Memory at most", "Of its limit"]);
    let cells = |row: &GuestRow| {
        [&row.name, &row.runs, &row.fuel, &row.time, &row.memory, &row.share].map(String::clone).to_vec()
    };
    table.add_rows(rows.iter().map(cells));
    match rows.is_empty() {
        true => writeln!(context.out, "No runs are kept yet.")?,
        false => writeln!(context.out, "{table}\nThe median / the 95th / the 99th of a hundred runs.")?,
    }
    for failure in &guests.failures {
        writeln!(
            context.out,
            "{}: {} waiting for {}: {}",
            failure.account, failure.waiting, failure.code, failure.detail
        )?;
    }
    Ok(())
}
