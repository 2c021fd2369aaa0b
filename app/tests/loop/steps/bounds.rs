//! What roles cannot do: write anywhere but in their own folders.

use convoy_engine::os::confine::{Confinement, support};
use convoy_testkit::fake_agent::{Script, Step as Deed};

use super::*;
use crate::room::outside;

/// Tries to do something in each of the places, and writes down what worked; then writes its report.
const TRIES: &str = r#"
report=$CONVOY_OUTPUT_FILE
tried() { if "$@" 2>>"$CONVOY_OUTPUT_DIR/errors"; then echo "$*" >> "$CONVOY_OUTPUT_DIR/worked"; fi; }
w() { ( : > "$1/planted" ); }
for place in . .. "$OTHER" "$REPO" "$REPO/.git" "$REPO/.convoy/state" "$HOME" /tmp /var/tmp / "$(dirname "$CONVOY_OUTPUT_DIR")"; do
    tried w "$place"
done
tried rm README.md
tried mv README.md "$CONVOY_OUTPUT_DIR/taken"
tried ln README.md "$CONVOY_OUTPUT_DIR/linked"
tried sh -c 'chmod u+w . README.md && echo x >> README.md'
tried git commit -q --allow-empty -m planted
tried git -C "$REPO" update-ref refs/heads/planted HEAD
ln -s "$REPO" "$CONVOY_OUTPUT_DIR/link" && tried w "$CONVOY_OUTPUT_DIR/link"
tried kill -KILL "$ENGINE"
set -e
echo x > "$TMPDIR/scratch"
echo x > /dev/null
mkdir "$CONVOY_OUTPUT_DIR/folder"
git log -1 --format=%s > "$CONVOY_OUTPUT_DIR/subject"
git status --short > "$CONVOY_OUTPUT_DIR/status"
"$CONVOY_BIN" note "written from inside" > "$CONVOY_OUTPUT_DIR/note" 2>&1
cat README.md > "$report"
"#;

#[test]
fn a_role_can_write_in_its_own_folders_and_nowhere_else() {
    if support() == Confinement::None {
        return;
    }
    let mut env = outside();
    env.repo();
    let other = env.dir().join(".convoy/state/outputs");
    env.set("REPO", env.dir()).set("OTHER", other);
    let tries = Deed::Run(["sh", "-c", TRIES].map(str::to_owned).into());
    let room =
        Room::around(env, "[defaults]\nagent = \"nosy\"\n", &Script::default().or(does("nosy", [tries])));
    let command = serde_json::json!(room.env.fake_agent(
        &Script::default().or(does("nosy", [Deed::Run(["sh", "-c", TRIES].map(str::to_owned).into())]))
    ));
    room.configure(&format!(
        "[agents.nosy]\nlike = \"fake\"\ncommand = {command}\nenv = [\"REPO\", \"OTHER\", \"ENGINE\"]\n"
    ));
    room.convoy("up");
    let engine = room.json("daemon status")["pid"].to_string();
    room.configure(&format!("set = {{ ENGINE = \"{engine}\" }}\n"));
    let before = snapshot(&room);
    let convoy = begin(&room, vec![role("nosy")]);
    let ended = ended(&room, &convoy);
    let role = &ended["nosy"];
    assert_eq!(role["status"], "completed", "{role:#}\n{:#?}", room.env.witness());
    let folder = outputs(&room, &convoy).join(".attempts").join(role["session_id"].as_str().unwrap());
    let worked = std::fs::read_to_string(folder.join("worked")).unwrap_or_default();
    assert_eq!(worked, "", "{}", left(&room, &convoy, role, "errors"));
    assert_eq!(left(&room, &convoy, role, "subject"), "Begin\n");
    assert_eq!(left(&room, &convoy, role, "status"), "");
    assert!(
        published(&room, &convoy, "nosy.md").contains("Hello")
            || !published(&room, &convoy, "nosy.md").is_empty()
    );
    assert_eq!(snapshot(&room), before, "something was written outside");
    assert_eq!(room.json("daemon status")["pid"].to_string(), engine, "the engine lives");
    // Its report was made, and the folders that it needed meanwhile are gone.
    assert!(!outputs(&room, &convoy).join(".tmp").exists());
}

/// What is where it might have been written.
fn snapshot(room: &Room) -> Vec<String> {
    let places = [room.env.home(), room.env.dir(), PathBuf::from("/tmp"), PathBuf::from("/")];
    let planted = places.iter().map(|place| place.join("planted").exists().to_string());
    let repo = room.repo();
    planted.chain([repo.git(["status", "--short"]), repo.git(["for-each-ref", "refs/heads"])]).collect()
}
