//! Text that would like to be more than text, through the command line and a whole run.

use std::fs;

use convoy_testkit::fake_agent::Script;
use serde_json::{Value, json};

use crate::oracle;
use crate::room::{Room, files_below, then_work};

/// What no terminal may be sent: control characters but the end of a line and tabs, and what turns or hides text.
fn is_hostile(c: char) -> bool {
    let turns = ('\u{202a}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c);
    let hides =
        "\u{200b}\u{200e}\u{200f}".contains(c) || ('\u{e0000}'..='\u{e007f}').contains(&c) || c == '\u{feff}';
    (c.is_control() && c != '\n' && c != '\t') || turns || hides
}

const TITLES: &[&str] = &[
    "\u{1b}[2J\u{1b}[31mred\u{1b}[0m",
    "\u{1b}]8;;http://evil.example\u{7}link\u{1b}]8;;\u{7}",
    "\u{1b}]52;c;Y2FuYXJ5\u{1b}\\ clipboard",
    "\u{1b}P+q544e\u{1b}\\ device control",
    "\u{9b}31m c1 \u{90}q\u{9c}",
    "\u{202e}txt.exe\u{2066}\u{200f}",
    "zero\u{200b}width\u{feff}\u{e0041}",
    "bell\u{7}\u{8}\u{7f}\u{0b}\u{0c}\r",
    "two\nlines",
    "e\u{301}\u{301}\u{301}\u{301} 🏳️‍🌈 日本語",
];

#[test]
fn no_escape_reaches_a_terminal_and_nothing_is_changed() {
    let room = Room::new(&Script::works(), "");
    for (n, title) in TITLES.iter().enumerate() {
        let id = format!("gt-{n}");
        let body = format!("{title}\n{}", title.repeat(50));
        let made = room
            .convoy(["issue", "create", title, "--id", &id, "--body", &body, "--label", "x", "--json"])
            .ok()
            .json();
        assert_eq!((&made["title"], &made["description"]), (&json!(title), &json!(body)));
        room.convoy(["create", title, &id, "--owner", "mayor/"]).ok();
        room.convoy(["issue", "close", &id, "--note", title]).ok();
    }
    let all = room.convoy(["issue", "list", "--all", "--json"]).ok().json();
    for title in TITLES {
        assert!(all.as_array().unwrap().iter().any(|issue| issue["title"] == *title), "{title:?}");
    }
    let mail = room.convoy(["mail", "inbox", "mayor/", "--json"]).ok().json();
    let notice = mail[0]["id"].as_str().unwrap();
    let every: &[&[&str]] = &[
        &["issue", "list", "--all"],
        &["issue", "show", "gt-0", "gt-1", "gt-2", "gt-3", "gt-4", "gt-5", "gt-6", "gt-7"],
        &["list", "--all"],
        &["status"],
        &["status", "hq"],
        &["stranded"],
        &["events"],
        &["events", "--json"],
        &["issue", "list", "--all", "--json"],
        &["mail", "inbox", "mayor/"],
        &["mail", "inbox", "mayor/", "--json"],
        &["mail", "read", notice],
        &["work", "list", "--all"],
        &["doctor"],
        &["daemon", "status"],
        &["why", "gt-0"],
        &["issue", "show", "\u{1b}[2J"],
        &["status", "\u{9b}2J\u{202e}"],
        &["\u{1b}]0;x\u{7}"],
        &["create", "x", "gt-\u{1b}[31m"],
        &["issue", "create", "t", "--type", "\u{1b}[31m"],
        &["issue", "create", "t", "--as", "a\u{1b}b"],
    ];
    for color in ["auto", "never", "always"] {
        for args in every {
            let run = room.convoy(args.iter().chain(&["--color", color]));
            let printed = run.stdout.clone() + &run.stderr;
            // Only our own colours, and only where they were asked for.
            let plain = if color == "always" { without_colours(&printed) } else { printed };
            assert!(!plain.contains(is_hostile), "{args:?} --color {color}: {plain:?}");
        }
    }
    oracle::check(&room, &["gt-0", "gt-9"]);
}

fn without_colours(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        out.push_str(before);
        let end = after.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(after.len());
        match after[end..].strip_prefix('m') {
            Some(after) => rest = after,
            None => {
                out.push('\u{1b}');
                rest = after;
            }
        }
    }
    out + rest
}

#[test]
fn texts_have_limits() {
    let room = Room::new(&Script::works(), "");
    let file = |name: &str, bytes: &[u8]| {
        fs::write(room.at(name), bytes).unwrap();
        room.at(name)
    };
    let mb = 1024 * 1024;
    let refused: &[(&str, Vec<u8>)] = &[
        ("1 MB and a byte", vec![b'x'; mb + 1]),
        ("10 MB", vec![b'x'; 10 * mb]),
        ("latin-1", b"caf\xe9".to_vec()),
        ("half a character", b"\xf0\x9f\x9a".to_vec()),
        ("a surrogate", b"\xed\xa0\x80".to_vec()),
    ];
    for (name, bytes) in refused {
        let run = room.convoy(["issue", "create", "t", "--body-file", &file(name, bytes)]).exits(2);
        assert!(run.stderr.contains("--body-file"), "{name}: {}", run.stderr);
        assert!(run.stderr.len() < 1000, "{name}");
    }
    room.convoy(["issue", "create", "t", "--body-file", "/dev/zero"]).exits(2);
    room.convoy(["issue", "create", "t", "--body-file", "/"]).exits(2);
    room.convoy(["issue", "create", "t", "--body-file", "/nowhere"]).exits(2);
    for title in ["", "  ", &"x".repeat(513), &"é".repeat(513), &"x".repeat(100_000)] {
        let run = room.convoy(["issue", "create", title]).exits(2);
        assert!(run.stderr.len() < 2000);
    }
    // Nothing that no argument can hold, neither.
    use std::os::unix::ffi::OsStrExt as _;
    let broken = std::ffi::OsStr::from_bytes(b"caf\xe9");
    let mut command = room.command(["issue", "create"]);
    command.arg(broken);
    room.env.run(command).exits(2);
    assert_eq!(room.convoy(["issue", "list", "--all", "--json"]).ok().json(), json!([]));

    let whole: String = "é\u{1b}[2J\u{0}\u{202e}\\\"\u{7f}\r\n".chars().cycle().take(300_000).collect();
    let whole = &whole[..whole.floor_char_boundary(mb)];
    for (engine, id) in [(false, "gt-1"), (true, "gt-2")] {
        if engine {
            room.convoy(["up"]).ok();
        }
        let path = file("whole", whole.as_bytes());
        let made = room
            .convoy(["issue", "create", &"é".repeat(512), "--id", id, "--body-file", &path, "--json"])
            .ok();
        assert_eq!(made.json()["description"], whole);
        assert!(!made.stdout.contains(is_hostile));
        assert_eq!(room.issue(id)["description"], whole);
    }
    oracle::check(&room, &["gt-1", "gt-2"]);
}

#[test]
fn names_are_no_paths() {
    let room = Room::new(&Script::works(), "");
    room.issues(&["gt-1"]);
    let long = format!("gt-{}", "x".repeat(300));
    let ids = [
        "../../etc/x",
        "gt-../x",
        "gt-a/b",
        "gt-..",
        "gt-.",
        ".git",
        "-rf",
        "CON",
        "gt-",
        "gt",
        &long,
        "gt-a\\b",
        "gt-a:b",
        "gt-a b",
        "gt-é",
        "gt-%2e%2e",
    ];
    for id in ids {
        room.convoy(["issue", "create", "t", &format!("--id={id}")]).exits(2);
    }
    for reference in ["../../etc/passwd", ".git", "gt-1/../gt-1", &long] {
        for verb in
            [&["issue", "show"][..], &["status"], &["logs"], &["work", "status"], &["sling"], &["why"]]
        {
            let run = room.convoy(verb.iter().chain(&["--", reference]));
            assert!([2, 3].contains(&run.status), "{}", run.shown());
        }
    }
    for base in [
        "../x",
        "a..b",
        "-f",
        "--upload-pack=touch pwned",
        "@{u}",
        "HEAD:x",
        "a b",
        "x.lock",
        "/x",
        "x/",
        "a//b",
        "\u{1b}",
        "refs/../x",
        "@",
        "x.",
        ".x",
        "x/.y",
        "x.lock/y",
    ] {
        room.convoy(["create", "c", "gt-1", &format!("--base={base}")]).exits(2);
    }
    for actor in ["../x y", "a\nb", &"x".repeat(400)] {
        room.convoy(["create", "c", "gt-1", "--as", actor]).exits(2);
    }
    for label in ["a b", "", "a\u{1b}", &"x".repeat(400)] {
        room.convoy(["issue", "create", "t", "--label", label]).exits(2);
    }
    for (flag, name) in [("--prefix", "../x"), ("--name", "../x"), ("--name", "a/b"), ("--prefix", "-x")] {
        let other = room.env.repo_named("other");
        let run = room.env.convoy_in(other.path(), ["init", &format!("{flag}={name}")]).exits(2);
        assert!(!other.path().join(".convoy").exists(), "{}", run.shown());
    }
    room.convoy(["sling", "gt-1", "--agent", "../../bin/sh"]).exits(2);
    assert_eq!(room.convoy(["list", "--all", "--json"]).ok().json(), json!([]));
    assert_eq!(room.convoy(["issue", "list", "--all", "--json"]).ok().json().as_array().unwrap().len(), 1);
    oracle::check(&room, &["gt-1"]);
}

const SHELL: &[&str] = &[
    "$(touch pwned) `touch pwned` ; touch pwned",
    "\"; touch pwned; \"",
    "'; touch pwned; '",
    "| touch pwned & touch pwned && touch pwned",
    "\n touch pwned \n",
    "--upload-pack=touch pwned",
    "#{touch pwned} #(touch pwned) {{touch pwned}} ${touch pwned}",
    "%(trailers:key=x) %H %x00 \\$(touch pwned)",
];

#[test]
fn nothing_in_a_title_runs_in_a_whole_convoy() {
    let room = Room::new(&Script::always(then_work([])), "");
    let mut args: Vec<String> =
        ["create", SHELL[0], "--run", "-q", "--notify", "mayor/"].map(str::to_owned).into();
    for (n, text) in SHELL.iter().enumerate() {
        let id = format!("gt-{n}");
        let (body, acceptance) = (format!("--body={text}"), format!("--acceptance={text}"));
        let mut create = vec!["issue", "create", "--id", &id, &body, &acceptance];
        let label = text.replace(|c: char| !c.is_ascii_graphic(), "-");
        let labels =
            room.convoy(["issue", "create", "probe", "--id", &format!("gt-probe{n}"), "--label", &label]);
        assert!([0, 2].contains(&labels.status), "{}", labels.shown());
        create.extend(["--", text]);
        room.convoy(create).ok();
        args.push(id);
    }
    // A branch may have such a name, as git sees it.
    let repo = room.repo();
    let base = "x;touch-pwned$(touch${IFS}pwned)`touch${IFS}pwned`";
    repo.git(["branch", base]);
    let convoy = room.convoy(args).ok().stdout.trim().to_owned();
    room.land(&convoy);
    room.convoy(["issue", "create", "Elsewhere", "--id", "gt-base"]).ok();
    let other = room.convoy(["create", "Other base", "gt-base", "--base", base, "--run", "-q"]);
    if other.status == 0 {
        room.land(other.stdout.trim());
        assert_eq!(repo.git(["show", &format!("{base}:gt-base.txt")]), "done");
    } else {
        other.exits(2);
    }
    let pwned: Vec<_> =
        files_below(room.env.root()).into_iter().filter(|file| file.ends_with("pwned")).collect();
    assert_eq!(pwned, Vec::<std::path::PathBuf>::new());
    let issues: Value = room.convoy(["issue", "list", "--all", "--json"]).ok().json();
    for (n, text) in SHELL.iter().enumerate() {
        let issue = issues.as_array().unwrap().iter().find(|issue| issue["id"] == format!("gt-{n}")).unwrap();
        assert_eq!((&issue["title"], &issue["close_reason"]), (&json!(text), &json!("merged")));
    }
    oracle::check(&room, &["gt-0", &convoy]);
}
