//! An agent of the `plain` kind that does what its script says, and writes down what it saw.
//!
//! `fake-agent [--script FILE | --do JSON] [--witness FILE] [--stamp FILE] [--no-stdin | --duplex]`
//!
//! With `--duplex` it talks as Claude Code does with `--input-format stream-json`: its prompt is the first message on
//! stdin, its steps are one turn, each message after that is another, and it ends when stdin does. What it is told is
//! in the witness (`heard`).
//!
//! The script is a `fake_agent::Script`, `--do` a list of steps. `$FAKE_SCRIPT` and `$FAKE_WITNESS` serve where
//! no argument is given. `--stamp` appends the monotonic clock at the first and the last instruction, in
//! nanoseconds, as one line when the agent ends by itself.
//! Any other argument is kept in the witness and otherwise ignored, as an agent ignores a prompt it is given.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use convoy_testkit::fake_agent::{Script, Step, monotonic};
use convoy_testkit::wait;
use rustix::process::Signal;
use serde_json::{Value, json};

/// A held agent whose test is gone ends after this long.
const HOLD_MS_MAX: u64 = 10 * 60 * 1000;
/// The script or its arguments are wrong, a command failed, no case fits.
const BAD_SCRIPT: i32 = 92;
const NO_CASE: i32 = 91;
const COMMAND_FAILED: i32 = 90;

fn main() {
    let began = monotonic();
    let mut agent = Agent { began, ..Agent::default() };
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut rest = args.iter();
    let (mut script, mut reads_stdin) = (None, true);
    while let Some(arg) = rest.next() {
        match arg.as_str() {
            "--script" => script = rest.next().and_then(|file| fs::read_to_string(file).ok()),
            "--do" => script = rest.next().map(|steps| format!(r#"{{"cases":[{{"steps":{steps}}}]}}"#)),
            "--witness" => agent.witness = rest.next().map(PathBuf::from),
            "--stamp" => agent.stamp = rest.next().map(PathBuf::from),
            "--no-stdin" => reads_stdin = false,
            "--duplex" => agent.duplex = true,
            "--orphan" => agent.orphan(rest.next().map_or("[]", String::as_str)),
            _ => {}
        }
    }
    agent.witness = agent.witness.or_else(|| var("FAKE_WITNESS").map(PathBuf::from));
    let env: serde_json::Map<_, _> = std::env::vars().map(|(k, v)| (k, json!(v))).collect();
    let convoy: Value =
        env.iter().filter(|(k, _)| k.starts_with("CONVOY_")).map(|(k, v)| (k.clone(), v.clone())).collect();
    let names: Vec<&String> = env.keys().collect();
    agent.saw(
        "start",
        json!({ "args": args, "env": convoy, "variables": names, "cwd": std::env::current_dir().ok() }),
    );
    if agent.duplex {
        agent.prompt = agent.hear().unwrap_or_default();
    } else if reads_stdin {
        let mut bytes = Vec::new();
        drop(std::io::stdin().read_to_end(&mut bytes));
        agent.prompt = String::from_utf8_lossy(&bytes).into_owned();
    }
    let script = script.or_else(|| var("FAKE_SCRIPT").and_then(|file| fs::read_to_string(file).ok()));
    let script: Script = match serde_json::from_str(script.as_deref().unwrap_or_default()) {
        Ok(script) => script,
        Err(why) => agent.end(BAD_SCRIPT, &format!("no script, or a bad one: {why}")),
    };
    let steps = agent.choose(&script);
    agent.begin_turn();
    agent.play(&steps);
    agent.end_turn();
    while agent.duplex && agent.hear().is_some() {
        agent.begin_turn();
        agent.end_turn();
    }
    agent.end(0, "")
}

#[expect(clippy::disallowed_methods, reason = "an agent is told about its session by its environment")]
fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// `$NAME` at the beginning of a text has the variable's value in its place.
fn expand(text: &str) -> String {
    let Some(rest) = text.strip_prefix('$') else { return text.to_owned() };
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    format!("{}{}", var(&rest[..end]).unwrap_or_default(), &rest[end..])
}

fn append(path: &Path, text: &str) {
    let file = File::options().append(true).create(true).open(path);
    drop(file.and_then(|mut file| file.write_all(text.as_bytes())));
}

fn print(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    drop(out.write_all(bytes).and_then(|()| out.flush()));
}

#[derive(Default)]
struct Agent {
    witness: Option<PathBuf>,
    stamp: Option<PathBuf>,
    began: i128,
    prompt: String,
    duplex: bool,
}

impl Agent {
    fn saw(&self, event: &str, mut entry: Value) {
        let Some(path) = &self.witness else { return };
        entry["event"] = json!(event);
        entry["issue"] = json!(var("CONVOY_ISSUE"));
        entry["role"] = json!(var("CONVOY_ROLE"));
        entry["epoch"] = json!(var("CONVOY_EPOCH"));
        entry["pid"] = json!(std::process::id());
        append(path, &format!("{entry}\n"));
    }

    fn end(&self, status: i32, why: &str) -> ! {
        self.saw("end", json!({ "status": status, "why": why }));
        if !why.is_empty() {
            drop(writeln!(std::io::stderr(), "fake-agent: {why}"));
        }
        if let Some(stamp) = &self.stamp {
            append(stamp, &format!("{} {}\n", self.began, monotonic()));
        }
        std::process::exit(status)
    }

    fn choose(&self, script: &Script) -> Vec<Step> {
        let (issue, role) = (var("CONVOY_ISSUE"), var("CONVOY_ROLE"));
        let seen = self.witness.as_ref().and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        let entries = seen.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let starts = entries.filter(|e| e["event"] == "start" && e["issue"] == json!(issue));
        // Those after one's own start are of others that began meanwhile.
        let attempt = 1 + starts.take_while(|e| e["pid"] != std::process::id()).count();
        let fits = |wanted: &Option<String>, have: &Option<String>| wanted.is_none() || wanted == have;
        let case = script.cases.iter().find(|case| {
            fits(&case.issue, &issue)
                && fits(&case.role, &role)
                && case.attempt.is_none_or(|n| n == attempt)
                && case.prompt.as_ref().is_none_or(|piece| self.prompt.contains(piece))
        });
        match case {
            Some(case) => case.steps.clone(),
            None => self.end(NO_CASE, &format!("no case for issue {issue:?}, attempt {attempt}")),
        }
    }

    /// The next message on stdin: its text, or the line as it is if it is no message of a user's.
    fn hear(&self) -> Option<String> {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).ok().filter(|count| *count > 0)?;
        let value: Value = serde_json::from_str(&line).unwrap_or_default();
        let text = value.pointer("/message/content/0/text").and_then(Value::as_str).unwrap_or(line.trim());
        self.saw("heard", json!({ "text": text }));
        Some(text.to_owned())
    }

    fn begin_turn(&self) {
        if self.duplex {
            let id = format!("conversation-of-{}", var("CONVOY_SESSION").unwrap_or_default());
            let line = json!({ "type": "system", "subtype": "init", "session_id": id, "model": "fake" });
            print(format!("{line}\n").as_bytes());
        }
    }

    fn end_turn(&self) {
        if self.duplex {
            print(b"{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false}\n");
        }
    }

    fn play(&self, steps: &[Step]) {
        for step in steps {
            self.step(step);
        }
    }

    fn step(&self, step: &Step) {
        match step {
            Step::Write { path, content } => self.write(&expand(path), content),
            Step::Append { path, content } => append(Path::new(&expand(path)), content),
            Step::Commit(message) => {
                self.run(&["git", "add", "-A"].map(str::to_owned), true);
                self.run(&["git", "commit", "-q", "-m", message].map(str::to_owned), true);
            }
            Step::Run(words) => self.run(words, true),
            Step::Try(words) => self.run(words, false),
            Step::Convoy(words) => {
                let program = var("CONVOY_BIN").unwrap_or_else(|| "convoy".to_owned());
                self.run(&[&[program][..], words].concat(), false);
            }
            Step::Print(text) => print(format!("{text}\n").as_bytes()),
            Step::Complain(text) => drop(writeln!(std::io::stderr(), "{text}")),
            Step::Flood(bytes) => flood(*bytes),
            Step::Garbage(bytes) => {
                let noise = b"\x00\xff\x1b[2J\x1b]0;title\x07{\"type\":\xc3\x28 \r \xf0\x9f";
                print(&noise.iter().copied().cycle().take(*bytes).collect::<Vec<u8>>());
            }
            Step::CloseStdout => {
                let null = File::options().write(true).open("/dev/null");
                drop(null.map(rustix::stdio::dup2_stdout));
            }
            Step::Ignore(names) => names.iter().for_each(|name| {
                let flag = Arc::new(std::sync::atomic::AtomicBool::new(false));
                drop(signal_hook::flag::register(self.signal(name).as_raw(), flag));
            }),
            Step::Orphan { steps, keep_stdout } => self.leave_orphan(steps, *keep_stdout),
            Step::WaitFor(path) => {
                let path = PathBuf::from(expand(path));
                self.saw("waiting", json!({ "for": path }));
                if !wait::for_file(&path, Duration::from_millis(HOLD_MS_MAX)) {
                    self.end(BAD_SCRIPT, &format!("{} never came", path.display()));
                }
            }
            Step::Hear(path) => {
                self.saw("waiting", json!({ "for": "a message" }));
                let Some(text) = self.hear() else { self.end(BAD_SCRIPT, "stdin is closed") };
                self.write(&expand(path), &text);
            }
            Step::SleepMs(ms) => pause(*ms),
            Step::Hang => {
                self.saw("waiting", json!({}));
                pause(HOLD_MS_MAX);
            }
            Step::SavePrompt(path) => self.write(&expand(path), &self.prompt),
            Step::SignalFile(value) => {
                let path = expand("$CONVOY_SIGNAL_FILE");
                let part = format!("{path}.part");
                let mut value = value.clone();
                if let Some(fields) = value.as_object_mut() {
                    for (field, name) in [("workerId", "CONVOY_WORKER"), ("issueId", "CONVOY_ISSUE")] {
                        fields.entry(field).or_insert_with(|| json!(var(name)));
                    }
                }
                self.write(&part, &value.to_string());
                drop(fs::rename(part, path));
            }
            Step::Output(text) => self.write(&expand("$CONVOY_OUTPUT_FILE"), text),
            Step::Findings(all) => {
                let path = expand("$CONVOY_OUTPUT_DIR/") + &expand("$CONVOY_ROLE.findings.json");
                self.write(&path, &json!({ "findings": all }).to_string());
            }
            Step::Die(name) => {
                let _ = rustix::process::kill_process(rustix::process::getpid(), self.signal(name));
                pause(HOLD_MS_MAX);
            }
            Step::Exit(status) => self.end(*status, ""),
        }
    }

    fn write(&self, path: &str, content: &str) {
        let path = Path::new(path);
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).map_or(Ok(()), fs::create_dir_all);
        if let Err(why) = folder.and_then(|()| fs::write(path, content)) {
            self.saw("refused", json!({ "path": path, "why": why.to_string() }));
        }
    }

    #[expect(clippy::disallowed_methods, reason = "an agent runs commands")]
    fn run(&self, words: &[String], insist: bool) {
        let words: Vec<String> = words.iter().map(|word| expand(word)).collect();
        let output = Command::new(&words[0]).args(&words[1..]).stdin(Stdio::null()).output();
        let entry = match &output {
            Ok(output) => json!({
                "argv": words, "status": output.status.code(),
                "stdout": String::from_utf8_lossy(&output.stdout), "stderr": String::from_utf8_lossy(&output.stderr),
            }),
            Err(why) => json!({ "argv": words, "status": null, "stderr": why.to_string() }),
        };
        let failed = entry["status"] != 0;
        let why = format!("{words:?}: {}", entry["stderr"]);
        self.saw("ran", entry);
        if insist && failed {
            self.end(COMMAND_FAILED, &why);
        }
    }

    /// Starts `--orphan STEPS` and waits until it says by its stdin, a socket, that it is on its own.
    #[expect(clippy::disallowed_methods, reason = "an agent leaves processes behind")]
    fn leave_orphan(&self, steps: &[Step], keep_stdout: bool) {
        let steps = serde_json::to_string(steps).unwrap_or_default();
        let Ok((mut here, there)) = UnixStream::pair() else { self.end(BAD_SCRIPT, "no socket pair") };
        let out = if keep_stdout { Stdio::inherit() } else { Stdio::null() };
        let mut command = Command::new("/proc/self/exe");
        if let Some(witness) = &self.witness {
            command.arg("--witness").arg(witness);
        }
        command.args(["--orphan", &steps]).stdin(OwnedFd::from(there)).stdout(out).stderr(Stdio::null());
        let started = command.spawn();
        drop(command); // It holds our copy of the orphan's end.
        if let Err(why) = started.and_then(|_| here.read_exact(&mut [0])) {
            self.end(BAD_SCRIPT, &format!("no orphan: {why}"));
        }
    }

    fn orphan(&self, steps: &str) -> ! {
        let _ = rustix::process::setsid();
        self.saw("orphan", json!({}));
        let _ = rustix::io::write(rustix::stdio::stdin(), b"1");
        match serde_json::from_str::<Vec<Step>>(steps) {
            Ok(steps) => self.play(&steps),
            Err(why) => self.end(BAD_SCRIPT, &why.to_string()),
        }
        self.saw("orphan_end", json!({}));
        std::process::exit(0)
    }

    fn signal(&self, name: &str) -> Signal {
        match name {
            "INT" => Signal::INT,
            "TERM" => Signal::TERM,
            "HUP" => Signal::HUP,
            "KILL" => Signal::KILL,
            "SEGV" => Signal::SEGV,
            _ => self.end(BAD_SCRIPT, &format!("unknown signal {name}")),
        }
    }
}

fn flood(bytes: u64) {
    let line = [&[b'x'; 1023][..], b"\n"].concat();
    let mut left = usize::try_from(bytes).unwrap_or(usize::MAX);
    while left > 0 {
        let now = left.min(line.len());
        print(&line[..now]);
        left -= now;
    }
}

#[expect(clippy::disallowed_methods, reason = "an agent that takes its time")]
fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}
