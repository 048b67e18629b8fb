//! `leadline lead view`: filters of the list that have a name.

use super::Which;
use crate::cli::failure::{Failure, Result};
use crate::cli::who;
use crate::cli::{Context, Deed};
use crate::model::account::Account;
use crate::model::id::ViewId;
use crate::model::time::clock;
use crate::store::{SaveView, SavedView, Store, VIEWS_MAX};
use crate::view::logs::Query;
use crate::view::saved;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// List the views of an account.
    #[command(alias = "ls")]
    List {
        /// Slug or id.
        #[arg(long)]
        account: String,
    },
    /// Save a filter under a name. A view of the same name is replaced.
    Save(Box<Save>),
    /// Remove a view.
    #[command(alias = "rm")]
    Remove {
        /// Its name or id.
        view: String,
        /// Slug or id.
        #[arg(long)]
        account: String,
    },
}

#[derive(clap::Args, Debug)]
pub struct Save {
    /// Its name.
    name: String,
    #[command(flatten)]
    which: Which,
}

impl Command {
    pub(super) fn deed(&self) -> Option<Deed> {
        match self {
            Self::Save(wanted) => Deed::of("views.create", &wanted.name, wanted.which.account.as_deref()),
            Self::Remove { view, account } => Deed::of("views.delete", view, Some(account)),
            Self::List { .. } => None,
        }
    }
}

pub(super) async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    match command {
        Command::List { account } => {
            let account = context.account(&store, &account).await?;
            let row = |view: &SavedView| {
                vec![view.name.clone(), view.id.to_string(), view.query.clone(), view.made_by.clone()]
            };
            context.list(&store.views(&account.id).await?, &["Name", "Id", "Filter", "Saved by"], row, "No views.")
        }
        Command::Save(wanted) => save(&wanted.name, &wanted.which, &store, context).await,
        Command::Remove { view, account } => {
            let account = context.account(&store, &account).await?;
            let view = found(&store, &account, &view).await?;
            store.remove_view(&account.id, view.id.as_str()).await?;
            context.one(&view, |view| format!("View {} is removed.", view.name))
        }
    }
}

async fn save(name: &str, which: &Which, store: &Store, context: &mut Context<'_>) -> Result<()> {
    let account = which
        .account
        .as_deref()
        .ok_or_else(|| Failure::usage("a view is one of an account".to_owned()).hint("name it by `--account`"))?;
    let account = context.account(store, account).await?;
    let base = match &which.view {
        Some(view) => Query::decoded(&found(store, &account, view).await?.query),
        None => Query::default(),
    };
    let query = which.query(base)?.encoded();
    let (name, query) =
        saved::checked(name, &query).map_err(|unfit| Failure::usage(unfit.to_string()).hint(unfit.fix()))?;
    let (id, made_at) = (ViewId::new(clock()), clock());
    let view = SavedView { id, account_id: account.id.clone(), name, query, made_by: who(), made_at };
    match store.save_view(&view).await? {
        SaveView::Saved(view) => context.one(&view, |view| format!("View {} is saved: {}", view.name, view.query)),
        SaveView::TooMany => Err(Failure::conflict(format!("the account has {VIEWS_MAX} views already"))
            .hint("remove one with `leadline lead view remove`")),
    }
}

/// The view of a name or an id.
pub(super) async fn found(store: &Store, account: &Account, name: &str) -> Result<SavedView> {
    let views = store.views(&account.id).await?;
    let found = views.into_iter().find(|view| view.name == name || view.id.as_str() == name);
    found.ok_or_else(|| {
        Failure::not_found(format!("account `{}` has no view `{name}`", account.slug))
            .hint("`leadline lead view list` shows them")
    })
}
