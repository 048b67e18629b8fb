//! Why a form was refused, as it stands on the page above what was typed.

use axum::http::StatusCode;

use crate::http::error::ApiError;

/// Why a form was refused, and what to do.
#[derive(Clone)]
pub(super) struct Fault {
    /// Of the page that says so: nothing was done, so the history does not tell of it.
    pub(super) status: StatusCode,
    pub(super) text: String,
    pub(super) fix: &'static str,
}

impl Fault {
    /// What whoever filled in a form can mend there. Everything else goes on as it is.
    pub(super) fn of(error: ApiError) -> Result<Self, ApiError> {
        let (status, text, fix) = match error {
            ApiError::BadRequest(text, fix) => (StatusCode::BAD_REQUEST, text, fix),
            ApiError::Conflict(text, fix) => (StatusCode::CONFLICT, text, fix),
            ApiError::Changed(text, fix) => (StatusCode::PRECONDITION_FAILED, text, fix),
            other => return Err(other),
        };
        Ok(Self { status, text, fix })
    }
}
