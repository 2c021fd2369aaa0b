//! What all pages have: head, navigation, foot; and the pages that stand alone.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use convoy_core::id::Seq;
use maud::{DOCTYPE, Markup, html};

use super::parts::safe;
use crate::http::{Visitor, assets_address};

/// Where the navigation leads: address, name, and the key that goes there after `g`.
const PLACES: [(&str, &str, &str); 8] = [
    ("/", "Overview", "o"),
    ("/convoys", "Convoys", "c"),
    ("/issues", "Issues", "i"),
    ("/work", "Work", "w"),
    ("/costs", "Costs", "$"),
    ("/mail", "Mail", "m"),
    ("/doctor", "Health", "h"),
    ("/start", "Start", "s"),
];

/// A page. `place` is the address of its entry in the navigation, `seq` the event up to which it is true: a page without
/// one does not change by itself.
pub(super) fn page(visitor: &Visitor, title: &str, place: &str, seq: Option<Seq>, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="convoy-form" content=(visitor.mark);
                @if let Some(seq) = seq { meta name="convoy-seq" content=(seq); }
                title { (safe(title)) " · Convoy" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(assets_address("style.css"));
                script src=(assets_address("live.js")) defer {}
            }
            body {
                a.skip href="#main" { "To the content" }
                header.top {
                    a.brand href="/" { (mark()) "Convoy" }
                    nav aria-label="Pages" {
                        @for (address, name, key) in PLACES {
                            a href=(address) aria-current=[(address == place).then_some("page")] data-key=(key) {
                                (name)
                            }
                        }
                    }
                    span #link.link role="status" aria-label="Connection" {}
                }
                main #main tabindex="-1" { (main) }
            }
        }
    }
}

/// The sign of the project: three wagons, the last of them on its way.
fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 26 10" width="26" height="10" aria-hidden="true" {
            rect x="0" y="1" width="7" height="8" rx="1.5" {}
            rect x="9" y="1" width="7" height="8" rx="1.5" {}
            path d="M18 2.5A1.5 1.5 0 0 1 19.5 1H22l3.5 4L22 9h-2.500A1.5 1.5 0 0 1 18 7.500z" {}
        }
    }
}

/// A page that stands alone: nobody is known yet, or something went wrong.
fn alone(title: &str, main: &Markup) -> Markup {
    page(&Visitor { mark: String::new() }, title, "", None, main)
}

/// What somebody sees for the moment until the overview comes.
pub(crate) fn welcome() -> Markup {
    alone("Welcome", &html! { p { a href="/" { "Go on to the overview" } } })
}

/// What went wrong, and what to do.
pub(crate) fn error(status: StatusCode, message: &str, hints: &[String]) -> Response {
    let body = html! {
        div.wrong role="alert" {
            p.eyebrow { "Nothing was done · " (status.as_u16()) }
            h1 { (safe(message)) }
            @for hint in hints { p { (safe(hint)) } }
            p { a href="/" { "Back to the overview" } }
        }
    };
    (status, alone("Something went wrong", &body)).into_response()
}
