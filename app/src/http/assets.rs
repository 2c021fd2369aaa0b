//! The style and the script, as they are embedded. Their addresses carry their hash, so that they may be kept for ever.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// What is embedded: name, kind, text.
const ASSETS: [(&str, &str, &str); 2] = [
    ("style.css", "text/css; charset=utf-8", include_str!("pages/style.css")),
    ("live.js", "text/javascript; charset=utf-8", include_str!("pages/live.js")),
];

/// The address of an asset.
pub(crate) fn address(name: &str) -> String {
    let text = ASSETS.iter().find(|(known, ..)| *known == name).map_or("", |(_, _, text)| text);
    let hash = Sha256::digest(text.as_bytes());
    let hash: String = hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("/assets/{hash}/{name}")
}

/// Serves one.
pub(super) async fn serve(Path((_, name)): Path<(String, String)>) -> Response {
    match ASSETS.iter().find(|(known, ..)| *known == name) {
        Some((_, kind, text)) => {
            let headers = [
                (header::CONTENT_TYPE, *kind),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ];
            (headers, *text).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
