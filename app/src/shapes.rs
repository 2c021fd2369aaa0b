//! Published shapes of what `api` and the log have, which know no schemas: here once more, for the schemas and for the
//! document of the HTTP API. A test of `cli::schema` compares their keys with what is printed.

use convoy_core::id::{ConvoyId, Epoch, Seq};
use convoy_core::time::Time;
use schemars::JsonSchema;

/// A fact, as `convoy events` prints it.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
pub(crate) struct Event {
    /// Its place in the one total order of the workspace.
    seq: Seq,
    /// When.
    at: Time,
    /// Dotted: convoy.landed, issue.closed.
    r#type: String,
    /// Who.
    actor: String,
    /// The id of what it is about.
    subject: String,
    /// The attempt that it belongs to.
    epoch: Option<Epoch>,
    /// What depends on the type.
    data: serde_json::Map<String, serde_json::Value>,
}

/// What went wrong.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
pub(crate) struct ErrorShape {
    /// What kind.
    code: String,
    /// What and why.
    message: String,
    /// What to do.
    hint: Option<String>,
}

/// What came of one of the things that a command was asked to change.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
pub(crate) struct Item {
    /// Its id, or the reference as given if that leads nowhere.
    id: String,
    /// Whether it is as asked for now.
    ok: bool,
    /// Whether this command changed it.
    changed: bool,
    /// What a person should know about it.
    note: Option<String>,
    /// Why not.
    error: Option<ErrorShape>,
}

/// The engine itself.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
pub(crate) struct Engine {
    /// Whether there is a background engine.
    running: bool,
    pid: u32,
    version: String,
    socket: Option<String>,
    http: Option<String>,
    token_file: Option<String>,
    started_at: Time,
    host: String,
    /// The last event of the log.
    seq: Seq,
    /// Agents at work.
    live_sessions: usize,
    /// Whether nothing is under way or due.
    idle: bool,
    /// Convoys that are open and started.
    open_convoys: Vec<ConvoyId>,
    /// Unread notices.
    unread: usize,
    /// Deliveries that were given up.
    undelivered: usize,
    /// Checkpoints that are being made.
    checkpoints: usize,
}

/// Why something is not running, or has not landed.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
pub(crate) struct WhyShape {
    id: String,
    /// issue, convoy or worker.
    kind: String,
    status: String,
    /// Every reason.
    reasons: Vec<ReasonShape>,
}

/// One reason.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
pub(crate) struct ReasonShape {
    /// For scripts.
    code: String,
    /// For people.
    text: String,
    /// What would change it.
    command: Option<String>,
}
