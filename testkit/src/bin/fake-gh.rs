//! The part of `gh` that Convoy uses, over a file instead of a forge: `pr create|list|view|comment`, with the argv and the
//! JSON of the real one, and `pr merge|close` for the person who maintains the repository.
//!
//! Requests are kept in `$HOME/fake-gh.json`, every call in `$HOME/fake-gh.calls`. It works in the repository of its
//! folder, whose remote `origin` is the forge's. Calls are carried out one after the other, as on a forge: what one
//! decides while another looks must not be lost.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    note_call(&args);
    let (words, flags) = split(&args);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let _turn = turn();
    let mut pulls = read();
    match words.as_slice() {
        ["pr", "create"] => create(&mut pulls, &flags),
        ["pr", "list"] => list(&pulls, &flags),
        ["pr", "view", number] => view(&mut pulls, number, &flags),
        ["pr", "comment", number] => comment(&mut pulls, number, &flags),
        ["pr", "merge", number] => merge(&mut pulls, number),
        ["pr", "close", number] => found(&mut pulls, number)["state"] = json!("CLOSED"),
        other => fail(&format!("unknown command {other:?}")),
    }
    let text = serde_json::to_string_pretty(&pulls).unwrap_or_default();
    // Whole or not at all: whoever called may be killed, and this with it.
    let made = file("fake-gh.json.new");
    if std::fs::write(&made, text).and_then(|()| std::fs::rename(&made, file("fake-gh.json"))).is_err() {
        fail("cannot keep the requests");
    }
}

/// Waits until no other call is carried out. It is over with this process, however that ends.
fn turn() -> std::fs::File {
    let lock = std::fs::File::options().append(true).create(true).open(file("fake-gh.lock"));
    lock.and_then(|lock| lock.lock().map(|()| lock)).unwrap_or_else(|why| fail(&why.to_string()))
}

fn fail(why: &str) -> ! {
    drop(writeln!(std::io::stderr(), "{why}"));
    std::process::exit(1)
}

#[expect(clippy::disallowed_methods, reason = "it finds its state as the real one does")]
fn file(name: &str) -> PathBuf {
    PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| fail("HOME is not set"))).join(name)
}

fn note_call(args: &[String]) {
    let file = std::fs::File::options().append(true).create(true).open(file("fake-gh.calls"));
    drop(file.and_then(|mut file| writeln!(file, "{}", json!(args))));
}

/// Words, and flags with their values: every flag here has one.
fn split(args: &[String]) -> (Vec<String>, BTreeMap<String, String>) {
    let (mut words, mut flags) = (Vec::new(), BTreeMap::new());
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match arg.strip_prefix("--") {
            Some(name) => {
                let value = rest.next().unwrap_or_else(|| fail(&format!("flag needs an argument: --{name}")));
                flags.insert(name.to_owned(), value.clone());
            }
            None => words.push(arg.clone()),
        }
    }
    (words, flags)
}

fn read() -> Vec<Value> {
    let text = std::fs::read_to_string(file("fake-gh.json")).unwrap_or_else(|_| "[]".to_owned());
    serde_json::from_str(&text).unwrap_or_else(|why| fail(&why.to_string()))
}

fn print(value: &Value) {
    drop(writeln!(std::io::stdout(), "{value}"));
}

fn found<'a>(pulls: &'a mut [Value], number: &str) -> &'a mut Value {
    let number = number.parse::<u64>().ok();
    let found = pulls.iter_mut().find(|pull| pull["number"].as_u64() == number);
    found.unwrap_or_else(|| fail("GraphQL: Could not resolve to a PullRequest (repository.pullRequest)"))
}

/// The fields that `--json` names, and no others.
fn picked(pull: &Value, flags: &BTreeMap<String, String>) -> Value {
    let names = flags.get("json").unwrap_or_else(|| fail("this one answers with --json only"));
    let pick = |name: &str| match pull.get(name) {
        Some(value) => (name.to_owned(), value.clone()),
        None => fail(&format!("Unknown JSON field: \"{name}\"")),
    };
    Value::Object(names.split(',').map(pick).collect())
}

fn list(pulls: &[Value], flags: &BTreeMap<String, String>) {
    let state = flags.get("state").map_or("open", String::as_str).to_uppercase();
    let fits = |pull: &&Value| {
        flags.get("head").is_none_or(|head| pull["headRefName"] == json!(head))
            && (state == "ALL" || pull["state"] == json!(state))
    };
    print(&pulls.iter().filter(fits).map(|pull| picked(pull, flags)).collect());
}

/// With what the forge's repository says of it now.
fn view(pulls: &mut [Value], number: &str, flags: &BTreeMap<String, String>) {
    let pull = found(pulls, number);
    let head = format!("refs/heads/{}", pull["headRefName"].as_str().unwrap_or_default());
    let tip = git(&["ls-remote", "origin", &head]).unwrap_or_default();
    pull["headRefOid"] = json!(tip.split_whitespace().next().unwrap_or_default());
    print(&picked(pull, flags));
}

fn comment(pulls: &mut [Value], number: &str, flags: &BTreeMap<String, String>) {
    if flags.get("body-file").is_none_or(|file| file != "-") {
        fail("this one reads the body from stdin only");
    }
    let mut body = String::new();
    drop(std::io::stdin().read_to_string(&mut body));
    let pull = found(pulls, number);
    let url = format!("{}#issuecomment-1", pull["url"].as_str().unwrap_or_default());
    drop(writeln!(std::io::stdout(), "{url}"));
    if let Some(comments) = pull["comments"].as_array_mut() {
        comments.push(json!({ "body": body, "url": url, "viewerDidAuthor": true }));
    }
}

fn create(pulls: &mut Vec<Value>, flags: &BTreeMap<String, String>) {
    let flag =
        |name: &str| flags.get(name).cloned().unwrap_or_else(|| fail("must provide --title and --body"));
    let (head, base, title) = (flag("head"), flag("base"), flag("title"));
    if flag("body-file") != "-" {
        fail("this one reads the body from stdin only");
    }
    let mut body = String::new();
    drop(std::io::stdin().read_to_string(&mut body));
    let on_forge =
        |branch: &str| git(&["ls-remote", "--exit-code", "origin", &format!("refs/heads/{branch}")]);
    if on_forge(&head).is_none() || on_forge(&base).is_none() {
        fail("pull request create failed: GraphQL: Head sha can't be blank, Base sha can't be blank");
    }
    if pulls.iter().any(|pull| pull["headRefName"] == json!(head) && pull["state"] == json!("OPEN")) {
        fail(&format!("a pull request for branch \"{head}\" into branch \"{base}\" already exists"));
    }
    let number = pulls.len() + 1;
    let url = format!("https://forge.invalid/owner/repo/pull/{number}");
    drop(writeln!(std::io::stdout(), "{url}"));
    pulls.push(json!({
        "number": number, "url": url, "state": "OPEN", "mergeCommit": null,
        "headRefName": head, "baseRefName": base, "title": title, "body": body, "comments": [],
    }));
}

/// A merge on the forge: a commit there whose second parent is the head.
fn merge(pulls: &mut [Value], number: &str) {
    let pull = found(pulls, number);
    let reference = |name: &str| format!("refs/heads/{}", pull[name].as_str().unwrap_or_default());
    let (head, base) = (reference("headRefName"), reference("baseRefName"));
    let must = |words: &[&str]| git(words).unwrap_or_else(|| fail(&format!("{words:?} failed")));
    must(&["fetch", "-q", "origin", &head, &base]);
    let tip = |name: &str| {
        must(&["ls-remote", "origin", name]).split_whitespace().next().unwrap_or_default().to_owned()
    };
    let (theirs, ours) = (tip(&head), tip(&base));
    let tree = must(&["merge-tree", "--write-tree", &ours, &theirs]);
    let commit = must(&["commit-tree", tree.trim(), "-p", &ours, "-p", &theirs, "-m", "Merge pull request"]);
    must(&["push", "-q", "origin", &format!("{}:{base}", commit.trim())]);
    pull["state"] = json!("MERGED");
    pull["mergeCommit"] = json!({ "oid": commit.trim() });
}

#[expect(clippy::disallowed_methods, reason = "the forge's side of a repository")]
fn git(words: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(["-c", "core.hooksPath=/dev/null"])
        .args(words)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
