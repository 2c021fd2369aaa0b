//! What went wrong, as a page: whoever asks for a page reads no JSON.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use convoy_api::Failure;

use crate::http;

/// What went wrong, with the status of the answer.
pub(super) struct Wrong(Response);

impl From<http::Error> for Wrong {
    fn from(error: http::Error) -> Self {
        Self(error.page())
    }
}

impl From<Failure> for Wrong {
    fn from(failure: Failure) -> Self {
        http::Error::from(failure).into()
    }
}

impl From<crate::error::Error> for Wrong {
    fn from(error: crate::error::Error) -> Self {
        let status = match error.kind {
            "not_found" => StatusCode::NOT_FOUND,
            "conflict" => StatusCode::CONFLICT,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self(super::error(status, &error.message, &error.hints))
    }
}

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        self.0
    }
}
