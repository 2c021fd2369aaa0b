//! What handlers take from a request: axum's own parts, with the one shape of errors, and who asks.

use std::fmt;

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::Operation;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use convoy_api::Order;
use convoy_core::address::Address;
use convoy_core::id::ID_BYTES_MAX;
use schemars::JsonSchema;
use serde::Deserialize;

use super::error::Error;
use super::guard::Way;
use super::site::Site;

/// The header that makes a repeated order the same order.
const KEY_HEADER: &str = "idempotency-key";
/// The header that says on whose behalf something is done. By the port nobody speaks for others.
const ACTOR_HEADER: &str = "convoy-actor";
/// The longest key.
const KEY_BYTES_MAX: usize = 200;

/// A reference in a path: an id, or a unique prefix of one, or a name.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline)]
pub(super) struct Ref(#[schemars(length(min = 1, max = 100), regex(pattern = "^[A-Za-z0-9_.-]+$"))] String);

impl TryFrom<String> for Ref {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        let fine = !text.is_empty()
            && text.len() <= ID_BYTES_MAX
            && text.bytes().all(plain)
            && text.bytes().any(|byte| byte.is_ascii_alphanumeric());
        let short: String = text.chars().take(ID_BYTES_MAX).collect();
        if fine {
            Ok(Self(text))
        } else {
            Err(format!("{short:?} is no id: expected letters, digits, '-', '.', '_'"))
        }
    }
}

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The path of one thing.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Id {
    /// Its id, or a unique prefix of it.
    id: Ref,
}

impl Id {
    /// As text.
    pub(super) fn text(self) -> String {
        self.id.0
    }
}

impl Ref {
    /// As text.
    pub(super) fn text(self) -> String {
        self.0
    }
}

/// A part of the path.
pub(super) struct Path<T>(pub(super) T);
/// The parameters of the query.
pub(super) struct Query<T>(pub(super) T);
/// The body.
pub(super) struct Body<T>(pub(super) T);

fn invalid(status: StatusCode, text: String) -> Error {
    let (status, kind) = match status {
        StatusCode::PAYLOAD_TOO_LARGE => (status, "too_large"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (status, "unsupported"),
        _ => (StatusCode::BAD_REQUEST, "invalid"),
    };
    // What the caller sent is quoted, and may be anything.
    Error::new(status, kind, crate::text::line(&text))
}

impl From<PathRejection> for Error {
    fn from(rejection: PathRejection) -> Self {
        invalid(rejection.status(), rejection.body_text())
    }
}

impl From<QueryRejection> for Error {
    fn from(rejection: QueryRejection) -> Self {
        invalid(rejection.status(), rejection.body_text())
    }
}

impl From<JsonRejection> for Error {
    fn from(rejection: JsonRejection) -> Self {
        invalid(rejection.status(), rejection.body_text())
    }
}

impl<T: serde::de::DeserializeOwned + Send> FromRequestParts<Site> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Error> {
        let axum::extract::Path(value) = axum::extract::Path::<T>::from_request_parts(parts, site).await?;
        Ok(Self(value))
    }
}

impl<T: serde::de::DeserializeOwned> FromRequestParts<Site> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Error> {
        let axum::extract::Query(value) = axum::extract::Query::<T>::from_request_parts(parts, site).await?;
        Ok(Self(value))
    }
}

impl<T: serde::de::DeserializeOwned> FromRequest<Site> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Error> {
        let axum::Json(value) = axum::Json::<T>::from_request(request, site).await?;
        Ok(Self(value))
    }
}

/// On whose behalf something is done, and how it is recognised again.
pub(super) struct Caller {
    pub(super) actor: Option<String>,
    pub(super) key: Option<String>,
}

impl Caller {
    /// An order of whoever asks: the person, if nobody else is named.
    pub(super) fn order(self, request: convoy_core::command::Request) -> Order {
        let actor = self.actor.unwrap_or_else(|| Address::overseer().as_str().to_owned());
        Order { request, actor, key: self.key, dry_run: false }
    }
}

impl FromRequestParts<Site> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &Site) -> Result<Self, Error> {
        let wrong = |text: String| Error::new(StatusCode::BAD_REQUEST, "invalid", text);
        let text = |name: &'static str| match parts.headers.get(name).map(|value| value.to_str()) {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(text)),
            Some(Err(_)) => Err(wrong(format!("{name} is not plain text"))),
        };
        let key = text(KEY_HEADER)?.map(str::to_owned);
        if key.as_ref().is_some_and(|key| key.is_empty() || key.len() > KEY_BYTES_MAX) {
            return Err(wrong(format!("{KEY_HEADER} has to have 1 to {KEY_BYTES_MAX} bytes")));
        }
        let actor = match text(ACTOR_HEADER)? {
            None => None,
            Some(_) if parts.extensions.get() != Some(&Way::Socket) => {
                let what = format!("{ACTOR_HEADER} is for callers at the engine's socket");
                return Err(Error::new(StatusCode::FORBIDDEN, "forbidden", what));
            }
            Some(text) => {
                let address =
                    Address::new(text).map_err(|error| wrong(format!("{ACTOR_HEADER}: {error}")))?;
                Some(address.as_str().to_owned())
            }
        };
        Ok(Self { actor, key })
    }
}

/// On whose behalf something is said that is said anew each time.
pub(super) struct Speaker(pub(super) String);

impl FromRequestParts<Site> for Speaker {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Error> {
        let Caller { actor, key } = Caller::from_request_parts(parts, site).await?;
        if key.is_some() {
            let what = format!("{KEY_HEADER} is not accepted here: what is said again is said twice");
            return Err(Error::new(StatusCode::BAD_REQUEST, "invalid", what));
        }
        Ok(Self(actor.unwrap_or_else(|| Address::overseer().to_string())))
    }
}

impl<T: JsonSchema> OperationInput for Path<T> {
    fn operation_input(context: &mut GenContext, operation: &mut Operation) {
        axum::extract::Path::<T>::operation_input(context, operation);
    }
}

impl<T: JsonSchema> OperationInput for Query<T> {
    fn operation_input(context: &mut GenContext, operation: &mut Operation) {
        axum::extract::Query::<T>::operation_input(context, operation);
    }
}

impl<T: JsonSchema> OperationInput for Body<T> {
    fn operation_input(context: &mut GenContext, operation: &mut Operation) {
        axum::Json::<T>::operation_input(context, operation);
    }
}

/// What its headers are called in the document.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
struct Headers {
    /// Makes a repeated order the same order: it is done once, and answered the same.
    #[schemars(rename = "Idempotency-Key")]
    key: Option<String>,
    #[serde(flatten)]
    on_behalf: Speaks,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
struct Speaks {
    /// On whose behalf, an address; only at the engine's socket.
    #[schemars(rename = "Convoy-Actor")]
    actor: Option<String>,
}

impl OperationInput for Caller {
    fn operation_input(context: &mut GenContext, operation: &mut Operation) {
        headers::<Headers>(context, operation);
    }
}

impl OperationInput for Speaker {
    fn operation_input(context: &mut GenContext, operation: &mut Operation) {
        headers::<Speaks>(context, operation);
    }
}

fn headers<T: JsonSchema>(context: &mut GenContext, operation: &mut Operation) {
    let schema = context.schema.subschema_for::<T>();
    let place = aide::operation::ParamLocation::Header;
    let headers = aide::operation::parameters_from_schema(context, schema, place);
    aide::operation::add_parameters(context, operation, headers);
}
