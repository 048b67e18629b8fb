//! `leadline event test|read-back|delete-test-contact`: a lead of nobody that goes the whole way, and what became of it.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;

use super::super::Context;
use super::super::deed::Deed;
use super::super::failure::{Failure, Result};
use super::super::file::read;
use super::super::output::table;
use crate::app::open_hubspot;
use crate::ingest::Door;
use crate::model::time::clock;
use crate::store::{ShownEvent, Store};
use crate::test_lead::read_back::{self, ReadBack, ReadBackError};
use crate::test_lead::{self, TestLeadError};
use crate::wake::Wake;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The account: slug or id.
    #[arg(long)]
    account: String,
    /// JSON file of the event, with an address of the form `leadline-test+…@example.com`; without, a sample is sent.
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    /// Make the deals too that the transformation makes of such a lead.
    #[arg(long)]
    deals: bool,
}

impl Args {
    pub(super) fn deed(&self) -> Option<Deed> {
        Deed::to("accounts.test-leads", &self.account)
    }
}

pub(super) async fn send(args: Args, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let account = context.account(&store, &args.account).await?;
    let mut body = match &args.event {
        Some(file) => String::from_utf8_lossy(&read(file)?).into_owned(),
        None => test_lead::sample(&account, clock()).to_string(),
    };
    let door = Door::open(store.clone(), Arc::new(Wake::default()));
    if args.deals {
        body = test_lead::asking_for_deals(&body).map_err(unsent)?;
    }
    let receipt = test_lead::send(&store, &door, &account, &body, clock()).await.map_err(unsent)?;
    context.one(&json!({ "event_id": receipt.event_id }), |sent| {
        let event = sent["event_id"].as_str().unwrap_or_default();
        format!(
            "Test lead {event} is stored; a running service delivers it.\n`leadline event read-back {event}` shows then what HubSpot holds of it."
        )
    })
}

pub(super) async fn read_it_back(event: &str, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let shown = found(&store, event).await?;
    let hubspot = open_hubspot(&context.config)?;
    let read = read_back::read_back(&store, &hubspot, &shown, &clock).await.map_err(failure)?;
    context.one(&read, text)?;
    match read.is_right() {
        true => Ok(()),
        false => Err(Failure::problems("HubSpot holds something else than what was sent".to_owned())),
    }
}

pub(super) async fn delete_contact(event: &str, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let shown = found(&store, event).await?;
    let hubspot = open_hubspot(&context.config)?;
    let taken = read_back::delete_contact(&store, &hubspot, &shown, &clock).await.map_err(failure)?;
    context.one(&taken, |taken| match taken.deal_ids.as_slice() {
        [] => format!("Contact {} is taken out of HubSpot.", taken.contact_id),
        deals => format!("Contact {} and deal {} are taken out of HubSpot.", taken.contact_id, deals.join(", ")),
    })
}

async fn found(store: &Store, event: &str) -> Result<ShownEvent> {
    let id = super::event_id(event)?;
    let shown = store.event(&id).await?;
    shown.ok_or_else(|| {
        Failure::not_found(format!("there is no event `{id}`")).hint("`leadline event list` shows the newest")
    })
}

fn unsent(error: TestLeadError) -> Failure {
    match error {
        TestLeadError::Store(error) => error.into(),
        TestLeadError::Ours(error) => error.into(),
        error => Failure::failed(error.to_string()),
    }
}

fn failure(error: ReadBackError) -> Failure {
    match error {
        ReadBackError::Store(error) => error.into(),
        ReadBackError::NoSession(crate::connection::session::NoSession::Store(error)) => error.into(),
        error @ (ReadBackError::HubSpot(_) | ReadBackError::NoSession(_)) => Failure::temporary(error.to_string()),
        error => Failure::conflict(error.to_string()),
    }
}

fn text(read: &ReadBack) -> String {
    let mut lines = Vec::new();
    for record in &read.records {
        lines.push(format!("{} {}{}", record.label, record.id, if record.is_there { "" } else { ": no longer there" }));
        let rows = record.fields.iter().map(|field| {
            let actual = field.actual.clone().unwrap_or_else(|| "nothing".to_owned());
            vec![if field.is_same { "ok" } else { "!!" }.to_owned(), field.name.clone(), field.expected.clone(), actual]
        });
        let mut shown = table(&["", "Property", "Sent", "In HubSpot"]);
        shown.add_rows(rows);
        lines.push(shown.to_string());
    }
    lines.join("\n")
}
