//! What pages load: styles, scripts, fonts. All of it lies in the binary, under an address that changes with the content,
//! so browsers keep it for ever.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use brotli::enc::BrotliEncoderParams;
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

async fn file(Path((_, name)): Path<(String, String)>, asked: HeaderMap) -> Result<Response, ApiError> {
    let file = Assets::get(&name).ok_or_else(|| ApiError::NoRoute(format!("/assets/…/{name}")))?;
    let kind = match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    };
    let is_text = kind.starts_with("text/");
    let mut response = if is_text && takes_brotli(&asked) {
        // Packing takes its time, once.
        let packed =
            tokio::task::spawn_blocking(move || packed(&name, &file.data)).await.expect("packing does not panic");
        ([(header::CONTENT_ENCODING, "br")], packed).into_response()
    } else {
        file.data.into_response()
    };
    let headers = response.headers_mut();
    if is_text {
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// A file as tightly as it can be packed: browsers fetch it once, so it is packed once in the life of a process.
fn packed(name: &str, data: &[u8]) -> Bytes {
    static PACKED: LazyLock<Mutex<HashMap<String, Bytes>>> = LazyLock::new(Mutex::default);
    let mut packed = PACKED.lock().expect("packing does not panic");
    let pack = || {
        let (mut from, mut to) = (data, Vec::new());
        let tightest = BrotliEncoderParams { size_hint: data.len(), ..BrotliEncoderParams::default() };
        brotli::BrotliCompress(&mut from, &mut to, &tightest).expect("memory can be read and written");
        Bytes::from(to)
    };
    packed.entry(name.to_owned()).or_insert_with(pack).clone()
}

/// Whether the one who asks can unpack Brotli (RFC 9110, section 12.5.3).
fn takes_brotli(asked: &HeaderMap) -> bool {
    let lists = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|one| {
        let (coding, weight) = one.split_once(';').unwrap_or((one, ""));
        let weight = weight.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
        coding.trim().eq_ignore_ascii_case("br") && weight.is_ok_and(|weight| weight > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_can_unpack_gets_less_of_the_same() {
        let rows = [
            ("gzip, deflate, br, zstd", true),
            ("br;q=0.5", true),
            ("br;q=0", false),
            ("gzip, brotli", false),
            ("", false),
        ];
        for (accepted, is_packed) in rows {
            let asked = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted))]);
            let path = Path((String::new(), "leadline.js".to_owned()));
            let response = file(path, asked).await.unwrap();
            assert_eq!(response.headers().contains_key(header::CONTENT_ENCODING), is_packed, "{accepted}");
            let sent = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
            let mut read = sent.to_vec();
            if is_packed {
                read.clear();
                brotli::BrotliDecompress(&mut &sent[..], &mut read).unwrap();
                assert!(sent.len() * 3 < read.len());
            }
            assert_eq!(read, Assets::get("leadline.js").unwrap().data.into_owned());
        }
    }

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
        for name in ["leadline.css", "picture.css", "leadline.js", "list.js", "frame.js"] {
            let text = String::from_utf8(Assets::get(name).unwrap().data.into_owned()).unwrap();
            assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("eval("), "{name}");
        }
    }
}
