//! What work costs: real agents against a model server whose bills are known.

use convoy_testkit::fake_agent::Script as NoScript;
use convoy_testkit::model_server::{ModelServer, Script, Step};
use convoy_testkit::real_agents;
use convoy_testkit::wait;
use serde_json::{Value, json};

use crate::real::claude_room;
use crate::room::{Room, SOON, commit, outside, text};

/// The price of claude-sonnet-4-5 for a million tokens, in micro-dollars times a million: input, output, read, written.
const RATES: [u64; 4] = [3_000_000, 15_000_000, 300_000, 3_750_000];

/// What replies with these tokens are billed, each rounded to a micro-dollar.
fn billed(replies: &[[u64; 4]]) -> i64 {
    let one = |reply: &[u64; 4]| {
        let sum: u64 = reply.iter().zip(RATES).map(|(count, rate)| count * rate).sum();
        i64::try_from((sum + 500_000) / 1_000_000).unwrap()
    };
    replies.iter().map(one).sum()
}

fn step(step: Step, [input, output, read, written]: [u64; 4]) -> Step {
    step.tokens(input, output).cached(read, written)
}

fn micros(value: &Value, path: &str) -> i64 {
    value
        .pointer(path)
        .and_then(|money| money["micros"].as_i64())
        .unwrap_or_else(|| panic!("{path} in {value:#}"))
}

/// Every breakdown of a report comes to its total.
fn check_sums(cost: &Value) {
    for by in ["by_epic", "by_convoy", "by_worker", "by_session", "by_issue", "by_model", "by_day"] {
        let lines = cost[by].as_array().unwrap();
        let sum: i64 = lines.iter().map(|line| micros(line, "/cost")).sum();
        assert_eq!(sum, micros(cost, "/total"), "{by}: {cost:#}");
        let output: u64 = lines.iter().map(|line| line["usage"]["output"].as_u64().unwrap()).sum();
        assert_eq!(output, cost["usage"]["output"], "{by}");
    }
}

#[test]
fn claude_is_estimated_while_it_works_and_then_costs_what_it_reports_which_is_the_same() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let replies = [[1000, 50, 500, 40], [100, 20, 900, 0], [90, 11, 1000, 13]];
    let [write, commit, say] =
        <[Step; 3]>::try_from(Step::write_and_commit("one.txt", "1\n", "One")).unwrap();
    let mut commit = step(commit, replies[1]);
    commit.hold = Some("commit".into());
    let steps = [step(write, replies[0]), commit, step(say, replies[2])];
    let room = claude_room(&server.add("work", Script::new(steps)), "");
    let convoy = room.launch_new("gt-one", "--epic payments");
    assert!(room.follow("session.usage").printed("cache_read", SOON), "{}", room.story());
    let running = room.json(&format!("cost status --convoy {convoy}"));
    assert_eq!(micros(&running, "/estimated"), billed(&replies[..1]), "{running:#}");
    assert_eq!((micros(&running, "/reported"), micros(&running, "/total")), (0, billed(&replies[..1])));
    check_sums(&running);
    server.open("commit");
    let view = room.lands(&convoy);
    // What it reported is the exact sum, rounded once; the estimate was rounded for each reply.
    let whole = [[1190, 81, 2400, 53]];
    let cost = room.json("cost report --epic payments");
    assert_eq!(
        (micros(&cost, "/reported"), micros(&cost, "/total")),
        (billed(&whole), billed(&whole)),
        "{cost:#}"
    );
    assert_eq!(cost["usage"], json!({ "input": 1190, "output": 81, "cache_read": 2400, "cache_write": 53 }));
    assert_eq!((text(&cost, "/scope"), text(&cost, "/id")), ("epic", "payments"));
    assert_eq!(text(&cost, "/by_session/0/source"), "reported");
    assert!(text(&cost, "/by_model/0/id").starts_with("claude-sonnet-4-5"), "{cost:#}");
    check_sums(&cost);
    assert_eq!(micros(&view, "/spent"), billed(&whole));
    let usage = room.events("session.usage");
    let estimate: i64 = usage.iter().map(|event| event["data"]["cost"].as_i64().unwrap()).sum();
    assert_eq!(estimate, billed(&replies), "{usage:#?}");
    assert!(usage.iter().all(|event| text(event, "/data/price").starts_with("genai-prices ")), "{usage:#?}");
    // The same with no engine, as text and as CSV.
    room.convoy("down");
    assert_eq!(room.json("cost report --epic payments"), cost);
    let said = room.convoy("cost report").stdout;
    assert!(said.contains("Reported:") && said.contains("100 %") && said.contains("█"), "{said}");
    let csv = room.convoy("cost report --format csv --by worker").stdout;
    assert!(csv.contains(&format!(",{},1.0000,", billed(&whole))), "{csv}");
    assert_eq!(csv.lines().count(), 2, "{csv}");
}

#[test]
fn a_claude_that_was_killed_costs_what_was_billed_with_its_sub_agent() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let (main, sub) = ([700, 30, 100, 10], [300, 40, 20, 5]);
    let task =
        json!({ "description": "look", "prompt": "SUBWORK please", "subagent_type": "general-purpose" });
    let delegate = step(Step::call("Task|Agent", task), main);
    let tool = step(Step::bash("touch \"$HOME/tool-runs\"; exec sleep 600"), sub);
    let first = Script::by_prompt([("SUBWORK", vec![tool]), ("# gt-one:", vec![delegate])]);
    let room = claude_room(&server.add("work", first), "");
    let convoy = room.launch_new("gt-one", "");
    room.env.wait_for("home/tool-runs");
    // The stream says of a sub-agent's reply only how it began; its transcript has all of it.
    let projects = room.env.home().join(".claude/projects");
    let project = std::fs::read_dir(&projects).unwrap().next().unwrap().unwrap().path();
    let conversation = room.events("session.conversation").remove(0);
    let subs = project.join(text(&conversation, "/data/conversation")).join("subagents");
    let of_sub = || transcripts(&subs).iter().any(|text| text.contains("\"output_tokens\":40"));
    assert!(wait::until(&subs.join("any"), SOON, of_sub), "the sub-agent's transcript");
    let pid = room.worker("gt-one")["sessions"][0]["pid"].as_i64().unwrap();
    server.add(
        "work",
        Script::by_prompt([("ended by signal 9", Step::write_and_commit("one.txt", "1\n", "One"))]),
    );
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    room.lands(&convoy);
    let worker = room.worker("gt-one");
    let session = &worker["sessions"][0];
    let usage = json!({ "input": 1000, "output": 70, "cache_read": 120, "cache_write": 15 });
    assert_eq!(session["usage"], usage, "what was billed: {}", room.story());
    // Its reply came in two parts, each of them rounded.
    let parts = [main, [300, 1, 20, 5], [0, 39, 0, 0]];
    assert_eq!(micros(session, "/cost"), billed(&parts), "{session:#}");
    assert!((billed(&parts) - billed(&[[1000, 70, 120, 15]])).abs() <= 1);
    assert_eq!(text(session, "/cost_source"), "estimated");
    let cost = room.json("cost report --issue gt-one");
    assert_eq!(micros(&cost, "/total"), micros(&worker, "/spent"));
    assert_eq!(micros(&cost, "/estimated"), billed(&parts));
    check_sums(&cost);
}

fn transcripts(dir: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(transcripts(&entry.path()));
        } else {
            found.extend(std::fs::read_to_string(entry.path()));
        }
    }
    found
}

#[test]
fn an_agent_that_tells_nothing_is_unmetered_and_its_own_prices_change_nothing_that_was_priced() {
    if !real_agents::ready() {
        return;
    }
    let server = ModelServer::start();
    let work = |name: &str| {
        let steps = Step::write_and_commit(&format!("{name}.txt"), "1\n", name);
        steps.into_iter().map(|one| step(one, [100, 20, 0, 0]))
    };
    let script = Script::by_prompt([("# gt-one:", work("gt-one")), ("# gt-two:", work("gt-two"))]);
    let room = claude_room(&server.add("work", script), "");
    // A model that no table knows. Claude Code itself takes it for its dearest, and says so at its end.
    room.convoy("config set defaults.model scripted-model");
    let convoy = room.launch_new("gt-one", "");
    room.lands(&convoy);
    let priced = |n: usize| {
        room.events("session.usage").into_iter().skip(n).map(|event| event["data"]["cost"].clone())
    };
    assert!(priced(0).all(|cost| cost.is_null()), "never free");
    let count = priced(0).count();
    let table = "[models.\"scripted-*\"]\ninput = 10\noutput = 100\n";
    std::fs::write(room.env.dir().join("given.toml"), table).unwrap();
    let told = room.convoy("cost prices update given.toml").stdout;
    assert!(told.contains("1 added"), "{told}");
    assert_eq!(room.json("cost prices list scripted")[0]["per_million"]["input"]["usd"], "10.00");
    let convoy = room.launch_new("gt-two", "");
    room.lands(&convoy);
    assert!(priced(0).take(count).all(|cost| cost.is_null()));
    assert!(priced(count).count() > 0 && priced(count).all(|cost| cost == 3_000), "100 × 10 + 20 × 100");
}

#[test]
fn what_is_not_understood_is_unmetered() {
    let env = outside();
    let room = Room::around(env, "", &NoScript::always(commit("x.txt", "x")));
    let convoy = room.launch_new("gt-one", "");
    room.lands(&convoy);
    let cost = room.json("cost status");
    assert_eq!(
        (micros(&cost, "/total"), &cost["unmetered"], &cost["sessions"]),
        (0, &1.into(), &1.into()),
        "{cost:#}"
    );
    let said = room.convoy("cost status").stdout;
    assert!(said.contains("Unmetered:") && said.contains("1 session"), "{said}");
    assert_eq!(room.worker("gt-one")["sessions"][0]["cost_source"], "unmetered");
    let failed = room.env.convoy(["cost", "status", "--epic", "nowhere", "--json"]);
    assert_eq!(failed.status, 3, "{failed:?}");
}
