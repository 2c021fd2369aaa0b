//! Roles of template convoys, one by one: what they are told, what they may, what becomes of what they leave.
//!
//! Their convoys are begun as the command line has them begun, by an order to the engine; templates, and what is made of all reports, are tested elsewhere.

mod bounds;
mod crashes;
mod ends;
mod prompts;
mod real;
mod work;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use convoy_api::wire::{Call, CallBody, PROTOCOL, Reply};
use convoy_api::{Order, Outcome};
use convoy_core::command::Request;
use convoy_core::id::{RigName, RoleName, SubagentName, TemplateName};
use convoy_core::template::{NewStep, OnFailure, OutputKind, ReportKind, Run, Runner, Step};
use convoy_core::time::Span;
use convoy_testkit::fake_agent::{Case, Step as Deed};
use serde_json::Value;

use crate::room::Room;

/// A role of an agent that writes a report for people, and is tried once.
fn role(name: &str) -> NewStep {
    let step = Step {
        role: RoleName::new(name).unwrap(),
        subagent: SubagentName::new("some-agent").unwrap(),
        runner: Runner::Agent { agent: None, model: None, tools: None, permission_mode: None },
        output: OutputKind::Markdown,
        timeout: None,
        max_attempts: Some(1),
        params: BTreeMap::new(),
        about: None,
    };
    let prompt = "You are {{ role }}. Write to {{ output_file }}.".to_owned();
    NewStep { step, title: format!("{name}: do it"), prompt, needs: Vec::new() }
}

/// Small changes to a role.
trait But: Sized {
    fn but(self, change: impl FnOnce(&mut NewStep)) -> NewStep;
    fn gives(self, output: OutputKind) -> NewStep {
        self.but(|role| role.step.output = output)
    }
    fn runs(self, words: &[&str], success: &[i32]) -> NewStep {
        let command = words.iter().map(|word| (*word).to_owned()).collect();
        self.but(|role| role.step.runner = Runner::Program { command, success: success.to_vec() })
    }
    fn says(self, prompt: &str) -> NewStep {
        self.but(|role| prompt.clone_into(&mut role.prompt))
    }
    fn after(self, role: &str) -> NewStep {
        self.but(|new| new.needs.push(RoleName::new(role).unwrap()))
    }
    fn within(self, timeout: Span) -> NewStep {
        self.but(|role| role.step.timeout = Some(timeout))
    }
}

impl But for NewStep {
    fn but(mut self, change: impl FnOnce(&mut NewStep)) -> NewStep {
        change(&mut self);
        self
    }
}

/// What an agent in a role does.
fn does(role: &str, steps: impl IntoIterator<Item = Deed>) -> Case {
    Case { role: Some(role.to_owned()), steps: steps.into_iter().collect(), ..Case::default() }
}

/// Begins a convoy of these roles at the last commit. Its id.
fn begin(room: &Room, steps: Vec<NewStep>) -> String {
    begin_with(room, steps, |_| ())
}

fn begin_with(room: &Room, steps: Vec<NewStep>, change: impl FnOnce(&mut Run)) -> String {
    let mut run = Run {
        template: TemplateName::new("of-a-test").unwrap(),
        rig: RigName::new("home").unwrap(),
        commit: Some(room.repo().git(["rev-parse", "HEAD"]).trim().to_owned()),
        diff_base: None,
        files: Vec::new(),
        vars: BTreeMap::new(),
        pr_url: None,
        issues: Vec::new(),
        timeout: None,
        on_failure: OnFailure::Continue,
        report: ReportKind::None,
        output_dir: None,
        apply: false,
        reviews: None,
    };
    change(&mut run);
    let request = Request::TemplateStart {
        name: "Of a test".to_owned(),
        run: Box::new(run),
        steps,
        owner: None,
        notify: Vec::new(),
        max_parallel: Some(10),
        epic: None,
        budget: None,
    };
    order(room, request).items[0].id.clone()
}

/// Gives the background engine an order.
#[track_caller]
fn order(room: &Room, request: Request) -> Outcome {
    room.convoy("up");
    let socket = room.json("daemon status")["socket"].as_str().unwrap().to_owned();
    let order = Order { request, actor: "overseer".to_owned(), key: None, dry_run: false };
    let call = Call { protocol: PROTOCOL, body: CallBody::Order(order) };
    let mut stream = UnixStream::connect(socket).unwrap();
    let line = serde_json::to_string(&call).unwrap() + "\n";
    stream.write_all(line.as_bytes()).unwrap();
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).unwrap();
    match serde_json::from_str(&answer).unwrap() {
        Reply::Outcome(outcome) => outcome,
        other => panic!("{other:?}"),
    }
}

/// Waits until a convoy is over. Its roles by name.
#[track_caller]
fn ended(room: &Room, convoy: &str) -> BTreeMap<String, Value> {
    let run = room.env.convoy(["wait", convoy, "--timeout", "120s"]);
    assert_ne!(run.status, 124, "{}\n{}\n{}", run.shown(), room.story(), room.convoy("daemon logs").stdout);
    let roles = room.json(&format!("status {convoy}"))["roles"].clone();
    let named = |role: &Value| (role["role"].as_str().unwrap().to_owned(), role.clone());
    roles.as_array().unwrap().iter().map(named).collect()
}

/// The output folder of a convoy.
fn outputs(room: &Room, convoy: &str) -> PathBuf {
    room.env.dir().join(".convoy/state/outputs").join(convoy)
}

/// A published file.
#[track_caller]
fn published(room: &Room, convoy: &str, name: &str) -> String {
    let path = outputs(room, convoy).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// The names of all published files.
fn all_published(room: &Room, convoy: &str) -> Vec<String> {
    let entries = std::fs::read_dir(outputs(room, convoy)).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// What an attempt left that was not published.
#[track_caller]
fn left(room: &Room, convoy: &str, role: &Value, name: &str) -> String {
    let session = role["session_id"].as_str().unwrap();
    let path = outputs(room, convoy).join(".attempts").join(session).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}
