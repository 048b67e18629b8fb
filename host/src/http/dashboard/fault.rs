//! Why a form was refused, as it stands on the page above what was typed.

use axum::http::StatusCode;
use axum::response::Response;

use crate::http::error::ApiError;

/// Why a form was refused, and what to do.
#[derive(Clone)]
pub(super) struct Fault {
    /// Of the page that says so: nothing was done, so the history does not tell of it.
    status: StatusCode,
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

    /// Whether somebody else was quicker: what the form was filled in for has changed since.
    pub(super) fn is_late(&self) -> bool {
        self.status == StatusCode::PRECONDITION_FAILED
    }

    /// The page that says so, answered with its status.
    pub(super) fn on(&self, mut page: Response) -> Response {
        *page.status_mut() = self.status;
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_says_why_has_its_status_and_tells_who_was_late() {
        let text = || "it is so".to_owned();
        for (error, status, is_late) in [
            (ApiError::BadRequest(text(), "Mend it."), 400, false),
            (ApiError::Conflict(text(), "Mend it."), 409, false),
            (ApiError::Changed(text(), "Look again."), 412, true),
        ] {
            let fault = Fault::of(error).unwrap();
            assert_eq!((fault.on(Response::default()).status().as_u16(), fault.is_late()), (status, is_late));
        }
        assert!(Fault::of(ApiError::NoToken).is_err(), "nobody can mend that in a form");
    }
}
