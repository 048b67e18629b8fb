//! How a command fails: an exit code, a sentence, and what to do next.

use std::io;

use crate::connection::ConnectError;
use crate::connection::session::NoSession;
use crate::privacy::PrivacyError;
use crate::replay::ReplayError;
use crate::rollout::RolloutError;
use crate::store::StoreError;

pub type Result<T> = std::result::Result<T, Failure>;

/// Why a command did not do what it was asked. The exit codes are part of the interface.
#[derive(Debug)]
pub struct Failure {
    pub code: u8,
    error: anyhow::Error,
    hint: Option<String>,
}

impl Failure {
    fn new(code: u8, text: String) -> Self {
        Self { code, error: anyhow::anyhow!(text), hint: None }
    }

    pub fn failed(text: String) -> Self {
        Self::new(1, text)
    }

    pub fn usage(text: String) -> Self {
        Self::new(2, text)
    }

    /// A check or a test found problems.
    pub fn problems(text: String) -> Self {
        Self::new(3, text)
    }

    /// Whoever asked may not.
    pub fn not_allowed(text: String) -> Self {
        Self::new(4, text)
    }

    pub fn not_found(text: String) -> Self {
        Self::new(5, text)
    }

    pub fn conflict(text: String) -> Self {
        Self::new(6, text)
    }

    /// Trying again may help.
    pub fn temporary(text: String) -> Self {
        Self::new(7, text)
    }

    pub fn over_limit(text: String) -> Self {
        Self::new(8, text)
    }

    /// A sync failed.
    pub fn disk_lost(text: String) -> Self {
        Self::new(9, text)
    }

    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Whether the reader of our output has gone away, as `head` does: no failure of ours.
    pub(super) fn is_closed_pipe(&self) -> bool {
        self.error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }

    #[expect(clippy::print_stderr, reason = "the last word of a command goes to the person in front of it")]
    pub(super) fn print(&self) {
        eprintln!("error: {:#}", self.error);
        if let Some(hint) = &self.hint {
            eprintln!("hint: {hint}");
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { code: 1, error, hint: None }
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        let text = error.to_string();
        match error {
            ConnectError::PortalTaken(_) | ConnectError::OtherPortal(_) | ConnectError::WrongPortal { .. } => {
                Self::conflict(text).hint("`leadline connection list` shows who is connected to what")
            }
            ConnectError::NoAccount => Self::not_found(text),
            ConnectError::TokenRefused(_) => Self::failed(text)
                .hint("copy the token of the private app again; it has to be active, and of the right portal"),
            ConnectError::Away(_) => Self::temporary(text),
            ConnectError::Store(error) => error.into(),
        }
    }
}

impl From<NoSession> for Failure {
    fn from(error: NoSession) -> Self {
        match error {
            NoSession::Blocked(problem) => {
                Self::failed(format!("{}: {problem}", problem.code.title())).hint(problem.code.fix())
            }
            NoSession::Away(problem) => Self::temporary(problem.detail).hint("try it again in a moment"),
            NoSession::Store(error) => error.into(),
        }
    }
}

impl From<PrivacyError> for Failure {
    fn from(error: PrivacyError) -> Self {
        let (text, fix) = (error.to_string(), error.fix().unwrap_or_default());
        match error {
            PrivacyError::Store(error) => error.into(),
            PrivacyError::Lifted(_) => Self::conflict(text).hint(fix),
            _ => Self::usage(text).hint(fix),
        }
    }
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        let (text, fix) = (error.to_string(), error.fix().unwrap_or_default());
        match error {
            ReplayError::NoFilter
            | ReplayError::Nobody
            | ReplayError::Rate(_)
            | ReplayError::Name(_)
            | ReplayError::Range { .. }
            | ReplayError::TooMany(_) => Self::usage(text).hint(fix),
            ReplayError::NoEvent { .. } => Self::not_found(text).hint(fix),
            ReplayError::State { .. } | ReplayError::Unfit { .. } | ReplayError::Over { .. } => {
                Self::conflict(text).hint(fix)
            }
            ReplayError::Store(error) => error.into(),
        }
    }
}

impl From<RolloutError> for Failure {
    fn from(error: RolloutError) -> Self {
        let (text, fix) = (error.to_string(), error.fix());
        match error {
            RolloutError::NoVersion { .. } | RolloutError::NoBinding(_) => Self::not_found(text).hint(fix),
            RolloutError::Use(_) | RolloutError::Closed { .. } => Self::problems(text).hint(fix),
            RolloutError::NothingForTheRest { .. }
            | RolloutError::NothingBefore(_)
            | RolloutError::NothingToUndo
            | RolloutError::SamePerson { .. }
            | RolloutError::Answered { .. }
            | RolloutError::Changed { .. } => Self::conflict(text).hint(fix),
            RolloutError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self { code: 1, error: anyhow::Error::from(error).context("the database failed"), hint: None }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self { code: 1, error: error.into(), hint: None }
    }
}
