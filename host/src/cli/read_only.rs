//! `leadline read-only`: while it is on, nobody but operators changes anything.

use super::Context;
use super::deed::Deed;
use super::failure::{Failure, Result};
use crate::model::access::ReadOnly;
use crate::model::time::clock;
use crate::operate::read_only::{self, ReadOnlyError};

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Say whether it is on, and why.
    Show,
    /// Let only operators change something from now on, in every process. Leads are received, planned and delivered as ever.
    On {
        /// Why: everybody reads it on every page.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Let everybody change again what they may.
    Off,
}

impl Command {
    pub(super) fn deed(&self) -> Option<Deed> {
        match self {
            Self::Show => None,
            Self::On { .. } => Deed::of("read-only.set", "", None),
            Self::Off => Deed::of("read-only.delete", "", None),
        }
    }
}

impl From<ReadOnlyError> for Failure {
    fn from(error: ReadOnlyError) -> Self {
        match error {
            ReadOnlyError::NoReason => Self::usage(error.to_string()),
            ReadOnlyError::Store(error) => error.into(),
        }
    }
}

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    match command {
        Command::Show => {}
        Command::On { reason } => {
            read_only::begin(&store, &reason, &super::who(), clock()).await?;
        }
        Command::Off => {
            if !read_only::end(&store).await? {
                return Err(Failure::conflict("the service is not in read-only mode".to_owned()));
            }
        }
    }
    let mode = store.read_only().await?;
    context.one(&mode, |mode| match mode {
        None => "Everybody may change what they may.".to_owned(),
        Some(ReadOnly { reason, since, by }) => {
            format!("Only operators may change something, since {since}, as {by} said: {reason}")
        }
    })
}

/// Refuses what a command would change while only operators may change something. Whoever says `--despite-read-only` is one:
/// he has the database and its keys.
///
/// # Errors
/// A refusal that says why, and the store's failures.
pub(super) async fn allow(deed: &Deed, despite: bool, context: &Context<'_>) -> Result<()> {
    if despite || deed.is_of_operators() {
        return Ok(());
    }
    match context.store().await?.read_only().await? {
        None => Ok(()),
        Some(ReadOnly { reason, since, .. }) => {
            let text = format!("read_only: only operators may change something since {since}: {reason}");
            Err(Failure::temporary(text).hint("try it again later; an operator says `--despite-read-only`"))
        }
    }
}
