//! Who may manage: the operator, with one token. Hang a router behind [`operator_only`] to close it to everybody else.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};

use super::error::ApiError;
use crate::app::App;

/// Lets a request through that carries the operator's token.
pub(super) async fn operator_only(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let Some(token) = &app.api_token else { return Err(ApiError::ApiClosed) };
    let sent = request.headers().get(header::AUTHORIZATION).map(|value| value.as_bytes()).and_then(bearer);
    if !sent.is_some_and(|sent| is_it(sent, token)) {
        return Err(ApiError::NoToken);
    }
    Ok(next.run(request).await)
}

fn bearer(header: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = header.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}

/// Compares digests, and every byte of them: neither the length nor the place of the first difference shows in the time.
fn is_it(sent: &[u8], token: &SecretString) -> bool {
    let (sent, token) = (Sha256::digest(sent), Sha256::digest(token.expose_secret()));
    sent.iter().zip(token.iter()).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_opens() {
        let token = SecretString::from("0123456789abcdef01234567");
        for (header, opens) in [
            ("Bearer 0123456789abcdef01234567", true),
            ("bearer 0123456789abcdef01234567", true),
            ("Bearer 0123456789abcdef0123456", false),
            ("Bearer 0123456789abcdef012345678", false),
            ("Bearer  0123456789abcdef01234567", false),
            ("Bearer ", false),
            ("Basic 0123456789abcdef01234567", false),
            ("", false),
        ] {
            assert_eq!(bearer(header.as_bytes()).is_some_and(|sent| is_it(sent, &token)), opens, "{header:?}");
        }
    }
}
