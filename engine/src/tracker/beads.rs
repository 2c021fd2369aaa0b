//! Beads, through its program `bd`: argument lists and JSON only.
//!
//! Its data has one writer at a time. Whoever comes second is refused, and tries again here for a while.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use convoy_core::id::{IssueId, RigName};
use convoy_core::issue::{DependencyType, NewIssue};
use convoy_core::time::Span;
use convoy_core::tracker::{Push, Pushed, Seen, Standing, Step};
use serde_json::Value;

use super::{Error, wire};
use crate::clock::Instant;
use crate::explain;
use crate::git::pipe::{self, End};
use crate::os::program;
use crate::os::spawn::{self, Environment};

/// How much of one answer is read: ten thousand issues with long texts are about 30 MB.
const OUTPUT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The longest complaint that is passed on, in characters.
const SAID_CHARS_MAX: usize = 500;
/// The first pause after it was locked; it doubles.
const LOCKED_PAUSE: Duration = Duration::from_millis(20);
/// The longest such pause.
const LOCKED_PAUSE_MAX: Duration = Duration::from_millis(500);

/// `bd` in one repository.
#[derive(Debug)]
pub struct Beads {
    rig: RigName,
    dir: PathBuf,
    /// Program and first arguments.
    command: Vec<String>,
    path: Option<OsString>,
    environment: Vec<(OsString, OsString)>,
    limit: Span,
    version: OnceLock<String>,
}

/// All issues.
#[derive(Debug)]
pub struct Listing {
    /// Those whose ids can be ours.
    pub issues: Vec<Seen>,
    /// How many others there are.
    pub skipped: usize,
}

/// What came of telling.
#[derive(Debug)]
pub enum Told {
    /// Taken, or refused.
    Pushed(Pushed),
    /// It is not as it was when that was decided, so nothing was told.
    Changed(Box<Seen>),
}

impl Beads {
    /// For the repository at `dir`; `command` stands for `bd` if it is not empty. No call takes longer than `limit`.
    pub fn new(rig: RigName, dir: &Path, command: &[String], env: &Environment, limit: Span) -> Self {
        let inherited = ["PATH", "HOME", "USER", "TMPDIR", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"];
        let mut environment: Vec<(OsString, OsString)> =
            inherited.iter().filter_map(|name| Some(((*name).into(), env.get(name)?.to_owned()))).collect();
        // Who we are to its history; and that nobody reads what it prints but us.
        for (name, value) in [
            ("LANG", "C.UTF-8"),
            ("BEADS_ACTOR", "convoy"),
            ("BD_ACTOR", "convoy"),
            ("NO_COLOR", "1"),
            ("BD_NO_PAGER", "1"),
        ] {
            environment.push((name.into(), value.into()));
        }
        let command = if command.is_empty() { vec!["bd".to_owned()] } else { command.to_vec() };
        let path = env.get("PATH").map(OsString::from);
        Self { rig, dir: dir.to_owned(), command, path, environment, limit, version: OnceLock::new() }
    }

    /// Whether the other is the same program in the same place.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (&self.dir, &self.command) == (&other.dir, &other.command)
    }

    /// Where its data is.
    pub fn data(&self) -> PathBuf {
        self.dir.join(".beads")
    }

    /// Its version, once it is known.
    pub fn version(&self) -> Option<&str> {
        self.version.get().map(String::as_str)
    }

    /// Every issue, closed ones too.
    ///
    /// # Errors
    /// When it cannot be run, or what it says is not understood.
    pub fn list(&self) -> Result<Listing, Error> {
        let deadline = Instant::now().plus(self.limit);
        let value = self.call(&["list", "--all", "--limit=0"], &[], b"", deadline)?;
        let (issues, skipped) = wire::issues(value, &self.rig).map_err(|problem| garbage("list", problem))?;
        Ok(Listing { issues, skipped })
    }

    /// One issue.
    ///
    /// # Errors
    /// As `list`, and when there is no such issue.
    pub fn show(&self, id: &IssueId) -> Result<Seen, Error> {
        let deadline = Instant::now().plus(self.limit);
        let value = self.call(&["show", id.as_str()], &[], b"", deadline)?;
        let (mut issues, _) = wire::issues(value, &self.rig).map_err(|problem| garbage("show", problem))?;
        let at = issues.iter().position(|seen| seen.issue.id == *id);
        at.map(|at| issues.swap_remove(at)).ok_or_else(|| garbage("show", format!("{id} is not in it")))
    }

    /// Makes an issue; its id is the tracker's to choose, unless `with_id`.
    ///
    /// # Errors
    /// As `list`; it may have been made nevertheless when the error is about what was printed, or time.
    pub fn create(&self, issue: &NewIssue, with_id: bool) -> Result<Seen, Error> {
        let mut args = vec![
            format!("--title={}", issue.title),
            format!("--type={}", wire::type_name(issue.issue_type)),
            format!("--priority={}", issue.priority),
        ];
        args.extend(with_id.then(|| format!("--id={}", issue.id)));
        args.extend(issue.parent.as_ref().map(|parent| format!("--parent={parent}")));
        if !issue.labels.is_empty() {
            let labels: Vec<&str> = issue.labels.iter().map(String::as_str).collect();
            args.push(format!("--labels={}", labels.join(",")));
        }
        if !issue.acceptance.is_empty() {
            args.push(format!("--acceptance={}", issue.acceptance.join("\n")));
        }
        if !issue.body.is_empty() {
            args.push("--body-file=-".to_owned());
        }
        let deadline = Instant::now().plus(self.limit);
        let value = self.call(&["create"], &args, issue.body.as_bytes(), deadline)?;
        let (made, _) = wire::issues(value, &self.rig).map_err(|problem| garbage("create", problem))?;
        let id = made.first().map(|seen| seen.issue.id.clone());
        let id = id.ok_or_else(|| garbage("create", "no issue with an id that can be ours".to_owned()))?;
        for (on, kind) in &issue.needs {
            self.need(&id, on, *kind)?;
        }
        self.show(&id)
    }

    /// Tells it what was done to an issue. Doing so again, after nobody heard of the first time, is harmless.
    pub fn tell(&self, push: &Push) -> Told {
        let id = &push.issue;
        let refused = |steps: Vec<Step>, error: &Error| {
            Told::Pushed(Pushed { issue: id.clone(), steps, error: Some(explain(error)) })
        };
        if push.steps.iter().any(Step::moves) {
            // Whoever closed or took it meanwhile is not to be undone unseen.
            match self.show(id) {
                Ok(seen) if !same_place(seen.standing, push.standing) => {
                    return Told::Changed(Box::new(seen));
                }
                Ok(_) => {}
                Err(error) => return refused(Vec::new(), &error),
            }
        }
        let mut done = Vec::new();
        for steps in together(&push.steps) {
            if let Err(error) = self.do_steps(id, &steps) {
                // What is so already needs no doing; some versions refuse to do it again.
                match self.show(id) {
                    Ok(seen) if steps.iter().all(|step| holds(step, &seen)) => {}
                    _ => return refused(done, &error),
                }
            }
            done.extend(steps);
            crate::crash::point("push:told");
        }
        Told::Pushed(Pushed { issue: id.clone(), steps: done, error: None })
    }

    fn do_steps(&self, id: &IssueId, steps: &[Step]) -> Result<(), Error> {
        match steps {
            [Step::Need { on, kind }] => self.need(id, on, *kind),
            [Step::Unneed { on }] => self.run(&["dep", "remove", id.as_str(), on.as_str()], &[]),
            [Step::Reopen] => self.run(&["reopen", id.as_str()], &[]),
            // It is closed, whatever the tracker thinks of what stands open around it.
            [Step::Close { reason }] => {
                self.run(&["close", id.as_str(), "--force"], &[format!("--reason={reason}")])
            }
            steps => self.update(id, steps),
        }
    }

    fn need(&self, id: &IssueId, on: &IssueId, kind: DependencyType) -> Result<(), Error> {
        let kind = format!("--type={}", wire::dependency_name(kind));
        self.run(&["dep", "add", id.as_str(), on.as_str()], &[kind])
    }

    fn update(&self, id: &IssueId, steps: &[Step]) -> Result<(), Error> {
        let (mut args, mut input) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Edit { change } => {
                    args.extend(change.title.as_ref().map(|title| format!("--title={title}")));
                    args.extend(change.priority.map(|priority| format!("--priority={priority}")));
                    args.extend(change.issue_type.map(|t| format!("--type={}", wire::type_name(t))));
                    let acceptance = change.acceptance.as_ref();
                    args.extend(acceptance.map(|lines| format!("--acceptance={}", lines.join("\n"))));
                    match change.body.as_deref() {
                        Some("") => args.push("--description=".to_owned()),
                        Some(body) => {
                            args.push("--body-file=-".to_owned());
                            input = body.as_bytes().to_vec();
                        }
                        None => {}
                    }
                }
                Step::Label { label } => args.push(format!("--add-label={label}")),
                Step::Unlabel { label } => args.push(format!("--remove-label={label}")),
                Step::Take { assignee } => {
                    args.extend(["--status=in_progress".to_owned(), format!("--assignee={assignee}")]);
                }
                Step::Release => args.extend(["--status=open".to_owned(), "--assignee=".to_owned()]),
                Step::Need { .. } | Step::Unneed { .. } | Step::Close { .. } | Step::Reopen => {}
            }
        }
        let deadline = Instant::now().plus(self.limit);
        self.call(&["update", id.as_str()], &args, &input, deadline).map(drop)
    }

    fn run(&self, words: &[&str], args: &[String]) -> Result<(), Error> {
        self.call(words, args, b"", Instant::now().plus(self.limit)).map(drop)
    }

    /// Makes sure that it is a version that we know.
    fn probe(&self, program: &Path, deadline: Instant) -> Result<(), Error> {
        if self.version.get().is_some() {
            return Ok(());
        }
        let value = wire::content(self.attempt(program, &["version"], &[], b"", deadline)?);
        let version =
            value.get("version").and_then(Value::as_str).unwrap_or_default().trim_start_matches('v');
        match version.split('.').next().and_then(|major| major.parse().ok()) {
            Some(1 | 2) => {
                let _ = self.version.set(version.chars().take(SAID_CHARS_MAX).collect());
                Ok(())
            }
            _ => Err(Error::Version { version: format!("{version:?}") }),
        }
    }

    /// Runs it, and again while another process has its data.
    fn call(&self, words: &[&str], args: &[String], input: &[u8], deadline: Instant) -> Result<Value, Error> {
        let name = self.command.first().map_or("bd", String::as_str);
        let program = program::find(name, self.path.as_deref())
            .ok_or_else(|| Error::NoProgram { program: name.to_owned() })?;
        // Without data of its own it would take that of a folder above, which is somebody else's.
        if !self.data().is_dir() {
            return Err(Error::NoData { dir: self.data() });
        }
        let mut pause = LOCKED_PAUSE;
        loop {
            let answer = self
                .probe(&program, deadline)
                .and_then(|()| self.attempt(&program, words, args, input, deadline));
            match answer {
                Err(Error::Locked { .. }) if deadline.left() > pause => {
                    let _ = pipe::poll(&mut [], pause);
                    pause = (pause * 2).min(LOCKED_PAUSE_MAX);
                }
                answer => return answer,
            }
        }
    }

    fn attempt(
        &self,
        program: &Path,
        words: &[&str],
        args: &[String],
        input: &[u8],
        deadline: Instant,
    ) -> Result<Value, Error> {
        let name = || format!("bd {}", words.first().unwrap_or(&""));
        let mut command = spawn::command(program);
        command.args(self.command.iter().skip(1)).args(words).args(args).arg("--json");
        command.envs(self.environment.iter().map(|(name, value)| (name, value))).current_dir(&self.dir);
        let end = pipe::run(&mut command, input, deadline, OUTPUT_BYTES_MAX)
            .map_err(|source| Error::Io { command: name(), source })?;
        let (status, stdout, stderr) = match end {
            End::Exited { status, stdout, stderr } => (status, stdout, stderr),
            End::TimedOut => {
                return Err(Error::TimedOut { command: name(), limit_s: self.limit.as_secs() });
            }
            End::TooLarge => return Err(Error::TooLarge { command: name(), limit: OUTPUT_BYTES_MAX }),
        };
        let value: Result<Value, _> = serde_json::from_slice(&stdout);
        if status.success() {
            return match value {
                Ok(value) => match wire::error(&value) {
                    Some((said, code)) => Err(refusal(name(), &said, &code)),
                    None => Ok(value),
                },
                // Some commands have nothing to say when all is well.
                Err(_) if stdout.trim_ascii().is_empty() && !words.contains(&"list") => Ok(Value::Null),
                Err(error) => Err(Error::Garbage { command: name(), problem: error.to_string() }),
            };
        }
        let said = serde_json::from_slice::<Value>(&stderr).or(value).ok().as_ref().and_then(wire::error);
        let (said, code) = said.unwrap_or_else(|| {
            let text = String::from_utf8_lossy(&stderr).trim().to_owned();
            (if text.is_empty() { status.to_string() } else { text }, String::new())
        });
        Err(refusal(name(), &said, &code))
    }
}

fn garbage(command: &str, problem: String) -> Error {
    Error::Garbage { command: format!("bd {command}"), problem }
}

fn refusal(command: String, said: &str, code: &str) -> Error {
    let said: String = said.chars().take(SAID_CHARS_MAX).collect();
    let words = said.to_lowercase();
    let mut words = words.split(|c: char| !c.is_ascii_alphanumeric());
    let locked = code.to_lowercase().split('_').any(|word| word == "locked" || word == "lock")
        || words.any(|word| matches!(word, "lock" | "locked" | "locks" | "busy"));
    if locked { Error::Locked { command, said } } else { Error::Refused { command, said } }
}

/// Whether nobody has moved it: being put off, or not, makes no difference to what we tell.
fn same_place(now: Standing, then: Standing) -> bool {
    let simple = |standing| if standing == Standing::Held { Standing::Open } else { standing };
    simple(now) == simple(then)
}

/// What one call can do together: everything that changes fields.
fn together(steps: &[Step]) -> Vec<Vec<Step>> {
    let alone = |step: &&Step| {
        matches!(step, Step::Need { .. } | Step::Unneed { .. } | Step::Close { .. } | Step::Reopen)
    };
    let fields: Vec<Step> = steps.iter().filter(|step| !alone(step)).cloned().collect();
    let mut groups = Vec::new();
    if !fields.is_empty() {
        groups.push(fields);
    }
    groups.extend(steps.iter().filter(alone).map(|step| vec![step.clone()]));
    groups
}

/// Whether an issue is as a step would make it.
fn holds(step: &Step, seen: &Seen) -> bool {
    let issue = &seen.issue;
    match step {
        Step::Edit { change } => {
            let mut edited = issue.clone();
            change.clone().apply_to(&mut edited);
            edited == *issue
        }
        Step::Label { label } => issue.labels.contains(label),
        Step::Unlabel { label } => !issue.labels.contains(label),
        Step::Need { on, kind } => issue.needs.get(on) == Some(kind),
        Step::Unneed { on } => !issue.needs.contains_key(on),
        Step::Take { assignee } => {
            seen.standing == Standing::InProgress && seen.assignee.as_ref() == Some(assignee)
        }
        Step::Release => seen.standing == Standing::Open && seen.assignee.is_none(),
        Step::Close { .. } => seen.standing == Standing::Closed,
        Step::Reopen => seen.standing != Standing::Closed,
    }
}
