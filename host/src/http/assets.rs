//! What pages load: styles, scripts, fonts. All of it lies in the binary, under an address that changes with the content,
//! so browsers keep it for ever.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use rust_embed::RustEmbed;
use sha2::{Digest as _, Sha256};

use super::error::ApiError;
use crate::app::App;

#[derive(RustEmbed)]
#[folder = "assets"]
#[exclude = "*.md"]
struct Assets;

/// The address below which the assets lie, without a slash at the end.
pub(super) static BASE: LazyLock<String> = LazyLock::new(|| {
    let mut names: Vec<_> = Assets::iter().collect();
    names.sort();
    let mut digest = Sha256::new();
    for file in names.iter().filter_map(|name| Assets::get(name)) {
        digest.update(file.metadata.sha256_hash());
    }
    let short: String = digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("/assets/{short}")
});

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/assets/{content}/{file}", get(file))
}

async fn file(Path((_, name)): Path<(String, String)>) -> Result<Response, ApiError> {
    let file = Assets::get(&name).ok_or_else(|| ApiError::NoRoute(format!("/assets/…/{name}")))?;
    let kind = match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    };
    let mut response = file.data.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_made_is_unchanged() {
        let told = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/README.md")).unwrap();
        for name in ["htmx-4.0.1.min.js", "inter.woff2", "mono.woff2"] {
            let hash: String =
                Sha256::digest(&Assets::get(name).unwrap().data).iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(
                told.contains(&format!("`{hash}`")),
                "{name} has the hash {hash}, which assets/README.md does not name"
            );
        }
    }

    #[test]
    fn no_style_and_no_script_of_ours_names_another_host() {
        for name in ["leadline.css", "picture.css", "leadline.js", "frame.js"] {
            let text = String::from_utf8(Assets::get(name).unwrap().data.into_owned()).unwrap();
            assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("eval("), "{name}");
        }
    }
}
