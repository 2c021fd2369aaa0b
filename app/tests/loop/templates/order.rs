//! What runs when: as soon as its own dependencies are done, and never more at once than is said.

use std::collections::BTreeSet;

use convoy_testkit::fake_agent::{Script, Step};
use serde_json::Value;

use super::room::{Desk, hears, reader, reviews, role, said, states, tells};
use crate::room::{outside, text};

/// The most agents that were at work at once, as they themselves wrote it down.
fn most(witness: &[Value]) -> usize {
    let (mut alive, mut most) = (0_usize, 0);
    for entry in witness {
        match entry["event"].as_str() {
            Some("start") => alive += 1,
            Some("end") => alive -= 1,
            _ => {}
        }
        most = most.max(alive);
    }
    most
}

#[test]
fn a9_of_five_roles_never_more_than_two_at_once() {
    let env = outside();
    // Each pair waits for its second: two are at once at least once, or it hangs.
    let script = Script::default()
        .role("a", [tells(&env, "a"), hears(&env, "b"), Step::Output("# A\n".to_owned())])
        .role("b", [tells(&env, "b"), hears(&env, "a"), Step::Output("# B\n".to_owned())])
        .or(convoy_testkit::fake_agent::Case {
            steps: vec![Step::SleepMs(50), Step::Output("# Read\n".to_owned())],
            ..Default::default()
        });
    let desk = Desk::around(env, "[defaults]\nagent = \"fake\"\nmax_parallel = 10\n", &script);
    desk.template("five", "a b c d e", "max_parallel = 5");
    let convoy = desk.waits("five --max-parallel 2", 0);
    assert_eq!(convoy["max_parallel"], 2);
    assert_eq!(most(&desk.room.env.witness()), 2, "{:#?}", desk.room.env.witness());
}

#[test]
fn a10_a_diamond_with_what_is_declared_late() {
    let env = outside();
    // `left` waits for `right`, which a barrier between phases would not let begin before `slow` is done.
    let script = Script::default()
        .role("slow", [hears(&env, "bottom-began"), Step::Output("# Slow\n".to_owned())])
        .role("bottom", [tells(&env, "bottom-began"), Step::Output("# Bottom\n".to_owned())])
        .or(convoy_testkit::fake_agent::Case {
            steps: vec![Step::Output("# Read\n".to_owned())],
            ..Default::default()
        });
    let desk = Desk::around(env, "", &script);
    desk.template("diamond", "bottom:left,right slow left:top right:top top", "");
    let convoy = desk.waits("diamond", 0);
    let all = "bottom completed, slow completed, left completed, right completed, top completed";
    assert_eq!(states(&convoy), all);
    let starts = desk.room.env.wait_witness("start", 5);
    let order: Vec<&str> = starts.iter().map(|entry| text(entry, "/role")).collect();
    let at = |name: &str| order.iter().position(|role| *role == name).unwrap();
    assert!(at("top") < at("left") && at("top") < at("right"), "{order:?}");
    assert!(at("left") < at("bottom") && at("right") < at("bottom"), "{order:?}");
    assert_eq!(order.len(), 5, "each once");
}

#[test]
fn a10_an_order_that_cannot_be_is_named_before_anything_begins() {
    let desk = Desk::new(&Script::always([Step::Hang]));
    for (roles, words) in [
        ("a:nobody b", &["nobody"][..]),
        ("a:a", &["a"]),
        ("a:c b:a c:b", &["circle", "a → c → b → a"]),
        ("a b a", &["a"]),
    ] {
        desk.template("bad", roles, "");
        let run = desk.tries(&["start", "bad"]);
        assert_ne!(run.status, 0, "{}", run.shown());
        for word in words.iter().chain(&["bad.toml"]) {
            assert!(run.stderr.contains(word), "no {word:?} in {}", run.shown());
        }
    }
    assert_eq!(desk.room.json("list --all"), serde_json::json!([]));
}

#[test]
fn a21_roles_whose_names_begin_alike_have_each_their_own() {
    let env = outside();
    let names = ["review", "review-2", "review-22", "rev", "review.md"];
    let mut script = Script::default();
    for name in names.iter().take(4) {
        script = script.role(name, reviews(&format!("Of {name}"), []));
    }
    let last = [Step::SavePrompt(said(&env, "last")), Step::Output("# Last\n".to_owned())];
    let desk = Desk::around(env, "", &script.role("last", last));
    desk.agent_file("reader", &reader("output: findings\n", "Read."));
    desk.agent_file("last", "---\nname: last\ndescription: Last\n---\n{{ inputs.review }}|{{ inputs[\"review-2\"] }}|{{ inputs.rev }}\n");
    desk.write(
        "templates/alike.toml",
        "name = \"alike\"\ndescription = \"Alike\"\n[[agents]]\nrole = \"rev\"\nsubagent = \"reader\"\n\
         [[agents]]\nrole = \"review\"\nsubagent = \"reader\"\n[[agents]]\nrole = \"review-2\"\nsubagent = \"reader\"\n\
         [[agents]]\nrole = \"review-22\"\nsubagent = \"reader\"\n[[agents]]\nrole = \"last\"\nsubagent = \"last\"\n\
         depends_on = [\"rev\", \"review\", \"review-2\", \"review-22\"]\n",
    );
    let convoy = desk.waits("alike", 0);
    let id = text(&convoy, "/id");
    let mut paths = BTreeSet::new();
    for name in names.iter().take(4) {
        let output = desk.output(id, name);
        assert_eq!(output["content"], format!("# Of {name}\n"), "{output}");
        paths.insert(text(&output, "/path").to_owned());
    }
    assert_eq!(paths.len(), 4);
    let prompt = std::fs::read_to_string(desk.room.env.root().join("said/last")).unwrap();
    let parts: Vec<&str> = prompt.split('|').collect();
    assert!(parts[0].contains("# Of review\n") && parts[1].contains("# Of review-2\n"), "{prompt}");
    assert!(!parts[0].contains("# Of review-2") && !parts[2].contains("# Of review"), "{prompt}");
    assert_eq!(role(&convoy, "last")["status"], "completed");
}
