//! What all pages have: head, navigation, foot; and the pages that stand alone.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use crate::http::{Visitor, assets_address};

/// Where the navigation leads: address, name.
const PLACES: [(&str, &str); 1] = [("/", "Overview")];

/// A page. `place` is the address of its entry in the navigation.
pub(super) fn page(visitor: &Visitor, title: &str, place: &str, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="convoy-form" content=(visitor.mark);
                title { (title) " · Convoy" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(assets_address("style.css"));
                script src=(assets_address("live.js")) defer {}
            }
            body {
                a.skip href="#main" { "To the content" }
                header {
                    a.brand href="/" { "Convoy" }
                    nav aria-label="Pages" {
                        @for (address, name) in PLACES {
                            a href=(address) aria-current=[(address == place).then_some("page")] { (name) }
                        }
                    }
                }
                main id="main" { (main) }
            }
        }
    }
}

/// A page that stands alone: nobody is known yet, or something went wrong.
fn alone(title: &str, main: &Markup) -> Markup {
    page(&Visitor { mark: String::new() }, title, "", main)
}

/// What somebody sees for the moment until the overview comes.
pub(crate) fn welcome() -> Markup {
    alone("Welcome", &html! { p { a href="/" { "Go on to the overview" } } })
}

/// What went wrong, and what to do.
pub(crate) fn error(status: StatusCode, message: &str, hints: &[String]) -> Response {
    let body = html! {
        h1 { (message) }
        @for hint in hints { p { (hint) } }
    };
    (status, alone("Something went wrong", &body)).into_response()
}
