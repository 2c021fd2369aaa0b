//! What went wrong, as callers are told: programs get the one shape of failures, people a page.

use aide::OperationOutput;
use aide::generate::GenContext;
use aide::openapi::{Operation, Response as OpenApiResponse};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use convoy_api::{Code, Failure};
use schemars::JsonSchema;
use serde::Serialize;

/// The one shape of errors: that of `--json` on the command line.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ErrorBody {
    /// What went wrong.
    error: ErrorView,
}

/// What went wrong.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ErrorView {
    /// What kind: `refused`, `invalid`, `ambiguous`, `not_found`, `conflict`, `cycle`, `unknown`, `disk_full`,
    /// `corrupt`, `timeout` or `unavailable`; of this interface itself also `unauthorized`, `forbidden`, `too_large`,
    /// `not_allowed`, `unsupported`, `busy`.
    kind: &'static str,
    /// What and why, one line.
    message: String,
    /// What to do.
    hints: Vec<String>,
}

/// What went wrong, with the status of the answer.
#[derive(Clone, Debug)]
pub(crate) struct Error {
    pub(super) status: StatusCode,
    pub(super) kind: &'static str,
    pub(super) message: String,
    pub(super) hints: Vec<String>,
    /// In how many seconds it may go better.
    after_s: Option<u64>,
}

impl Error {
    /// An error of this interface itself.
    pub(super) fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into(), hints: Vec::new(), after_s: None }
    }
    /// With advice.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
    /// With this advice in the place of any other.
    pub(super) fn instead(mut self, hint: impl Into<String>) -> Self {
        self.hints = vec![hint.into()];
        self
    }
    /// To be tried again in so many seconds.
    pub(super) fn after(mut self, seconds: u64) -> Self {
        self.after_s = Some(seconds);
        self
    }
    /// As a person reads it.
    pub(crate) fn page(&self) -> Response {
        timed(super::pages::error(self.status, &self.message, &self.hints), self.after_s)
    }
    /// As whoever sent a request with these headers can read it.
    pub(super) fn response(self, headers: &HeaderMap) -> Response {
        let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
        if accepted.is_some_and(|accepted| accepted.contains("text/html")) {
            self.page()
        } else {
            self.into_response()
        }
    }
}

fn timed(mut response: Response, seconds: Option<u64>) -> Response {
    if let Some(seconds) = seconds {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

impl From<crate::error::Error> for Error {
    fn from(error: crate::error::Error) -> Self {
        let crate::error::Error { kind, message, hints, status } = error;
        let http = match (kind, status) {
            ("not_found", _) => StatusCode::NOT_FOUND,
            ("conflict", _) => StatusCode::CONFLICT,
            ("unknown" | "corrupt" | "output", _) => StatusCode::INTERNAL_SERVER_ERROR,
            ("unavailable", _) => StatusCode::SERVICE_UNAVAILABLE,
            ("disk_full", _) => StatusCode::INSUFFICIENT_STORAGE,
            ("timeout", _) => StatusCode::GATEWAY_TIMEOUT,
            (_, 2) => StatusCode::BAD_REQUEST,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let kind = if kind == "usage" { "invalid" } else { kind };
        Self { status: http, kind, message, hints, after_s: None }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let status = match failure.code {
            Code::Invalid | Code::Ambiguous => StatusCode::BAD_REQUEST,
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::Conflict | Code::Cycle => StatusCode::CONFLICT,
            Code::Refused => StatusCode::UNPROCESSABLE_ENTITY,
            Code::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
            Code::Corrupt | Code::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
            Code::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        };
        let hints = failure.hint.into_iter().collect();
        Self { status, kind: failure.code.name(), message: failure.message, hints, after_s: None }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let Self { status, kind, message, hints, after_s } = self.clone();
        let view = ErrorView { kind, message, hints };
        let response = (status, axum::Json(ErrorBody { error: view })).into_response();
        let mut response = timed(response, after_s);
        // Where people look, a page is made of it.
        response.extensions_mut().insert(self);
        response
    }
}

impl OperationOutput for Error {
    type Inner = ErrorBody;

    fn inferred_responses(
        context: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<aide::openapi::StatusCode>, OpenApiResponse)> {
        let described = axum::Json::<ErrorBody>::operation_response(context, operation);
        described.into_iter().map(|response| (None, response)).collect()
    }
}
