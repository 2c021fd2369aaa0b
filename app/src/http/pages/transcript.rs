//! What is kept of a worker's attempts in files and in git: what its agent said and did, what it changed, its
//! checkpoints, what it was told. All of it was written by agents, and none of it is trusted.

use convoy_api::{Code, Failure};
use convoy_engine::checkpoints::{Checkpoints, Found};
use convoy_engine::output::{self, Conversation, Item, ItemKind, Page};
use convoy_engine::{changes, own};
use maud::{Markup, html};

use super::diff;
use super::parts::{block, command, commit, empty, safe, table, title};
use super::worker::Of;
use crate::http::{Site, blocking};

/// How long a text may be that is shown unfolded, in characters.
const UNFOLDED_CHARS: usize = 240;

/// What is shown of it. That something cannot be read is said in its place: the rest of the page is true all the same.
pub(super) async fn body(site: &Site, view: &str, of: &Of) -> Markup {
    let Some(session) = of.session.clone() else {
        return empty("No attempt has begun.", "It begins when there is room for it.", None);
    };
    let (workspace, env) = (site.workspace().clone(), site.env().clone());
    let from = of.from;
    let shown = match view {
        "raw" => blocking(move || output::page(&workspace, &session.id, from))
            .await
            .map(|page| html! { (places(of, "raw", &page)) (raw(&page)) (places(of, "raw", &page)) }),
        "changes" => {
            let (rig, evidence) = (of.worker.rig.clone(), of.worker.evidence.clone());
            let read = move || changes::changes(&workspace, &env, &rig, &session, evidence.as_ref());
            blocking(read).await.map(|change| match change {
                Some(change) => diff::show(&change),
                None => {
                    empty("There is nothing to compare.", "Its workdir is gone, and it left no branch.", None)
                }
            })
        }
        "checkpoints" => {
            let ids: Vec<String> = of.worker.sessions.iter().map(|one| one.id.to_string()).collect();
            let worker = of.worker.id.clone();
            let read = move || {
                let all = Checkpoints::open(&workspace, &env)?.list(None)?.found;
                let stored = own::read(&all);
                let brief = own::latest_of(&stored, &worker).map(|stored| own::brief_of(stored, None, None));
                let of_it =
                    |found: &Found| found.stored.session_id.as_ref().is_some_and(|id| ids.contains(id));
                Ok((all.into_iter().filter(of_it).collect::<Vec<_>>(), brief))
            };
            blocking(read).await.map(|(found, brief)| checkpoints(&found, brief.as_deref()))
        }
        "prompt" => {
            blocking(move || output::prompt(&workspace, &session.id)).await.map(|prompt| match prompt {
                Some(prompt) => html! { pre.long { (block(&prompt)) } },
                None => empty("What it was told is not kept.", "It is made when its agent is started.", None),
            })
        }
        _ => blocking(move || output::conversation(&workspace, &session.id, from))
            .await
            .map(|talk| conversation(of, &talk)),
    };
    shown.unwrap_or_else(|failure| none(&failure))
}

fn none(failure: &Failure) -> Markup {
    match failure.code {
        Code::NotFound => {
            empty("Nothing was printed yet.", failure.hint.as_deref().unwrap_or_default(), None)
        }
        _ => html! { p.note { (safe(&failure.message)) } },
    }
}

/// The ways to what stands before and after a part of the output.
fn places(of: &Of, view: &str, page: &Page) -> Markup {
    let to = |from: u64| format!("{}&from={from}", of.address(view));
    html! {
        @if page.from > 0 || page.to < page.size {
            nav.pager aria-label="Parts of the output" {
                @if page.from > 0 {
                    a.button rel="prev" href=(to(page.from.saturating_sub(output::PAGE_BYTES))) { "← Older" }
                }
                span.soft.num { "bytes " (page.from) "–" (page.to) " of " (page.size) }
                @if page.to < page.size {
                    a.button rel="next" href=(to(page.to)) { "Newer →" }
                    a href=(of.address(view)) { "To the end" }
                }
            }
        }
    }
}

fn raw(page: &Page) -> Markup {
    html! {
        @if page.lines.is_empty() {
            (empty("Nothing was printed.", "", None))
        } @else {
            pre.long { @for line in &page.lines { (block(line)) "\n" } }
        }
    }
}

/// What the agent said, did and met with; and what it says from now on, if it is at work.
fn conversation(of: &Of, talk: &Conversation) -> Markup {
    let latest = of.session.as_ref().filter(|session| of.worker.session_id.as_ref() == Some(&session.id));
    let live = latest.filter(|session| session.state == "running" && of.from.is_none());
    html! {
        (places(of, "conversation", &talk.place))
        @if talk.items.is_empty() { p.soft { "Nothing was said yet." } }
        ol.talk { @for turn in turns(&talk.items) { (turn) } }
        (places(of, "conversation", &talk.place))
        @if let Some(session) = live {
            section aria-labelledby="live" {
                h2 #live { "As it goes on" }
                pre.live data-output=(of.worker.id) data-session=(session.id) data-from=(talk.place.to) tabindex="0" role="log"
                    data-stream={ "/api/work/" (of.worker.id) "/stream" } aria-label="What the agent prints" {}
                p.hint { "From the command line: " (command(&format!("convoy logs {} -f", session.id))) }
            }
        }
    }
}

/// Items as blocks; lines that follow each other are one.
fn turns(items: &[Item]) -> Vec<Markup> {
    items
        .chunk_by(|one, next| one.kind == ItemKind::Line && next.kind == ItemKind::Line)
        .map(|chunk| {
            let texts: Vec<&str> = chunk.iter().map(|item| item.text.as_str()).collect();
            turn(chunk[0].kind, &texts.join("\n"))
        })
        .collect()
}

fn turn(kind: ItemKind, text: &str) -> Markup {
    let (class, who) = match kind {
        ItemKind::Message => ("message", "Says"),
        ItemKind::Call => ("call", "Calls"),
        ItemKind::Answer => ("answer", "Gets"),
        ItemKind::Error => ("error", "Fails"),
        ItemKind::Trouble => ("trouble", "Trouble"),
        ItemKind::End => ("end", "Ends"),
        ItemKind::Line => ("line", "Prints"),
    };
    let shown = block(text);
    let long = shown.chars().count() > UNFOLDED_CHARS || shown.lines().count() > 6;
    html! {
        li class={ "turn " (class) } {
            span.who { (who) }
            @match kind {
                ItemKind::Message | ItemKind::End => p.words { (shown) },
                ItemKind::Call | ItemKind::Answer if long => {
                    details { summary { (title(text.lines().next().unwrap_or_default())) } pre { (shown) } }
                },
                ItemKind::Call | ItemKind::Answer | ItemKind::Error | ItemKind::Trouble | ItemKind::Line => pre { (shown) },
            }
        }
    }
}

fn checkpoints(found: &[Found], brief: Option<&str>) -> Markup {
    let heads = ["Number", "Time", "Checkpoint", "What", "Commit"];
    html! {
        @if found.is_empty() {
            (empty("No checkpoint was made.", "They are made while an agent works, and before it is stopped.", None))
        } @else {
            (table("Checkpoints", true, &heads, &html! {
                @for one in found {
                    tr {
                        td data-label="Number" { (one.stored.sequence) }
                        td data-label="Time" { (safe(one.stored.timestamp.as_deref().unwrap_or("-"))) }
                        td { (command(&format!("convoy checkpoint show {}", one.stored.id))) }
                        td.wide {
                            (title(one.stored.summary.as_deref().unwrap_or_default()))
                            div.sub { (safe(one.stored.reason.as_str().unwrap_or_default())) }
                        }
                        td data-label="Commit" {
                            @let id = one.stored.wip_commit.as_ref().or(one.stored.git_commit.as_ref());
                            @if let Some(id) = id { (commit(id)) }
                        }
                    }
                }
            }))
        }
        @if let Some(brief) = brief {
            section aria-labelledby="brief" {
                h2 #brief { "The brief for whoever goes on" }
                pre.long { (block(brief)) }
            }
        }
    }
}
