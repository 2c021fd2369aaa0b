//! The loop of a supervisor: one poll over the agent, its pipes, the socket and its clients.
//!
//! Each round does what is due (limits, ladder, killing what is left), tells clients what is new, and then waits
//! for the next input or deadline. The agent's end is known from its process, never from its pipes: an agent may
//! close them, or leave them with somebody else.

mod end;
mod talk;
mod wait;

use std::io::{self, Read};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use convoy_core::money::Money;
use convoy_core::report::{AgentResult, Exit, Report, StopWhy};
use convoy_core::time::{Span, Time};

use super::clients::{Connection, Line};
use super::duplex::Duplex;
use super::files::{SessionDir, Started};
use super::limits::{Meter, Stop};
use super::observations::Writer;
use super::output::OutputLog;
use super::plain::PlainOutput;
use super::protocol::{Code, REPORTS_MAX, Reply, Request, VERSION};
use super::run::Signals;
use super::signal::SignalFile;
use super::spec::{PromptVia, Spec, StopSignal};
use super::start::Agent;
use super::terminal::Terminal;
use super::tree::{Tree, log};
use super::vitals::Watch;
use crate::agent::Translation;
use crate::clock::{self, Instant};
use crate::os::{process, socket};
use crate::runtime::Runtime;
use wait::Source;

/// How many connections are served at once; an engine, a few followers, an agent's commands.
const CLIENTS_MAX: usize = 64;
/// How much is read from a pipe at once: what a pipe holds.
const READ_BYTES: usize = 64 * 1024;
/// How many observations an agent's output may become: more is noise, and its sums come with the result.
const TRANSLATED_MAX: u64 = 100_000;
/// How soon, at first, to look again for processes that are to be killed; it doubles up to the second figure.
const SCAN_MS: (i64, i64) = (1, 500);

/// The state of a supervisor beside its agent.
pub(super) struct Server<'a> {
    dir: &'a SessionDir,
    spec: &'a Spec,
    signals: Signals,
    listener: UnixListener,
    clients: Vec<Connection>,
    observations: Writer,
    output: OutputLog,
    /// Its standard output alone, if somebody wants that.
    plain: Option<PlainOutput>,
    meter: Meter,
    watch: Watch,
    stop: Option<Stop>,
    translated: u64,
    own_reports: u32,
    nudges: u32,
    /// The agent's input, if it stays open.
    duplex: Option<Duplex>,
    signal: Option<SignalFile>,
    /// The agent's conversation, as it was reported last.
    conversation: Option<Report>,
    result: Option<AgentResult>,
    storage_failed: Option<String>,
    exit: Option<Exit>,
    /// Where a person can look on.
    terminal: Option<Terminal>,
    /// The terminal is gone, and the agent is stopped for that.
    hung_up: bool,
}

impl<'a> Server<'a> {
    /// Makes the session's files and listens.
    pub(super) fn open(
        dir: &'a SessionDir,
        spec: &'a Spec,
        signals: Signals,
        first: Option<UnixStream>,
        terminal: Option<Terminal>,
    ) -> io::Result<Self> {
        let listener = socket::bind(&dir.socket())?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            dir,
            spec,
            signals,
            listener,
            clients: first.map(Connection::new).transpose()?.into_iter().collect(),
            observations: Writer::create(&dir.observations(), spec.epoch)?,
            output: OutputLog::create(dir.output(), spec.limits.output_bytes)?,
            plain: spec.stdout_bytes.map(|limit| PlainOutput::create(&dir.stdout(), limit)).transpose()?,
            meter: Meter::new(spec, Instant::now()),
            watch: Watch::new(spec.limits.loops, spec.prompt == PromptVia::Duplex, Instant::now()),
            stop: None,
            translated: 0,
            own_reports: 0,
            nudges: 0,
            duplex: None,
            signal: SignalFile::open(dir, spec),
            conversation: None,
            result: None,
            storage_failed: None,
            exit: None,
            terminal,
            hung_up: false,
        })
    }

    /// Follows the agent until its whole tree is dead.
    ///
    /// # Errors
    /// When the system no longer lets processes be waited for: then nothing is known, and nothing is claimed.
    pub(super) fn follow(&mut self, mut agent: Agent) -> io::Result<Exit> {
        let (begun, started_at) = (Instant::now(), clock::now());
        let mut tree = Tree::new(agent.process.pid, self.spec.session.to_string());
        let mut translation = Translation::new(self.spec.translator, &self.spec.asked);
        let mut buffer = vec![0; READ_BYTES];
        self.started(&agent, begun, started_at);
        self.duplex = agent.duplex.take();
        self.feed_input();
        let (mut scan, mut scan_ms, mut woken_late) = (begun, SCAN_MS.0, Duration::ZERO);
        loop {
            let now = Instant::now();
            if tree.ended.is_none() {
                if self.stop.is_none()
                    && let Some(why) = self.meter.breach(now, woken_late).or_else(|| self.lingers(now))
                {
                    self.begin_stop(why);
                }
                match self.stop.as_mut().and_then(|stop| stop.next(now)) {
                    Some(StopSignal::Kill) => tree.kill()?,
                    Some(asked) => tree.ask(asked.signal()),
                    None => {}
                }
            } else if now >= scan {
                let alone = tree.reap()?;
                if alone && tree.kill_marked()? {
                    break;
                }
                tree.kill()?;
                scan = Instant::now().plus(Span::from_millis(scan_ms));
                scan_ms = (scan_ms * 2).min(SCAN_MS.1);
            }
            let deadline = match (&tree.ended, &self.stop) {
                (Some(_), _) => Some(scan),
                (None, Some(stop)) => Some(stop.due),
                (None, None) => self.due(),
            };
            self.serve_clients();
            let running = tree.ended.is_none();
            let ready = self.wait(Some(&agent), running, deadline)?;
            woken_late = deadline.map_or(Duration::ZERO, Instant::elapsed);
            for source in ready {
                match source {
                    Source::Child | Source::Agent => {
                        drain(&self.signals.child);
                        tree.reap()?;
                        // Something has changed, so it is worth looking again at once.
                        scan = Instant::now();
                    }
                    Source::Terminate => {
                        drain(&self.signals.terminate);
                        self.begin_stop(StopWhy::Ordered);
                    }
                    Source::Hangup => self.hang_up(),
                    Source::Terminal => self.feed_terminal(),
                    Source::Prompt => {
                        if !agent.prompt.as_mut().is_some_and(super::start::Feeder::feed) {
                            agent.prompt = None;
                        }
                    }
                    Source::Input => self.feed_input(),
                    Source::Signal => self.read_signal(),
                    Source::Stdout => {
                        let count = read_some(&mut agent.stdout, &mut buffer);
                        let bytes = buffer.get(..count).unwrap_or_default();
                        self.printed(bytes, &mut translation);
                    }
                    Source::Stderr => {
                        let count = read_some(&mut agent.stderr, &mut buffer);
                        self.complained(buffer.get(..count).unwrap_or_default());
                    }
                    Source::Listener => self.accept(),
                    Source::Client(index) => self.serve_requests(index),
                    Source::Gone(index) => self.gone(index),
                }
            }
        }
        self.drain_pipes(&mut agent, &mut buffer, &mut translation);
        for report in translation.end() {
            self.translated(report);
        }
        self.duplex = None;
        self.read_signal();
        Ok(self.ending(&tree, begun, started_at))
    }

    fn started(&mut self, agent: &Agent, begun: Instant, at: Time) {
        let process = agent.process;
        let kept = process::boot_id().map_err(|error| error.to_string()).and_then(|boot_id| {
            let started = Started { version: 1, boot_id, process, at, boot_ms: begun.boot_millis() };
            self.dir.write_started(&started).map_err(|error| error.to_string())
        });
        if let Err(error) = kept {
            self.storage_failed(&error);
        }
        self.record(Report::Started { pid: process.pid, start_ticks: process.start_ticks });
    }

    fn begin_stop(&mut self, why: StopWhy) {
        if self.stop.is_none() {
            self.stop = Some(Stop::new(why, &self.spec.stop, Instant::now()));
            self.record(Report::Stopping { why });
        }
    }

    /// Writes an observation. One that cannot be kept ends the agent: nobody would know what it does.
    fn record(&mut self, report: Report) {
        if let Err(error) = self.observations.append(report) {
            self.storage_failed(&error.to_string());
        }
    }

    fn storage_failed(&mut self, error: &str) {
        if self.storage_failed.is_none() {
            log(format_args!("cannot keep what is observed: {error}"));
            self.storage_failed = Some(error.to_owned());
            self.begin_stop(StopWhy::Storage);
        }
    }

    fn printed(&mut self, bytes: &[u8], translation: &mut Translation) {
        self.heard(bytes);
        if let Some(plain) = &mut self.plain {
            plain.write(bytes);
        }
        for report in translation.read(bytes) {
            self.translated(report);
        }
        for call in translation.calls() {
            self.watch.called(call, Instant::now()).into_iter().for_each(|report| self.record(report));
        }
        for aside in translation.asides() {
            self.converse(aside);
        }
        if let Some(terminal) = &mut self.terminal {
            terminal.printed(bytes);
            self.feed_terminal();
        }
    }

    fn complained(&mut self, bytes: &[u8]) {
        self.heard(bytes);
        if let Some(terminal) = &mut self.terminal {
            terminal.complained(bytes);
            self.feed_terminal();
        }
    }

    fn heard(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.alive();
            self.output.write(bytes);
        }
    }

    /// A sign of life.
    fn alive(&mut self) {
        let now = Instant::now();
        self.meter.heard(now);
        self.watch.heard(now);
    }

    /// Takes note of what is reported about how the agent does. One that waits until a time that it names is not silent.
    fn witness(&mut self, report: &Report) {
        if let Some(delay) = self.watch.reported(report) {
            self.meter.heard(Instant::now().plus(delay));
        }
    }

    fn feed_terminal(&mut self) {
        if self.terminal.as_mut().is_some_and(|terminal| !terminal.feed()) {
            self.terminal = None;
        }
    }

    /// Whoever closes the terminal of a session ends it. Without one nobody is meant: the signal came by mistake.
    fn hang_up(&mut self) {
        drain(&self.signals.hangup);
        if self.spec.runtime != Runtime::Headless && self.stop.is_none() {
            (self.terminal, self.hung_up) = (None, true);
            self.begin_stop(StopWhy::Ordered);
        }
    }

    fn translated(&mut self, report: Report) {
        if self.is_known(&report) {
            return;
        }
        self.meter.count(&report, self.spec);
        self.witness(&report);
        if let Report::Result(result) = &report {
            self.result = Some(result.clone());
        }
        self.translated += 1;
        if self.translated <= TRANSLATED_MAX || matches!(report, Report::Result(_)) {
            self.record(report);
        }
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            // Beyond the limit, and for other users, the connection just closes.
            if self.clients.len() < CLIENTS_MAX && socket::same_user(&stream) {
                self.clients.extend(Connection::new(stream));
            }
        }
    }

    fn serve_clients(&mut self) {
        for client in &mut self.clients {
            client.push(&self.observations, self.exit.as_ref());
        }
        self.clients.retain(|client| !client.finished());
    }

    fn gone(&mut self, index: usize) {
        self.clients.get_mut(index).into_iter().for_each(Connection::gone);
    }

    fn serve_requests(&mut self, index: usize) {
        let lines = self.clients.get_mut(index).map(Connection::receive).unwrap_or_default();
        for line in lines {
            let reply = match line {
                Line::Refused(code, message) => Reply::Error { code, message },
                Line::Request(Request::Report(_) | Request::Nudge { .. })
                    if self.clients.get_mut(index).is_some_and(Connection::is_stranger) =>
                {
                    let message = "this comes out of another session".to_owned();
                    Reply::Error { code: Code::Stranger, message }
                }
                Line::Request(Request::Subscribe { after }) => {
                    self.clients.get_mut(index).into_iter().for_each(|client| client.subscribe(after));
                    Reply::Ok { n: None, version: Some(VERSION) }
                }
                Line::Request(request) => self.carry_out(request),
            };
            self.clients.get_mut(index).into_iter().for_each(|client| client.reply(&reply));
        }
    }

    fn carry_out(&mut self, request: Request) -> Reply {
        let refuse = |code, message: &str| Reply::Error { code, message: message.to_owned() };
        match request {
            Request::Subscribe { .. } => Reply::Ok { n: None, version: None },
            Request::Vitals {} => Reply::Vitals(self.watch.vitals(Instant::now())),
            Request::Stop { epoch } | Request::Nudge { epoch, .. } | Request::Ceiling { epoch, .. }
                if epoch != self.spec.epoch =>
            {
                refuse(Code::Stale, &format!("this is attempt {}", self.spec.epoch))
            }
            Request::Stop { .. } | Request::Nudge { .. } | Request::Ceiling { .. } | Request::Report(_)
                if self.exit.is_some() =>
            {
                refuse(Code::Ended, "the agent has ended")
            }
            Request::Stop { .. } => {
                self.begin_stop(StopWhy::Ordered);
                Reply::Ok { n: None, version: None }
            }
            Request::Ceiling { micros, .. } => {
                self.meter.raise(Money::from_micros(micros));
                Reply::Ok { n: None, version: None }
            }
            Request::Nudge { text, by, .. } => self.nudge(text, by),
            Request::Report(_) if self.own_reports >= REPORTS_MAX => {
                refuse(Code::Limit, &format!("an agent makes at most {REPORTS_MAX} reports"))
            }
            Request::Report(own) => self.own_report(own),
        }
    }
}

/// Reads what is there. A pipe at its end, or broken, is closed.
fn read_some<R: Read>(pipe: &mut Option<R>, buffer: &mut [u8]) -> usize {
    let Some(open) = pipe else { return 0 };
    match open.read(buffer) {
        Ok(count @ 1..) => count,
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => 0,
        Ok(0) | Err(_) => {
            *pipe = None;
            0
        }
    }
}

fn drain(mut stream: &UnixStream) {
    let mut bytes = [0; 64];
    while matches!(stream.read(&mut bytes), Ok(1..)) {}
}
