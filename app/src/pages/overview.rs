//! The first page: what needs you, who is at work, what landed today, what it costs.

use axum::Extension;
use axum::extract::State;
use maud::{Markup, html};

use super::layout::page;
use crate::ask;
use crate::http::{Error, Site, Visitor};

/// The first page.
pub(super) async fn show(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Markup, Error> {
    let overview = site.ask(ask::overview).await?;
    let main = html! {
        h1 { "Overview" }
        section aria-labelledby="needs" {
            h2 #needs { "Needs you (" (overview.needs_total) ")" }
            ul { @for need in &overview.needs { li { (need.title) ": " (need.detail) } } }
        }
    };
    Ok(page(&visitor, "Overview", "/", &main))
}
