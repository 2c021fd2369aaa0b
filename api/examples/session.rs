//! Begins, pauses and goes on with a person's session from Rust, through a running engine.
//!
//! ```sh
//! convoy up
//! cargo run -p convoy-api --example session -- .convoy/state/socket <rig> "$PWD"
//! ```
//!
//! Every surface of Convoy speaks to the engine by these calls: an order is decided and durable when it returns, a
//! question is answered from what is durable, and a watch says what happens from then on.

use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use convoy_api::client::Client;
use convoy_api::core::command::Request;
use convoy_api::core::event::Event;
use convoy_api::core::id::Seq;
use convoy_api::core::view::EpicView;
use convoy_api::{Answer, Code, Failure, Order, Outcome, Query, Service};

/// The epic that this example works on.
const EPIC: &str = "example";

/// Begins a session in a checkout, pauses it, and goes on: the epic as it is then.
///
/// # Errors
/// Whatever the engine refuses, or that it cannot be reached.
pub fn work(engine: &dyn Service, rig: &str, checkout: &str) -> Result<EpicView, Failure> {
    let first = start(engine, rig, checkout, false)?;
    pause(engine, "lunch", first.seq)?;
    start(engine, rig, checkout, true)?;
    epic(engine)
}

/// Begins a session. With `resume` it has the next number, and the session before as its parent.
fn start(engine: &dyn Service, rig: &str, checkout: &str, resume: bool) -> Result<Outcome, Failure> {
    order(
        engine,
        Request::SessionStart {
            epic: Some(EPIC.to_owned()),
            rig: rig.to_owned(),
            path: checkout.to_owned(),
            resume,
            budget: None,
            sequence: 0,
            from: None,
        },
    )
}

/// Pauses it, and waits until its checkpoint is in git: `checkpoint.made` is said after that, never before.
fn pause(engine: &dyn Service, reason: &str, since: Seq) -> Result<(), Failure> {
    let events = engine.watch(since)?;
    order(
        engine,
        Request::SessionPause { epic: Some(EPIC.to_owned()), path: None, reason: Some(reason.to_owned()) },
    )?;
    let mut wanted = None;
    for event in events {
        match event?.event {
            Event::CheckpointWanted { checkpoint } if checkpoint.reason.name() == "paused" => {
                wanted = Some(checkpoint.id);
            }
            Event::CheckpointMade { checkpoint, .. } if wanted.as_ref() == Some(&checkpoint) => return Ok(()),
            Event::CheckpointFailed { checkpoint, why } if wanted.as_ref() == Some(&checkpoint) => {
                return Err(Failure::new(Code::Refused, format!("{checkpoint} could not be made: {why}")));
            }
            _ => {}
        }
    }
    Err(Failure::new(Code::Unavailable, "the engine has left"))
}

/// The epic with its sessions and checkpoints, the newest first.
fn epic(engine: &dyn Service) -> Result<EpicView, Failure> {
    match engine.ask(Query::Epic { epic: Some(EPIC.to_owned()), path: None })? {
        Answer::Epic { epic } => Ok(*epic),
        _ => Err(Failure::new(Code::Unavailable, "an answer to another question")),
    }
}

fn order(engine: &dyn Service, request: Request) -> Result<Outcome, Failure> {
    engine.order(Order { request, actor: "overseer".to_owned(), key: None, dry_run: false })
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "an example is a command line of its own")]
fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (Some(socket), Some(rig), Some(checkout)) = (args.next(), args.next(), args.next()) else {
        eprintln!("usage: session <socket> <rig> <checkout>");
        return ExitCode::from(2);
    };
    let engine = Client::new(move || UnixStream::connect(&socket));
    match work(&engine, &rig, &checkout) {
        Ok(epic) => {
            for session in &epic.sessions {
                println!("session {} is {}", session.number, session.state);
            }
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(failure.code.exit_status())
        }
    }
}
