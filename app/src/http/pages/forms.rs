//! Forms of pages: what can be done with a thing, what came of it, and going on through long lists.

use axum::Form;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::parts::Tone;
use crate::http::Visitor;

/// How many things of a long list a page has.
pub(super) const PAGE: usize = 50;
/// The longest address that a form leads back to, in bytes.
const BACK_BYTES_MAX: usize = 500;

/// Something that can be done.
pub(super) struct Action<'a> {
    /// Where it is sent.
    pub(super) path: String,
    /// The button.
    pub(super) label: &'a str,
    /// How grave it is: [`Tone::Bad`] for what ends something.
    pub(super) tone: Tone,
    /// What is asked before; nothing if it can be done without harm.
    pub(super) ask: Option<&'a str>,
    /// What else the form has.
    pub(super) fields: Option<Markup>,
    /// The page that it leads back to.
    pub(super) back: &'a str,
}

/// The button, or what opens the question before it: that works without any script.
pub(super) fn action(visitor: &Visitor, action: &Action<'_>) -> Markup {
    let class = action.tone.class();
    let form = |label: &str| {
        html! {
            form method="post" action=(action.path) {
                (marked(visitor, action.back))
                @if let Some(ask) = action.ask { p { (ask) } }
                @if let Some(fields) = &action.fields { (fields) }
                button class={ "button " (class) } type="submit" { (label) }
            }
        }
    };
    html! {
        @if action.ask.is_some() {
            details.confirm { summary class={ "button " (class) } { (action.label) "…" } (form(action.label)) }
        } @else { (form(action.label)) }
    }
}

/// The fields that every form of ours has.
pub(super) fn marked(visitor: &Visitor, back: &str) -> Markup {
    html! {
        input type="hidden" name="_form" value=(visitor.mark);
        input type="hidden" name="_back" value=(back);
    }
}

/// What somebody sent with a form; the same name may be there several times.
pub(super) struct Fields(Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let Form(fields) = Form::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        Ok(Self(fields))
    }
}

impl Fields {
    /// What a field has, without the space around it; nothing if it is empty or not there.
    pub(super) fn one(&self, name: &str) -> Option<String> {
        self.all(name).into_iter().next()
    }
    /// All that there are of a name, and that are not empty.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let ours = self.0.iter().filter(|(key, _)| key == name);
        ours.map(|(_, value)| value.trim().to_owned()).filter(|value| !value.is_empty()).collect()
    }
    /// Each line of a field, without empty ones.
    pub(super) fn lines(&self, name: &str) -> Vec<String> {
        let text = self.one(name).unwrap_or_default();
        text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
    }
    /// Every field whose name begins so, by the rest of its name.
    pub(super) fn beginning<'a>(&'a self, with: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(move |(key, value)| Some((key.strip_prefix(with)?, value.trim())))
    }
    /// Everything that was given, but for our own fields.
    pub(super) fn given(&self) -> impl Iterator<Item = &(String, String)> {
        self.0.iter().filter(|(name, value)| !name.starts_with('_') && !value.is_empty())
    }
    /// Back to the page that the form was on, which says what was done. Only to a page of ours.
    pub(super) fn back(&self, done: Done) -> Response {
        let given = self.one("_back").filter(|back| is_ours(back)).unwrap_or_else(|| "/".to_owned());
        let (path, query) = given.split_once('?').unwrap_or((given.as_str(), ""));
        let mut query: Vec<&str> =
            query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("did=")).collect();
        let did = format!("did={}", done.code());
        query.push(&did);
        Redirect::to(&format!("{path}?{}", query.join("&"))).into_response()
    }
}

fn is_ours(back: &str) -> bool {
    let here = back.starts_with('/') && !back.starts_with("//") && !back.contains(['\\', '#']);
    here && back.len() <= BACK_BYTES_MAX && back.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What was done, as the page after it says: a word in its address, so that nobody can have a page say anything else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Done {
    /// It is as it was asked for.
    Did(&'static str),
    /// It was so already.
    Same,
}

/// The words, each with what is said.
const DID: [(&str, &str); 17] = [
    ("same", "It was so already; nothing was changed."),
    ("started", "Started."),
    ("launched", "Launched."),
    ("stopped", "It is being stopped. What was done is kept."),
    ("closed", "Closed."),
    ("reopened", "Open again."),
    ("landed", "Landed."),
    ("checked", "Checked, and something landed."),
    ("synthesized", "The report is being made again."),
    ("retried", "It is tried again."),
    ("released", "Taken from its worker."),
    ("created", "Made."),
    ("added", "Added."),
    ("sent", "Sent."),
    ("archived", "Put away."),
    ("read", "Marked as read."),
    ("nudged", "The agent was told."),
];

impl Done {
    /// The code in the address.
    fn code(self) -> &'static str {
        match self {
            Self::Did(code) => code,
            Self::Same => "same",
        }
    }
    /// By what an order changed.
    pub(super) fn of(outcome: &convoy_api::Outcome, code: &'static str) -> Self {
        if outcome.items.iter().any(|item| item.changed) { Self::Did(code) } else { Self::Same }
    }
}

/// What was done, at the top of a page; nothing if its address does not say.
pub(super) fn flash(did: Option<&str>) -> Markup {
    let said = did.and_then(|did| DID.iter().find(|(code, _)| *code == did));
    html! { @if let Some((code, said)) = said { p class={ "flash " (code) } role="status" { (said) } } }
}

/// The pages of a long list. `address` has everything but the page, and ends where that is added.
pub(super) fn pager(address: &str, skip: usize, shown: usize, total: usize) -> Markup {
    let to = |skip: usize| {
        let by = if address.contains('?') { '&' } else { '?' };
        if skip == 0 { address.to_owned() } else { format!("{address}{by}skip={skip}") }
    };
    html! {
        @if skip > 0 || skip + shown < total {
            nav.pager aria-label="More" {
                @if skip > 0 { a.button rel="prev" href=(to(skip.saturating_sub(PAGE))) { "← Before" } }
                span.soft { (skip + usize::from(shown > 0)) "–" (skip + shown) " of " (total) }
                @if skip + shown < total { a.button rel="next" href=(to(skip + PAGE)) { "After →" } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_leads_back_to_pages_of_ours_only() {
        for (back, leads) in [
            ("/convoys/hq-cv-a?x=1", "/convoys/hq-cv-a?x=1&did=same"),
            ("/convoys?did=stopped", "/convoys?did=same"),
            ("//evil.example/x", "/?did=same"),
            ("https://evil.example", "/?did=same"),
            ("/\\evil.example", "/?did=same"),
            ("/a\r\nset-cookie: x", "/?did=same"),
        ] {
            let fields = Fields(vec![("_back".to_owned(), back.to_owned())]);
            let response = fields.back(Done::Same);
            assert_eq!(response.headers()["location"], leads, "{back:?}");
        }
    }

    #[test]
    fn every_code_is_said() {
        for (code, said) in DID {
            assert!(flash(Some(code)).into_string().contains(said.split('\'').next().unwrap_or_default()));
        }
        assert_eq!(flash(Some("<b>")).into_string(), "");
    }
}
