//! How the workspace is: its engine, what is stranded, what waits to land, trackers, rigs, the disk; and, when somebody
//! asks for them, the checks of `convoy doctor`, which read the whole log and run programs.

use axum::Extension;
use axum::extract::{Query, State};
use convoy_api::query::EngineView;
use convoy_core::view::{QueueItemView, RigView, StrandedView, TrackerView};
use convoy_engine::disk::{Disk, disk};
use convoy_engine::doctor::{self, Health, Report};
use maud::{Markup, html};
use serde::Deserialize;

use super::actions::Deed;
use super::forms::flash;
use super::layout::page;
use super::parts::{
    Tone, age, badge, badge_of, command, duration, empty, facts, link, safe, section, table, title,
};
use crate::ask;
use crate::http::{Error, Site, Visitor, blocking};

/// Where this page is.
const HERE: &str = "/doctor";
/// How many lines of each list are shown; the command line has all.
const LISTED_MAX: usize = 100;

/// What stands behind the `?`.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Which {
    check: String,
    did: Option<String>,
}

struct Known {
    engine: EngineView,
    stranded: Vec<StrandedView>,
    queue: Vec<QueueItemView>,
    trackers: Vec<TrackerView>,
    rigs: Vec<RigView>,
}

/// How the workspace is.
pub(super) async fn show(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Query(which): Query<Which>,
) -> Result<Markup, Error> {
    let known = site
        .ask(|service| {
            Ok(Known {
                engine: ask::engine(service)?,
                stranded: ask::stranded(service)?,
                queue: ask::queue(service, None, None)?,
                trackers: ask::trackers(service)?,
                rigs: ask::rigs(service)?,
            })
        })
        .await?;
    let workspace = site.workspace().clone();
    let room = blocking(move || disk(&workspace)).await.ok();
    let report = if which.check.is_empty() {
        None
    } else {
        let (workspace, env) = (site.workspace().clone(), site.env().clone());
        Some(blocking(move || Ok(doctor::examine(&workspace, &env, false))).await?)
    };
    let main = html! {
        (flash(which.did.as_deref()))
        div.head {
            div { h1 { "Health" } p.soft { "The engine, what is stuck, and what work needs." } }
            @if report.is_none() {
                div.actions { a.button.good href={ (HERE) "?check=1" } { "Check everything" } }
            }
        }
        @if let Some(report) = &report { (checks(report)) }
        (about(&known.engine, room.as_ref()))
        (stranded(&visitor, &known.stranded))
        (queue(&visitor, &known.queue))
        (rigs(&known.rigs))
        (trackers(&known.trackers))
    };
    // The checks are too much work to be done again by themselves.
    let seq = report.is_none().then_some(known.engine.seq);
    Ok(page(&visitor, "Health", HERE, seq, &main))
}

fn checks(report: &Report) -> Markup {
    let (tone, sign, words) = match report.health {
        Health::Ok => (Tone::Good, "✓", "All is well."),
        Health::Warning => (Tone::Wait, "!", "Nothing is wrong; some things are worth knowing."),
        Health::Error => (Tone::Bad, "✗", "Something is to be mended."),
    };
    let mut findings: Vec<_> = report.findings.iter().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.health));
    section(
        "checks",
        "Checks",
        Some(report.findings.len()),
        &html! {
            p.row { (badge_of(tone, sign, if report.health == Health::Ok { "well" } else { "see below" })) span.grow { (words) } }
            (table("Checks", true, &["State", "Check", "What was found"], &html! {
                @for finding in findings {
                    tr {
                        td {
                            (match finding.health {
                                Health::Ok => badge("ok"),
                                Health::Warning => badge_of(Tone::Wait, "!", "worth knowing"),
                                Health::Error => badge("error"),
                            })
                        }
                        td { (safe(&finding.check)) }
                        td.wide {
                            (safe(&finding.detail))
                            @if let Some(fix) = &finding.fix { div.sub { "try: " (safe(fix)) } }
                        }
                    }
                }
            }))
            p.more { a href=(HERE) { "Without the checks" } " · " (command("convoy doctor")) }
        },
    )
}

fn about(engine: &EngineView, room: Option<&Disk>) -> Markup {
    let mut known: Vec<(&str, Markup)> = vec![
        ("Version", html! { (safe(&engine.version)) }),
        ("Up for", age(engine.started_at)),
        ("Process", html! { span.num { (engine.pid) } span.soft { " on " (safe(&engine.host)) } }),
        ("Events", html! { span.num { (engine.seq) } }),
        ("Live sessions", html! { span.num { (engine.live_sessions) } }),
        ("Now", html! { (if engine.idle { "nothing to do" } else { "at work" }) }),
        ("Started convoys", html! { span.num { (engine.open_convoys.len()) } }),
        ("Unread mail", html! { a.num href="/mail" { (engine.unread) } }),
        ("Not delivered", html! { a.num href="/mail" { (engine.undelivered) } }),
        ("Checkpoints being made", html! { span.num { (engine.checkpoints) } }),
    ];
    if let Some(room) = room {
        known.push((
            "Free on the disk",
            html! { span.num { (bytes(room.free)) } span.soft { " of " (bytes(room.size)) } },
        ));
        known.push(("Log", html! { span.num { (bytes(room.log)) } }));
    }
    known.extend(engine.socket.as_ref().map(|path| ("Socket", html! { code { (safe(path)) } })));
    known.extend(engine.http.as_ref().map(|url| ("Pages", html! { code { (safe(url)) } })));
    section("engine", "Engine", None, &html! { div.panel { (facts(&known)) } })
}

/// Bytes as people read them.
fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KB", "MB", "GB", "TB"];
    let mut tenths = u128::from(n) * 10;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    if unit == 0 { format!("{n} B") } else { format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit]) }
}

fn stranded(visitor: &Visitor, all: &[StrandedView]) -> Markup {
    section(
        "stranded",
        "Convoys in which nothing moves",
        Some(all.len()),
        &html! {
            @if all.is_empty() { (empty("Everything moves.", "No open convoy is stuck or overdue.", None)) } @else {
                ul.list.needs {
                    @for one in all.iter().take(LISTED_MAX) {
                        li {
                            div.row {
                                a.grow.name href={ "/convoys/" (one.convoy_id) } { (title(&one.title)) }
                                (badge(one.category.name()))
                                @if one.overdue { (badge("overdue")) }
                            }
                            p { (safe(&one.detail)) }
                            div.row {
                                (command(&one.command))
                                @if let Some(deed) = Deed::of(&one.command) { (deed.button(visitor, HERE)) }
                            }
                        }
                    }
                }
                @if all.len() > LISTED_MAX { p.more { (command("convoy stranded")) } }
            }
        },
    )
}

fn queue(visitor: &Visitor, all: &[QueueItemView]) -> Markup {
    let heads = ["Place", "State", "Issue", "Into", "Merge", "Waits for", ""];
    section(
        "queue",
        "Merge queue",
        Some(all.len()),
        &html! {
            @if all.is_empty() { (empty("Nothing waits to land.", "Branches come here when their work is done.", None)) } @else {
                (table("Merge queue", true, &heads, &html! {
                    @for item in all.iter().take(LISTED_MAX) {
                        tr {
                            td data-label="Place" { @if let Some(position) = item.position { (position) } }
                            td { (badge(&item.state)) }
                            td.wide {
                                a.name href={ "/issues/" (item.issue_id) } { (title(&item.title)) }
                                @if let Some(detail) = &item.detail { div.sub { (safe(detail)) } }
                                @if let Some(request) = &item.request { div.sub { code { (safe(request)) } } }
                            }
                            td data-label="Into" {
                                (safe(&item.rig)) @if let Some(branch) = &item.base_branch { "/" (safe(branch)) }
                            }
                            td data-label="Merge" { (item.strategy.name()) @if item.round > 0 { span.soft { ", round " (item.round) } } }
                            td data-label="Waits for" { @if let Some(seconds) = item.age_s { (duration(seconds)) } }
                            td {
                                @if item.can_retry {
                                    @if let Some(deed) = Deed::of(&format!("convoy mq retry {}", item.issue_id)) {
                                        (deed.button(visitor, HERE))
                                    }
                                }
                            }
                        }
                    }
                }))
            }
        },
    )
}

fn rigs(all: &[RigView]) -> Markup {
    let heads = ["Rig", "State", "At work", "Ready", "To land", "Open", "Where"];
    section(
        "rigs",
        "Rigs",
        Some(all.len()),
        &table(
            "Rigs",
            true,
            &heads,
            &html! {
                @for rig in all {
                    tr {
                        td { a.name href={ "/issues?rig=" (rig.name) } { (rig.name) } @if rig.home { span.soft { " home" } } }
                        td {
                            (badge(rig.health.name()))
                            @if rig.parked { " " (badge_of(Tone::Wait, "‖", "parked")) }
                            @if let Some(detail) = &rig.detail { div.sub { (safe(detail)) } }
                        }
                        td data-label="At work" { span.num { (rig.live) @if let Some(most) = rig.max_parallel { "/" (most) } } }
                        td data-label="Ready" { span.num { (rig.ready) } }
                        td data-label="To land" { span.num { (rig.merging) } }
                        td data-label="Open" { span.num { (rig.open_issues) } }
                        td data-label="Where" {
                            @if let Some(path) = &rig.path { code { (safe(path)) } }
                            @if let Some(branch) = &rig.default_branch { span.soft { " " (safe(branch)) } }
                        }
                    }
                }
            },
        ),
    )
}

fn trackers(all: &[TrackerView]) -> Markup {
    let heads = ["Rig", "State", "Issues", "Missing", "To be told", "Refused"];
    html! {
        @if !all.is_empty() {
            (section("trackers", "Trackers", Some(all.len()), &table("Trackers", true, &heads, &html! {
                @for tracker in all {
                    tr {
                        td { (safe(&tracker.rig)) }
                        td.wide {
                            @if tracker.readable { (badge("ok")) } @else { (badge_of(Tone::Bad, "✗", "cannot be read")) }
                            @if let Some(why) = &tracker.why { div.sub { (safe(why)) } }
                        }
                        td data-label="Issues" { span.num { (tracker.issues) } }
                        td data-label="Missing" { span.num { (tracker.missing) } }
                        td data-label="To be told" { span.num { (tracker.pending) } }
                        td data-label="Refused" {
                            @for refused in &tracker.refused {
                                div { (link(&format!("/issues/{}", refused.issue_id), refused.issue_id.as_str())) " " (safe(&refused.error)) }
                            }
                        }
                    }
                }
            })))
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn bytes_are_as_people_read_them() {
        let shown = [0, 1023, 1024, 1536, 5 << 20, 3 << 40].map(super::bytes);
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KB", "1.5 KB", "5.0 MB", "3.0 TB"]);
    }
}
