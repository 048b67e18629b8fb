//! `leadline connection event-types`: which events go to a portal.

use super::super::Context;
use super::super::failure::{Failure, Result};
use super::find;
use crate::account::{self, EventTypeChoice};
use crate::model::time::clock;
use crate::store::Store;

pub(super) async fn run(store: &Store, name: &str, select: &[String], context: &mut Context<'_>) -> Result<()> {
    let connection = find(store, name).await?;
    if !select.is_empty() {
        let before = account::selected_types(store, &connection).await?;
        context.changes(before, select);
        account::select_event_types(store, &connection, select, clock()).await.map_err(|error| {
            Failure::from(error).hint(format!("`leadline connection event-types {name}` shows which there are"))
        })?;
    }
    let choices = account::event_types(store, &connection).await?;
    let row = |choice: &EventTypeChoice| {
        let fate = if choice.selected { "goes to HubSpot" } else { "is skipped" };
        vec![choice.name.clone(), fate.to_owned()]
    };
    context.list(&choices, &["Type", "Fate"], row, "There are no event types.")
}
