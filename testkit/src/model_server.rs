//! A scripted model server on 127.0.0.1 that real agents talk to, so that tests need no account and no network.
//!
//! It keeps no conversation: which step comes next is read from the request itself, as the number of tool
//! results since the last real prompt. One server therefore serves any number of agents at once, also killed
//! and resumed ones. What it does keep is a log of calls, the count of failures already shown (`error.times`)
//! and which gates are open.
//!
//! The script's name is in the base URL, `http://127.0.0.1:PORT/s/NAME`. Each protocol is one module that reads
//! a request as a `Turn` and writes a `Reply`; Anthropic Messages, OpenAI Responses and Gemini's `generateContent`
//! are there.

mod anthropic;
mod gemini;
mod responses;
mod script;
mod turn;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use tiny_http::{Method, Request, Server, StatusCode};

pub use script::{BadScript, Branch, Call, Error, Script, Step, Usage, Write};
use turn::{Reply, Turn};

/// Largest request body; a long conversation of an agent is well below.
const BODY_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How often a closing port is looked at before it is left to itself.
const CLOSING_LOOKS_MAX: usize = 1_000;

/// A request that the server has seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// The script's name.
    pub script: String,
    /// The path after the script's name.
    pub path: String,
    /// The model that was asked for; empty where the protocol names none.
    pub model: String,
    /// Which step was played. `None` for anything that is not a step: titles, token counts, lists.
    pub step: Option<usize>,
    /// The newest prompt of the conversation.
    pub prompt: String,
    /// How many prompts the conversation has; a fresh one has the fewest.
    pub prompts: usize,
    /// What the model had said before in it.
    pub said: String,
}

/// A running server. It stops, and lets go every held request, when this value is dropped.
pub struct ModelServer {
    port: u16,
    shared: Arc<Shared>,
    /// Absent only while it stops.
    server: Option<Arc<Server>>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    scripts: BTreeMap<String, Arc<Script>>,
    seen: Vec<Seen>,
    /// How often the error of a step was shown: script, branch, step.
    failures: BTreeMap<(String, Option<usize>, usize), u32>,
    open: BTreeSet<String>,
    stopped: bool,
}

impl ModelServer {
    /// Starts on a free port, with one script named `commit` (writes `hello.txt`, commits it).
    ///
    /// # Panics
    /// When 127.0.0.1 has no free port.
    pub fn start() -> Self {
        let server = Arc::new(Server::http("127.0.0.1:0").expect("a free port on 127.0.0.1"));
        let port = server.server_addr().to_ip().expect("the server listens on TCP").port();
        let shared = Arc::new(Shared::default());
        let acceptor = thread({
            let (server, shared) = (Arc::clone(&server), Arc::clone(&shared));
            move || {
                // One thread for each request: a held one must not keep another waiting.
                while let Ok(request) = server.recv() {
                    let shared = Arc::clone(&shared);
                    drop(thread(move || shared.serve(request)));
                }
            }
        });
        let this = Self { port, shared, server: Some(server), acceptor: Some(acceptor) };
        this.add("commit", Script::commits("hello.txt", "hello\n", "Add hello.txt"));
        this
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Adds or replaces a script and returns its URL.
    pub fn add(&self, name: &str, script: Script) -> String {
        self.shared.lock().scripts.insert(name.to_owned(), Arc::new(script));
        self.url(name)
    }

    /// The base URL of a script, without a slash or a version at its end.
    pub fn url(&self, script: &str) -> String {
        format!("http://127.0.0.1:{}/s/{script}", self.port)
    }

    /// How many steps of a script were asked for, failures and held ones included.
    pub fn calls(&self, script: &str) -> usize {
        self.shared.lock().calls(script)
    }

    /// Everything that was asked, in order.
    pub fn log(&self) -> Vec<Seen> {
        self.shared.lock().seen.clone()
    }

    /// Waits until a script was called `count` times; false when the time is over first.
    pub fn wait_calls(&self, script: &str, count: usize, timeout: Duration) -> bool {
        let state = self.shared.lock();
        let waiting = |state: &mut State| state.calls(script) < count;
        let result = self.shared.changed.wait_timeout_while(state, timeout, waiting);
        !result.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Lets go every request that a step holds by this gate, now and later.
    pub fn open(&self, gate: &str) {
        self.shared.lock().open.insert(gate.to_owned());
        self.shared.changed.notify_all();
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_all();
        if let Some(server) = &self.server {
            server.unblock();
        }
        if let Some(acceptor) = self.acceptor.take() {
            drop(acceptor.join());
        }
        // The crate closes its port a moment later, in a thread of its own; a test may rely on its being shut.
        drop(self.server.take());
        let open = || std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok();
        (0..CLOSING_LOOKS_MAX).take_while(|_| open()).for_each(|_| std::thread::yield_now());
    }
}

impl State {
    fn calls(&self, script: &str) -> usize {
        self.seen.iter().filter(|s| s.script == script && s.step.is_some()).count()
    }
}

/// A protocol: how a request is read and a reply is written.
#[derive(Clone, Copy)]
enum Protocol {
    Anthropic,
    Responses,
    Gemini,
}

impl Protocol {
    fn of(path: &str) -> Option<Self> {
        match path.rsplit('/').next() {
            Some("messages") => Some(Self::Anthropic),
            Some("responses") => Some(Self::Responses),
            _ => gemini::asked(path).map(|_| Self::Gemini),
        }
    }
    fn read(self, path: &str, body: &Value) -> Turn {
        match self {
            Self::Anthropic => anthropic::read(body),
            Self::Responses => responses::read(body),
            Self::Gemini => gemini::read(path, body),
        }
    }
    fn error(self, error: &Error) -> Answer {
        let Error { status, code, message, .. } = error;
        match self {
            Self::Anthropic | Self::Responses => Answer::error(*status, code, message),
            Self::Gemini => Answer::json(*status, &gemini::error(*status, code, message)),
        }
    }
    fn whole(self, turn: &Turn, reply: &Reply) -> Value {
        match self {
            Self::Anthropic => anthropic::message(turn, reply),
            Self::Responses => responses::response(turn, reply),
            Self::Gemini => gemini::response(turn, reply),
        }
    }
    fn events(self, turn: &Turn, reply: &Reply) -> Vec<Value> {
        match self {
            Self::Anthropic => anthropic::events(turn, reply),
            Self::Responses => responses::events(turn, reply),
            Self::Gemini => vec![gemini::response(turn, reply)],
        }
    }
}

/// What goes back: status, content type, text.
struct Answer(u16, &'static str, String);

impl Answer {
    fn json(status: u16, value: &Value) -> Self {
        Self(status, "application/json", value.to_string())
    }
    /// Anthropic and `OpenAI` clients understand this shape.
    fn error(status: u16, code: &str, message: &str) -> Self {
        let error = json!({ "type": code, "code": code, "message": message });
        Self::json(status, &json!({ "type": "error", "error": error }))
    }
    fn stream(events: &[Value]) -> Self {
        // Gemini's events have no names, and its client takes a line with one for data.
        let name = |e: &Value| e["type"].as_str().map_or(String::new(), |name| format!("event: {name}\n"));
        let lines = events.iter().map(|e| format!("{}data: {e}\n\n", name(e)));
        Self(200, "text/event-stream", lines.collect())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut request: Request) {
        let stopping = || Answer::error(503, "api_error", "the scripted server stops");
        let Answer(status, kind, text) = self.answer(&mut request).unwrap_or_else(stopping);
        let body = if *request.method() == Method::Head { "" } else { &text };
        // Written by hand because the crate cannot say `close`, and a connection that outlives the server
        // would let an agent wait for ever.
        let head = format!(
            "HTTP/1.1 {status} {}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\ncache-control: no-cache\r\n\
             retry-after: 0\r\nrequest-id: {}\r\nconnection: close\r\n\r\n",
            StatusCode(status).default_reason_phrase(),
            text.len(),
            fresh_id("req_"),
        );
        let mut writer = request.into_writer();
        // The client may be gone; that is its business.
        drop(writer.write_all(format!("{head}{body}").as_bytes()).and_then(|()| writer.flush()));
    }

    fn answer(&self, request: &mut Request) -> Option<Answer> {
        let url = request.url().split('?').next().unwrap_or_default().to_owned();
        let (name, path) = url.strip_prefix("/s/").map_or(("", url.as_str()), |rest| {
            rest.split_once('/').map_or((rest, "/"), |(name, _)| (name, &rest[name.len()..]))
        });
        if *request.method() == Method::Head {
            return Some(Answer::json(200, &Value::Null));
        }
        let Some(script) = self.lock().scripts.get(name).cloned() else {
            return Some(Answer::error(404, "not_found_error", &format!("no script is named {name:?}")));
        };
        let mut text = String::new();
        if let Err(e) = request.as_reader().take(BODY_BYTES_MAX).read_to_string(&mut text) {
            return Some(Answer::error(
                400,
                "invalid_request_error",
                &format!("body is not plain text: {e}"),
            ));
        }
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        if let Some(protocol) = Protocol::of(path).filter(|_| *request.method() == Method::Post) {
            return self.play(name, path, &script, protocol, &body);
        }
        let model = body["model"].as_str().unwrap_or_default().to_owned();
        self.saw(name, path, None, &Turn { model, ..Turn::default() });
        Some(match path.rsplit('/').next() {
            Some("count_tokens") => Answer::json(200, &json!({ "input_tokens": 1234 })),
            Some("models") => Answer::json(200, &models()),
            Some("") => Answer::json(200, &json!({ "scripted": name })),
            _ => Answer::error(404, "not_found_error", path),
        })
    }

    fn saw(&self, script: &str, path: &str, step: Option<usize>, turn: &Turn) {
        self.lock().seen.push(Seen {
            script: script.to_owned(),
            path: path.to_owned(),
            model: turn.model.clone(),
            step,
            prompt: turn.prompts.last().cloned().unwrap_or_default(),
            prompts: turn.prompts.len(),
            said: turn.said.clone(),
        });
        self.changed.notify_all();
    }

    /// Plays one step; `None` when the server stopped meanwhile.
    fn play(
        &self,
        name: &str,
        path: &str,
        script: &Script,
        protocol: Protocol,
        body: &Value,
    ) -> Option<Answer> {
        let turn = protocol.read(path, body);
        let reply = if turn.tools.is_empty() {
            self.saw(name, path, None, &turn);
            turn.side_reply(script.side_text.as_deref())
        } else {
            let (branch, steps) = script.steps_for(&turn.prompts);
            // After the last step there is nothing left to do; to repeat it would never end.
            let end = Step::say("There is nothing left to do.");
            let step = steps.get(turn.step).unwrap_or(&end);
            self.saw(name, path, Some(turn.step), &turn);
            self.wait(step)?;
            if let Some(error) = &step.error
                && self.fails((name.to_owned(), branch, turn.step), error.times)
            {
                return Some(protocol.error(error));
            }
            turn.reply(step)
        };
        Some(if turn.stream {
            Answer::stream(&protocol.events(&turn, &reply))
        } else {
            Answer::json(200, &protocol.whole(&turn, &reply))
        })
    }

    /// Delay and gate of a step; `None` when the server stopped meanwhile.
    fn wait(&self, step: &Step) -> Option<()> {
        let mut state = self.lock();
        if step.delay_ms > 0 {
            let delay = Duration::from_millis(step.delay_ms);
            let waited = self.changed.wait_timeout_while(state, delay, |s| !s.stopped);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let held = |s: &mut State| {
            let shut = step.hold.as_ref().is_some_and(|gate| !s.open.contains(gate));
            !s.stopped && (step.hang || shut)
        };
        let state = self.changed.wait_while(state, held).unwrap_or_else(PoisonError::into_inner);
        (!state.stopped).then_some(())
    }

    fn fails(&self, key: (String, Option<usize>, usize), times: Option<u32>) -> bool {
        let mut state = self.lock();
        let shown = state.failures.entry(key).or_default();
        *shown += 1;
        times.is_none_or(|times| *shown <= times)
    }
}

fn models() -> Value {
    let model = json!({
        "id": "scripted", "object": "model", "type": "model", "display_name": "Scripted", "owned_by": "convoy",
        "created": 1, "created_at": "2026-01-01T00:00:00Z",
    });
    json!({ "object": "list", "data": [model], "models": [], "has_more": false })
}

/// An id that no other reply of any server of this machine has: usage is settled once for each message id.
fn fresh_id(prefix: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}{:08x}{number:012x}", std::process::id())
}

#[expect(clippy::disallowed_methods, reason = "a test server; the product's threads start elsewhere")]
fn thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    std::thread::spawn(work)
}
