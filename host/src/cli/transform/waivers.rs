//! `leadline transform waivers`, `approve` and `decline`: versions that are to be used although gates are closed. At the terminal
//! nobody is known by more than the name of a user, so who asks or approves there shows a key of their own.

use std::path::{Path, PathBuf};

use super::super::Context;
use super::super::deed::Deed;
use super::super::failure::{Failure, Result};
use super::super::file::read_text;
use super::enable::text;
use crate::access;
use crate::app::open_hubspot;
use crate::model::access::{Actor, Right};
use crate::model::time::clock;
use crate::model::waiver::{Signer, Verdict, Waiver};
use crate::rollout;
use crate::store::Store;

#[derive(clap::Args, Debug)]
pub struct List {
    /// Slug or id; without it, those of all accounts.
    #[arg(long)]
    account: Option<String>,
}

#[derive(clap::Args, Debug)]
pub struct Approve {
    /// Of the request, `wvr_…`.
    #[arg(value_name = "WAIVER")]
    id: String,
    /// File with an API key that works across accounts and may enable transformations. Neither it nor who made it may have
    /// asked.
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
}

impl Approve {
    pub(super) fn deed(&self) -> Option<Deed> {
        Deed::to("waivers.approve", &self.id)
    }
}

#[derive(clap::Args, Debug)]
pub struct Decline {
    /// Of the request, `wvr_…`.
    #[arg(value_name = "WAIVER")]
    id: String,
}

impl Decline {
    pub(super) fn deed(&self) -> Option<Deed> {
        Deed::to("waivers.decline", &self.id)
    }
}

pub(super) async fn list(args: List, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let account = context.account_or_all(&store, args.account.as_deref()).await?;
    let waivers = store.waivers(account.as_ref()).await?;
    let header = ["Request", "Asked", "Version", "Gates", "By", "Why", "State"];
    context.list(&waivers, &header, row, "Nobody asked to use a version although gates are closed.")
}

fn row(waiver: &Waiver) -> Vec<String> {
    let state = match &waiver.answered {
        None => "waits for a second person".to_owned(),
        Some(answered) if answered.verdict == Verdict::Approved => format!("approved by {}", answered.by),
        Some(answered) => format!("declined by {}", answered.by),
    };
    vec![
        waiver.id.to_string(),
        waiver.asked_at.to_string(),
        waiver.version.clone(),
        waiver.closed.join(", "),
        waiver.asked_by.clone(),
        waiver.despite.clone(),
        state,
    ]
}

pub(super) async fn approve(args: Approve, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let waiver = find(&store, &args.id).await?;
    let approver = holder(&store, &args.key_file).await?;
    if approver.own_account().is_some() {
        let text = format!("the key in {} may not approve it: it works for one account", args.key_file.display());
        return Err(Failure::not_allowed(text).hint("take a key of support or of an operator"));
    }
    context.signed_by(&approver.name);
    let account = context.account(&store, waiver.account_id.as_str()).await?;
    let connection = super::super::connection::find(&store, waiver.connection_id.as_str()).await?;
    let hubspot = open_hubspot(&context.config)?;
    let (whose, what) = ((&account, &connection), (&waiver, &Signer::from(&approver)));
    let enabled = rollout::approve(&store, &hubspot, whose, what, &clock).await?;
    context.one(&enabled, text)
}

/// Whose key is in a file, as far as he may enable transformations.
pub(super) async fn holder(store: &Store, file: &Path) -> Result<Actor> {
    let key = read_text(file)?;
    let file = file.display();
    let holder = access::holder(store, key.trim(), clock()).await?;
    let holder = holder.ok_or_else(|| {
        Failure::not_found(format!("the key in {file} is unknown, over or revoked"))
            .hint("`leadline access key create NAME --right transform` makes one that works across accounts")
    })?;
    if !holder.may(Right::Transform) {
        let text = format!("the key in {file} may enable no transformation: it needs the right `transform`");
        return Err(Failure::not_allowed(text).hint("take a key of support or of an operator"));
    }
    Ok(holder)
}

pub(super) async fn decline(args: Decline, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let waiver = find(&store, &args.id).await?;
    let by = Signer { name: crate::cli::who(), maker: None };
    rollout::decline(&store, &waiver, &by, clock()).await?;
    context.one(&serde_json::json!({ "id": waiver.id, "version": waiver.version }), |_| {
        format!("{} is not enabled by this request any more.", waiver.version)
    })
}

async fn find(store: &Store, id: &str) -> Result<Waiver> {
    let missing =
        || Failure::not_found(format!("there is no request `{id}`")).hint("`leadline transform waivers` shows them");
    store.waiver(id).await?.ok_or_else(missing)
}
