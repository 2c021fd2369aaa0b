//! What people and agents write is text on every page, whatever it looks like.

use convoy_testkit::fake_agent::{Script, Step};
use serde_json::json;

use crate::client::Site;
use crate::room::{Room, outside, says, text};

/// Markup in every way that could matter.
const HOSTILE: &str =
    "</title></textarea></script><img src=x onerror=alert(1)>\"'onmouseover=alert(2) javascript:alert(3)";
/// What must not stand in any page: the same, or a part of it, as markup.
const NEVER: [&str; 5] =
    ["<img src=x onerror=", "<img/src=x", "</script><img", "\"'onmouseover", "href=\"javascript:"];

/// The pages that there are.
const PAGES: &str = include_str!("../../src/http/pages/mod.rs");

/// Paths of the routes that answer to looking.
fn routes() -> Vec<&'static str> {
    let routes = PAGES.split(".route(").skip(1);
    let paths = routes.filter_map(|route| {
        let (path, rest) = route.trim_start().strip_prefix('"')?.split_once('"')?;
        rest.split(".route(").next()?.trim_start_matches([',', ' ', '\n']).starts_with("get(").then_some(path)
    });
    paths.collect()
}

fn hostile(room: &Room) {
    let issue = |id: &str, more: &[&str]| {
        let label = "<img/src=x/onerror=alert(4)>";
        let mut words = vec![
            "issue",
            "create",
            HOSTILE,
            "--id",
            id,
            "--body",
            HOSTILE,
            "--acceptance",
            HOSTILE,
            "--label",
            label,
        ];
        words.extend(more);
        room.env.convoy(words).ok();
    };
    issue("gt-a", &[]);
    issue("gt-b", &["--needs", "gt-a"]);
    issue("gt-c", &[]);
    room.env.convoy(["issue", "close", "gt-c", "--note", HOSTILE]).ok();
    room.env.convoy(["mail", "send", "--human", "-s", HOSTILE, "-m", HOSTILE]).ok();
}

#[test]
fn nothing_that_was_written_is_markup_on_any_page() {
    let env = outside();
    let repo = env.repo();
    repo.git(["branch", "x<img-src=x-onerror=alert(5)>"]);
    let finding = json!({"severity": "critical", "category": HOSTILE, "title": HOSTILE, "file": "app.txt", "line": 1,
        "quote": HOSTILE, "problem": HOSTILE, "impact": HOSTILE, "fix": HOSTILE, "confidence": "high"});
    let script = Script::default()
        .role(
            "security",
            [Step::Output(format!("# {HOSTILE}\n\n{HOSTILE}\n")), Step::Findings(vec![finding])],
        )
        .role("correctness", [Step::Output(HOSTILE.to_owned())])
        .role("performance", [Step::Complain(HOSTILE.to_owned()), Step::Exit(1)])
        .role(
            "synthesis",
            [Step::Output(format!(
                "# {HOSTILE}\n\n[a](javascript:alert(6))\n\n<img src=x onerror=alert(7)>\n"
            ))],
        )
        .issue(
            "gt-a",
            [
                Step::Print(HOSTILE.to_owned()),
                Step::Print(
                    "\u{1b}]8;;javascript:alert(8)\u{7}<img src=x onerror=alert(9)>\u{1b}[0m".to_owned(),
                ),
                says(&["note", HOSTILE]),
                Step::Write {
                    path: "<img src=x onerror=alert(10)>.txt".to_owned(),
                    content: HOSTILE.to_owned(),
                },
                Step::Commit(HOSTILE.to_owned()),
                says(&["blocked", HOSTILE]),
                Step::Exit(1),
            ],
        );
    let room = Room::around(env, "", &script);
    room.convoy("config set retry.max_attempts 1");
    hostile(&room);
    let base = "x<img-src=x-onerror=alert(5)>";
    let made = room.env.convoy(["create", HOSTILE, "gt-a", "gt-b", "--run", "--base", base, "--json"]);
    // Whether such a branch is taken is not the question here.
    let made = if made.status == 0 {
        made
    } else {
        room.env.convoy(["create", HOSTILE, "gt-a", "gt-b", "--run", "--json"]).ok()
    };
    let convoy = text(&made.json(), "/id").to_owned();
    room.until("worker.", "gt-a");
    let run = room.env.convoy(["start", "code-review", "--files", "**", "--wait", "--json"]);
    assert!(run.status < 6, "{}", run.shown());
    let runs = room.json("list --all");
    let run = runs.as_array().unwrap().iter().find(|one| one["template"] == "code-review").unwrap();
    room.stalls(&convoy);
    let site = Site::up(&room);
    let notice = text(&room.json("mail inbox --all"), "/0/id").to_owned();
    let (mut seen, mut quoted) = (0, 0);
    for route in routes() {
        let ids: &[&str] = match route.split('/').nth(1).unwrap_or_default() {
            "convoys" => &[&convoy, text(run, "/id")],
            "issues" => &["gt-a", "gt-b", "gt-c"],
            "work" | "workers" => &["gt-a"],
            "mail" => &[&notice],
            _ => &["code-review"],
        };
        for id in ids {
            let path =
                route.replace("{id}", id).replace("{role}", "security").replace("{name}", "code-review");
            for path in [
                path.clone(),
                format!("{path}?view=raw"),
                format!("{path}?all=true&did=%3Cimg%20src=x%20onerror=alert(11)%3E"),
            ] {
                let page = site.ask("GET", &path).header("Accept", "text/html").send();
                for bad in NEVER {
                    assert!(!page.body.contains(bad), "{bad:?} in {path}: {}", near(&page.body, bad));
                }
                assert!(!page.body.contains('\u{1b}'), "{path}");
                assert!(page.status < 500, "{path}: {}", page.body);
                seen += 1;
                quoted += usize::from(page.body.contains("&lt;img src=x onerror"));
            }
        }
    }
    assert!(seen > 30 && quoted > 10, "{quoted} of {seen} show what was written");
    // For programs it is data, which no browser takes for a page.
    for path in ["/api/issues", "/api/convoys", "/api/overview", "/api/work/gt-a/output"] {
        let answer = site.ask("GET", path).header("Accept", "text/html").send().is(200);
        assert_eq!(answer.headers["content-type"], "application/json", "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    }
}

fn near<'a>(body: &'a str, text: &str) -> &'a str {
    let at = body.find(text).unwrap_or(0);
    let from = (0..=at.saturating_sub(200)).rev().find(|at| body.is_char_boundary(*at)).unwrap_or(0);
    let to = (at + 200..body.len()).find(|at| body.is_char_boundary(*at)).unwrap_or(body.len());
    &body[from..to]
}
