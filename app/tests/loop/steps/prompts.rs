//! What roles are told: each its own, byte for byte, and what those before it gave.

use convoy_core::template::Runner;
use convoy_testkit::fake_agent::{Script, Step as Deed};

use super::*;
use crate::room::outside;

/// How many agents work at once.
const AGENTS: usize = 10;
/// How long each one's own text is at least.
const BYTES: usize = 200 * 1024;

/// Whatever shells, templates, terminals and languages take for something of theirs.
const AWKWARD: &str = "`id` $(id) ${HOME} $PATH 'one' \"two\" \\n \\ {{ role }} {% raw %} {# no #} ~ * ? [a] <b> & | ; \
                       %s %n -rf --help\t\u{1b}[31mred\u{7}\u{8} ü 漢字 🚚 \u{202e}back\u{200b}\u{feff} EOF\r\n\r\n\n'''\n```\n";

/// A text that nobody else has: every control character, whatever changes how text is shown, a line that is longer than
/// a terminal takes one, and then `AWKWARD` until it is long enough.
fn own(role: usize, round: usize) -> String {
    let mut text = format!("<begin {role} {round}>\n");
    text.extend(('\0'..='\u{7ff}').chain('\u{2000}'..='\u{206f}').chain('\u{fff0}'..='\u{1000f}'));
    text.push_str(&"long ".repeat(2_000));
    while text.len() < BYTES {
        text.push_str(AWKWARD);
        text.push_str(&format!("{role}.{round}.{}\n", text.len()));
    }
    text + "<end>"
}

fn each_gets_its_own(rounds: usize) {
    let saves = [Deed::SavePrompt("$CONVOY_OUTPUT_DIR/prompt".to_owned()), Deed::Output("done\n".to_owned())];
    let room = Room::new(&Script::always(saves));
    for round in 0..rounds {
        let roles = (0..AGENTS).map(|n| {
            // One is the beginning of another's name.
            role(&"r".repeat(n + 1)).says("{{ params.text }}").but(|role| {
                role.step.params.insert("text".to_owned(), own(n, round));
            })
        });
        let convoy = begin(&room, roles.collect());
        let ended = ended(&room, &convoy);
        assert_eq!(ended.len(), AGENTS);
        for n in 0..AGENTS {
            let shown = &ended[&"r".repeat(n + 1)];
            assert_eq!(shown["status"], "completed", "{shown:#}");
            let prompt = left(&room, &convoy, shown, "prompt");
            let (wanted, rest) = prompt.split_at_checked(own(n, round).len()).expect("all of it came");
            assert!(wanted == own(n, round), "role {n} of round {round} got something else");
            assert!(!rest.contains("<begin"), "role {n} of round {round} got more");
        }
    }
}

#[test]
fn each_of_ten_agents_gets_exactly_its_own_prompt() {
    each_gets_its_own(2);
}

#[test]
#[ignore = "takes minutes; see CONTRIBUTING.md"]
fn each_of_ten_agents_gets_exactly_its_own_prompt_a_hundred_times() {
    each_gets_its_own(100);
}

#[test]
fn what_roles_gave_is_what_the_next_is_told() {
    let save = || Deed::SavePrompt("$CONVOY_OUTPUT_DIR/prompt".to_owned());
    let script = Script::default()
        .or(does("first", [Deed::Output("First: {{ no template }}\n".to_owned())]))
        .or(does("second", [Deed::Exit(3)]))
        .or(does("last", [save(), Deed::Output("Last\n".to_owned())]));
    let env = outside();
    let repo = env.repo();
    repo.write("src/a.txt", "one\n");
    let base = repo.commit("Base");
    repo.write("src/a.txt", "two\n");
    repo.commit("Change");
    let room = Room::around(env, "", &script);
    let prompt = "[{{ inputs.first }}] [{{ missing }}] {{ vars.who }} {{ params.what }} {{ files }} {{ pr_url }}\n{{ diff }}\n\
                  {% if inputs.second %}there{% else %}nothing of second{% endif %}";
    let last = role("last").says(prompt).after("first").after("second").but(|role| {
        role.step.params.insert("what".to_owned(), "things".to_owned());
    });
    let convoy = begin_with(&room, vec![last, role("second"), role("first")], |run| {
        run.diff_base = Some(base.trim().to_owned());
        run.files = vec!["src/a.txt".to_owned()];
        run.vars.insert("who".to_owned(), "somebody".to_owned());
        run.pr_url = Some("https://forge.invalid/1".to_owned());
    });
    let ended = ended(&room, &convoy);
    let status = |name: &str| ended[name]["status"].as_str().unwrap().to_owned();
    assert_eq!(
        (status("first"), status("second"), status("last")),
        ("completed".into(), "failed".into(), "completed".into())
    );
    let told = left(&room, &convoy, &ended["last"], "prompt");
    for piece in [
        "[First: {{ no template }}\n] [second] somebody things src/a.txt https://forge.invalid/1",
        "-one\n+two\n",
        "nothing of second",
        "last.md",
        "Nobody can write in it.",
    ] {
        assert!(told.contains(piece), "{piece}: {told}");
    }
    assert_eq!(published(&room, &convoy, "last.md"), "Last\n");
    let env =
        &room.env.witness().into_iter().find(|seen| seen["env"]["CONVOY_ROLE"] == "last").unwrap()["env"];
    assert!(env["CONVOY_OUTPUT_FILE"].as_str().unwrap().ends_with("/last.md"), "{env:#}");
    let dir = env["CONVOY_OUTPUT_DIR"].as_str().unwrap();
    assert_eq!(env["CONVOY_OUTPUT_FILE"], format!("{dir}/last.md"));
}

#[test]
fn a_prompt_with_an_unknown_name_fails_its_role_and_says_so() {
    let room = Room::new(&Script::always([Deed::Output("done\n".to_owned())]));
    let convoy = begin(&room, vec![role("a").says("{{ params.missing }}"), role("b")]);
    let ended = ended(&room, &convoy);
    assert_eq!(ended["b"]["status"], "completed");
    assert_eq!(ended["a"]["status"], "failed");
    assert!(ended["a"]["why"].as_str().unwrap().contains("params.missing"), "{:#}", ended["a"]);
}

#[test]
fn where_nobody_works_the_prompt_is_the_report() {
    let room = Room::new(&Script::always([]));
    let nobody = role("facts").says("# For {{ vars.who }}\n").but(|role| role.step.runner = Runner::Nobody);
    let convoy = begin_with(&room, vec![nobody], |run| {
        run.vars.insert("who".to_owned(), "`you`".to_owned());
    });
    let ended = ended(&room, &convoy);
    assert_eq!(ended["facts"]["status"], "completed", "{:#}", ended["facts"]);
    assert_eq!(published(&room, &convoy, "facts.md"), "# For `you`\n");
    assert!(room.env.witness().is_empty(), "no agent was asked");
}
