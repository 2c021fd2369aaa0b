//! Following along: what a person at a terminal sees of work while it is done, and what scripts see.

use convoy_testkit::env::TestEnv;
use convoy_testkit::fake_agent::{Script, Step};
use convoy_testkit::terminal::Terminal;

use crate::room::{Room, SOON, commit, outside};

/// An agent that says something hostile, and is held.
fn held(env: &TestEnv, says: &str) -> Script {
    let mut steps = vec![Step::Print(says.to_owned()), Room::hold(env, "go")];
    steps.extend(commit("$CONVOY_ISSUE.txt", "done\n"));
    Script::always(steps)
}

/// Two issues side by side and one after them.
fn room(says: &str) -> (Room, String) {
    let env = outside();
    let script = held(&env, says);
    let room = Room::around(env, "", &script);
    room.issues("gt-a gt-b gt-c:gt-a,gt-b");
    let id = room.env.convoy(["create", "Work", "gt-a", "gt-b", "gt-c", "-q"]).ok().stdout.trim().to_owned();
    (room, id)
}

/// The lines that change in their place: those at the end of the screen.
fn lines(screen: &str, count: usize) -> Vec<String> {
    let all: Vec<&str> = screen.trim_end().lines().collect();
    all[all.len().saturating_sub(count)..].iter().map(|line| (*line).to_owned()).collect()
}

/// Follows a convoy until both agents are at work and have said what they say.
fn at_work(room: &Room, id: &str, says: &str) -> (Terminal, String) {
    let mut terminal = room.env.on_terminal(["run", id]);
    let seen = terminal.rests_when(SOON, |screen| {
        screen.trim_end().ends_with("2 at work") && screen.matches(&format!("  {says}")).count() == 2
    });
    (terminal, seen)
}

#[test]
fn each_agent_has_a_line_with_the_last_that_it_printed() {
    let (room, id) = room("reading \u{1b}[31mred\u{1b}[0m \u{1b}[2J\u{202e}docs");
    // Colours are taken away; what would harm is shown.
    let (mut terminal, _) = at_work(&room, &id, "reading red \\u{202e}docs");
    // What happened stands above them, once.
    let seen = terminal.rests_when(SOON, |screen| {
        let running = screen.matches("  running  ").count() == 2;
        running && screen.matches("agent started").count() == 2 && screen.trim_end().ends_with("2 at work")
    });
    let [a, b, sum] = &lines(&seen, 3)[..] else { panic!("{seen}") };
    assert!(
        a.starts_with("  ▶ gt-a  running  fake  ") && b.starts_with("  ▶ gt-b  running  fake  "),
        "{seen}"
    );
    assert_eq!(sum, "  0 of 3 closed · 2 at work", "{seen}");
    let (_, column) = terminal.cursor().expect("a cursor that is seen");
    assert_eq!(column, 0);
    // Time goes by without anything else happening.
    let time = |screen: &str| lines(screen, 3)[0].split_whitespace().nth(4).map(str::to_owned);
    let first = time(&seen);
    terminal.sees_that(SOON, |screen| time(screen) != first && lines(screen, 3)[0].contains("gt-a"));
    // A narrower terminal has shorter lines, a wider one the whole of them, and neither has them twice.
    for (columns, wanted) in [(40, "  ▶ gt-a  running"), (8, "  ▶ gt…"), (120, "  reading red \\u{202e}docs")]
    {
        terminal.resize(columns, 30);
        terminal.rests_when(SOON, |screen| {
            let [a, b, sum] = &lines(screen, 3)[..] else { return false };
            let cut = a.contains(wanted) && a.chars().count() < usize::from(columns);
            let once = screen.matches("  ▶ gt").count() <= 2;
            cut && once && b.starts_with("  ▶ gt") && sum.starts_with("  0 of")
        });
    }
    room.open("go");
    assert_eq!(terminal.ended(SOON), 0, "{}", terminal.written());
    let seen = terminal.sees_that(SOON, |screen| screen.contains("3/3 completed"));
    assert!(!seen.contains("at work") && !seen.contains("▶ gt"), "the lines are gone: {seen}");
}

#[test]
fn whatever_ends_it_the_terminal_is_fit_to_be_used() {
    let (room, id) = room("hello");
    let mut pty = None;
    for how in ["Ctrl-C", "kill"] {
        let (mut terminal, _) = at_work(&room, &id, "hello");
        let before = pty.get_or_insert_with(|| terminal.modes());
        if how == "kill" {
            terminal.kills();
            let seen = terminal.sees_that(SOON, |_| true);
            assert!(seen.trim_end().ends_with("2 at work"), "as it was: {seen}");
        } else {
            terminal.types("\u{3}");
            assert_eq!(terminal.ended(SOON), 130);
            let seen = terminal.sees_that(SOON, |screen| screen.contains("stop all)"));
            assert!(seen.contains("Detached. Agents go on"), "{seen}");
            assert!(!seen.contains("at work") && !seen.contains("^C"), "{seen}\n{:?}", terminal.written());
        }
        let (row, column) = terminal.cursor().expect("a cursor that is seen");
        assert_eq!(column, 0, "{how}: a prompt begins a line of its own");
        assert!(row > 2, "{how}: and stands below everything");
        assert_eq!(terminal.modes(), *before, "{how}");
        let written = terminal.written();
        assert!(written.rfind("\u{1b}[?7h") > written.rfind("\u{1b}[?7l"), "{how}: {written:?}");
        assert!(!written.contains("\u{1b}[?25l") && !written.contains("\u{1b}[?1049h"), "{how}: {written:?}");
    }
    room.open("go");
    room.lands(&id);
}

#[test]
fn somebody_who_wants_no_colour_gets_lines_without() {
    let mut env = outside();
    env.set("NO_COLOR", "1");
    let script = held(&env, "hello");
    let room = Room::around(env, "", &script);
    let id = room.launch_new("gt-a", "");
    let mut terminal = room.env.on_terminal(["run", &id]);
    terminal.sees_that(SOON, |screen| screen.contains("1 at work") && screen.contains("  hello"));
    room.open("go");
    assert_eq!(terminal.ended(SOON), 0);
    let written = terminal.written();
    assert!(styles(&written).is_empty(), "{:?}", styles(&written));
    assert!(written.contains("\u{1b}[K"), "the lines change in their place: {written:?}");
}

/// Sequences that set a style.
fn styles(written: &str) -> Vec<&str> {
    let sequences = written.split("\u{1b}[").skip(1);
    let ends =
        |rest: &&str| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m');
    sequences.filter(ends).collect()
}

#[test]
fn where_nobody_looks_it_is_as_scripts_know_it() {
    let (room, id) = room("hello");
    // A pipe, a terminal that can do nothing, and people who want quiet or one JSON value.
    let piped = room.env.start(["run", &id]);
    assert!(piped.printed("agent started", SOON));
    let mut quiet = room.env.on_terminal(["run", &id, "-q"]);
    let mut json = room.env.on_terminal(["run", &id, "--json"]);
    room.env.wait_witness("waiting", 2);
    room.open("go");
    let run = piped.wait(SOON).ok();
    assert!(!run.stdout.contains('\u{1b}') && !run.stdout.contains("at work"), "{}", run.shown());
    let said: Vec<&str> = run.stdout.lines().filter_map(|line| line.get(10..)).collect();
    assert!(said.iter().any(|line| line.starts_with("gt-c  ✓ closed")), "{}", run.shown());
    assert_eq!(run.stderr, "");
    assert_eq!((quiet.ended(SOON), quiet.written()), (0, String::new()));
    assert_eq!(json.ended(SOON), 0);
    let value: serde_json::Value = serde_json::from_str(&json.written()).unwrap();
    assert_eq!(value["completed"], 3);
}

#[test]
fn a_convoy_can_be_followed_from_its_making() {
    let env = outside();
    let script = held(&env, "hello");
    let room = Room::around(env, "", &script);
    room.issues("gt-a");
    let piped = room.env.start(["create", "Work", "gt-a", "--run", "--wait"]);
    assert!(piped.printed("agent started", SOON));
    room.open("go");
    let run = piped.wait(SOON).ok();
    for line in ["Created convoy", "assigned to", "✓ closed (merged)", "1/1 completed"] {
        assert!(run.stdout.contains(line), "{line:?}: {}", run.shown());
    }
    assert!(!run.stdout.contains("Agents work on it in the background"), "{}", run.shown());
    std::fs::remove_file(room.env.root().join("go")).unwrap();
    room.issues("gt-b");
    let mut terminal = room.env.on_terminal(["create", "More", "gt-b", "--run", "--wait"]);
    terminal.sees_that(SOON, |screen| screen.contains("0 of 1 closed · 1 at work"));
    room.open("go");
    assert_eq!(terminal.ended(SOON), 0);
    // Scripts get one value, and it is of the end.
    room.issues("gt-c");
    let value = room.json("create Last gt-c --run --wait");
    assert_eq!(value["status"], "landed");
    room.env.convoy(["create", "No", "gt-c", "--wait"]).exits(2);
}

#[test]
fn an_agent_that_prints_without_end_does_not_keep_anything_from_being_seen() {
    let env = outside();
    let flood = Script::always([
        Step::Flood(50_000_000),
        Step::Print(String::new()),
        Step::Print("dry again".to_owned()),
        Room::hold(&env, "go"),
    ]);
    let room = Room::around(env, "", &flood);
    let id = room.launch_new("gt-a", "");
    let mut terminal = room.env.on_terminal(["run", &id]);
    terminal.sees_that(SOON, |screen| screen.contains("  dry again"));
    // It was shown some times a second, and not as often as it was printed.
    let drawn = terminal.written().matches("\u{1b}[?7l").count();
    assert!(drawn < 400, "{drawn}");
    terminal.types("\u{3}");
    assert_eq!(terminal.ended(SOON), 130);
    room.open("go");
}
