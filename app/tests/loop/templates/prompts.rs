//! Every role gets exactly its own prompt, whatever is in it. A hundred rounds of that are in `steps/prompts.rs`.

use convoy_testkit::fake_agent::{Script, Step};

use super::room::{Desk, reader};
use crate::room::text;

/// How many roles side by side.
const ROLES: usize = 10;
/// How often the text of a role is in its prompt, which is about 200 KB long.
const TIMES: usize = 5;
/// About how long that text is: all of them have to fit into one template.
const TEXT_BYTES: usize = 40_000;

/// A long text with everything in it that a shell, a terminal or a paste buffer would not leave alone.
fn awkward(role: usize) -> String {
    let line = format!(
        "{role}: `touch pwned` $(touch pwned) \"quoted\" 'single' \\ %s ${{HOME}} | & ; < > ~ ! # 🚚 ü 日本 é\t\u{7f}\r\n\n"
    );
    let mut text = line.repeat(TEXT_BYTES / line.len());
    text.push_str(&format!("the last of {role}"));
    text
}

#[test]
fn a3_ten_roles_at_once_each_with_its_own_prompt() {
    // Whoever is asked answers with what it was asked.
    let script = Script::always([Step::SavePrompt("$CONVOY_OUTPUT_FILE".to_owned())]);
    let desk = Desk::with("[defaults]\nagent = \"fake\"\nmax_parallel = 10\n", &script);
    let mut template = "name = \"ten\"\ndescription = \"Ten\"\n".to_owned();
    for n in 0..ROLES {
        // What is a text of JSON is one of TOML, but for this character.
        let text = serde_json::json!(awkward(n)).to_string().replace('\u{7f}', "\\u007f");
        template.push_str(&format!(
            "[[agents]]\nrole = \"r{n}\"\nsubagent = \"reader\"\n[agents.params]\ntext = {text}\n"
        ));
    }
    desk.write("templates/ten.toml", &template);
    desk.agent_file("reader", &reader("", &format!("BEGIN{}END", "{{ params.text }}".repeat(TIMES))));
    let convoy = desk.waits("ten", 0);
    for n in 0..ROLES {
        let output = desk.output(text(&convoy, "/id"), &format!("r{n}"));
        let content = text(&output, "/content");
        let from = content.find("BEGIN").unwrap() + "BEGIN".len();
        let to = content.rfind("END").unwrap();
        assert!(content[from..to] == awkward(n).repeat(TIMES), "role {n}");
    }
    assert!(!desk.room.env.dir().join("pwned").exists());
}
