//! What handlers answer: a value, a page of a list, something that was made, or what came of an order.

use std::marker::PhantomData;

use aide::OperationOutput;
use aide::generate::GenContext;
use aide::openapi::{Operation, Response as Described, StatusCode as Code};
use axum::extract::{OriginalUri, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use convoy_api::{ItemView, Outcome};
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::error::Error;
use crate::shapes::Item;

/// How many entries a page has if nobody says how many.
const PAGE: usize = 100;
/// The most entries of a page.
pub(super) const PAGE_MAX: usize = 1000;
/// The largest answer that is compared with what a caller has, in bytes; every one is smaller but reports.
const COMPARED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How many there are in all, before the page was cut.
const TOTAL: HeaderName = HeaderName::from_static("x-total-count");

/// Which part of a list, and where it was asked for.
pub(super) struct Cut {
    pub(super) limit: usize,
    pub(super) skip: usize,
    uri: Uri,
}

impl Cut {
    /// What was asked for, within what is allowed.
    ///
    /// # Errors
    /// When it is not.
    pub(super) fn new(limit: Option<usize>, skip: usize, uri: OriginalUri) -> Result<Self, Error> {
        let limit = limit.unwrap_or(PAGE);
        if (1..=PAGE_MAX).contains(&limit) {
            return Ok(Self { limit, skip, uri: uri.0 });
        }
        let wrong = format!("limit={limit} is not accepted: expected 1 to {PAGE_MAX}");
        Err(Error::new(StatusCode::BAD_REQUEST, "invalid", wrong))
    }

    /// The part of a list that is there as a whole.
    pub(super) fn of<T>(self, all: Vec<T>) -> Page<T> {
        let total = all.len();
        Page { items: all.into_iter().skip(self.skip).take(self.limit).collect(), total, cut: self }
    }

    /// A part that was cut already, of so many.
    pub(super) fn cut<T>(self, items: Vec<T>, total: usize) -> Page<T> {
        Page { items, total, cut: self }
    }

    /// Where the next part is.
    fn next(&self) -> String {
        let query: Vec<(String, String)> =
            serde_urlencoded::from_str(self.uri.query().unwrap_or_default()).unwrap_or_default();
        let mut query: Vec<_> = query.into_iter().filter(|(name, _)| name != "skip").collect();
        query.push(("skip".to_owned(), (self.skip + self.limit).to_string()));
        format!("{}?{}", self.uri.path(), serde_urlencoded::to_string(query).unwrap_or_default())
    }
}

/// A part of a list.
pub(super) struct Page<T> {
    items: Vec<T>,
    total: usize,
    cut: Cut,
}

impl<T: Serialize> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        let more = self.cut.skip + self.items.len() < self.total && !self.items.is_empty();
        let mut response = axum::Json(&self.items).into_response();
        let headers = response.headers_mut();
        headers.insert(TOTAL, HeaderValue::from(self.total));
        if more && let Ok(link) = HeaderValue::from_str(&format!("<{}>; rel=\"next\"", self.cut.next())) {
            headers.insert(header::LINK, link);
        }
        response
    }
}

impl<T: JsonSchema> OperationOutput for Page<T> {
    type Inner = Vec<T>;

    fn inferred_responses(
        context: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<Code>, Described)> {
        described::<Vec<T>>(
            context,
            operation,
            200,
            "A part of the list: X-Total-Count says of how many, Link where the next is.",
        )
    }
}

/// A value with the published shape of another type.
pub(super) struct Shaped<S, T>(T, PhantomData<S>);

impl<S, T> Shaped<S, T> {
    pub(super) fn new(value: T) -> Self {
        Self(value, PhantomData)
    }
}

impl<S, T: Serialize> IntoResponse for Shaped<S, T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<S: JsonSchema, T> OperationOutput for Shaped<S, T> {
    type Inner = S;

    fn inferred_responses(
        context: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<Code>, Described)> {
        described::<S>(context, operation, 200, "")
    }
}

impl<S, T: Serialize> Serialize for Shaped<S, T> {
    fn serialize<Z: serde::Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        self.0.serialize(serializer)
    }
}

impl<S: JsonSchema, T> JsonSchema for Shaped<S, T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        S::schema_name()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        S::json_schema(generator)
    }
    fn inline_schema() -> bool {
        S::inline_schema()
    }
}

/// Something that was made, or was made before by the same order.
pub(super) struct Made<T> {
    pub(super) value: T,
    pub(super) changed: bool,
    pub(super) location: String,
}

impl<T: Serialize> IntoResponse for Made<T> {
    fn into_response(self) -> Response {
        let status = if self.changed { StatusCode::CREATED } else { StatusCode::OK };
        (status, [(header::LOCATION, self.location)], axum::Json(self.value)).into_response()
    }
}

impl<T: JsonSchema> OperationOutput for Made<T> {
    type Inner = T;

    fn inferred_responses(
        context: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<Code>, Described)> {
        let mut all = described::<T>(context, operation, 201, "It was made; Location says where it is.");
        all.extend(described::<T>(context, operation, 200, "It had been made by the same order."));
        all
    }
}

/// What came of one thing that was asked for.
pub(super) struct Did {
    item: ItemView,
    status: StatusCode,
}

impl Did {
    /// Of an order that is about one thing.
    ///
    /// # Errors
    /// Why it was not done.
    pub(super) fn of(outcome: Outcome) -> Result<Self, Error> {
        let nothing = || Error::new(StatusCode::NOT_FOUND, "not_found", "there is nothing of that name");
        let mut item = outcome.items.into_iter().next().ok_or_else(nothing)?;
        match item.error.take() {
            Some(failure) => Err(failure.into()),
            None => Ok(Self { item, status: StatusCode::OK }),
        }
    }

    /// It is begun, and goes on by itself.
    pub(super) fn accepted(mut self) -> Self {
        if self.item.changed {
            self.status = StatusCode::ACCEPTED;
        }
        self
    }
}

impl IntoResponse for Did {
    fn into_response(self) -> Response {
        (self.status, axum::Json(self.item)).into_response()
    }
}

impl OperationOutput for Did {
    type Inner = Item;

    fn inferred_responses(
        context: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<Code>, Described)> {
        let mut all = described::<Item>(context, operation, 200, "It is as asked for.");
        all.extend(described::<Item>(context, operation, 202, "It is begun, and goes on by itself."));
        all
    }
}

/// What came of each of several things that were asked for.
pub(super) struct DidAll(Vec<ItemView>);

impl DidAll {
    pub(super) fn of(outcome: Outcome) -> Self {
        Self(outcome.items)
    }
}

impl IntoResponse for DidAll {
    fn into_response(self) -> Response {
        let failed = self.0.iter().any(|item| !item.ok);
        let status = if failed { StatusCode::MULTI_STATUS } else { StatusCode::OK };
        (status, axum::Json(self.0)).into_response()
    }
}

impl OperationOutput for DidAll {
    type Inner = Vec<Item>;

    fn inferred_responses(
        context: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<Code>, Described)> {
        let mut all = described::<Vec<Item>>(context, operation, 200, "All are as asked for.");
        all.extend(described::<Vec<Item>>(
            context,
            operation,
            207,
            "Some are not: see what is said of each.",
        ));
        all
    }
}

fn described<T: JsonSchema>(
    context: &mut GenContext,
    operation: &mut Operation,
    status: u16,
    text: &str,
) -> Vec<(Option<Code>, Described)> {
    let response = axum::Json::<T>::operation_response(context, operation);
    let with = |mut response: Described| {
        if !text.is_empty() {
            text.clone_into(&mut response.description);
        }
        (Some(Code::Code(status)), response)
    };
    response.into_iter().map(with).collect()
}

/// Marks what is answered, and sends nothing to who has it already.
pub(super) async fn compared(request: Request, next: Next) -> Response {
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let looks = matches!(request.method().as_str(), "GET" | "HEAD");
    let response = next.run(request).await;
    if !looks || response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, COMPARED_BYTES_MAX).await else {
        return Error::new(StatusCode::INTERNAL_SERVER_ERROR, "too_large", "the answer is too large")
            .into_response();
    };
    let hash: String = Sha256::digest(&bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let mark = format!("\"{hash}\"");
    parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if let Ok(mark) = HeaderValue::from_str(&mark) {
        parts.headers.insert(header::ETAG, mark);
    }
    if known.is_some_and(|known| has(&known, &mark)) {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.remove(header::CONTENT_TYPE);
        return Response::from_parts(parts, axum::body::Body::empty());
    }
    Response::from_parts(parts, axum::body::Body::from(bytes))
}

/// Whether a mark is among those that a caller has.
fn has(known: &HeaderValue, mark: &str) -> bool {
    let known = known.to_str().unwrap_or_default();
    known.split(',').map(|one| one.trim().trim_start_matches("W/")).any(|one| one == "*" || one == mark)
}
