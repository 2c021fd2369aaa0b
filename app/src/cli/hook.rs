//! `convoy hook`: what an agent's own program runs at moments of its own. It never fails whoever runs it.

use std::io::{IsTerminal, Read};
use std::path::Path;
use std::time::Duration;

use clap::Args;
use convoy_engine::agent::hooks;
use convoy_engine::supervisor::client::Client;

use super::context::Context;
use crate::error::{DONE, Error};

/// How long the supervisor may take to answer. The agent waits meanwhile.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Report a moment of an agent's program to its session (for hooks)
///
/// Reads what the program says about it from standard input. Outside of a session, or when nobody listens, it does
/// nothing; it prints nothing and always succeeds, because a program may take a hook that fails for a veto.
///
/// Convoy installs it for the agents that it starts, beside whatever hooks you have configured.
#[derive(Debug, Args)]
#[command(after_help = "Moments: session-start, notification, pre-compact, stop, subagent-stop")]
pub(super) struct Hook {
    /// The moment, and whatever a later version says about it
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "MOMENT")]
    moment: Vec<String>,
}

impl Hook {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let mut input = Vec::new();
        // What is handed over is taken in any case, so that a program that hands it over never writes into nothing.
        if !std::io::stdin().is_terminal() {
            let _ = std::io::stdin().take(hooks::INPUT_BYTES_MAX).read_to_end(&mut input);
        }
        // Outside of a session there is nobody to tell.
        if let Some(socket) = ctx.env.get("CONVOY_SOCKET").filter(|socket| !socket.is_empty()) {
            let moment = self.moment.first().map_or("", String::as_str);
            let report = hooks::report(moment, &input);
            // Whether it was heard does not matter to the agent, and nobody else is there to be told.
            let _ = Client::connect_socket(Path::new(socket)).map(|mut client| {
                let heard = client.patience(ANSWER_LIMIT).map(|()| client.report(report));
                drop(heard);
            });
        }
        Ok(DONE)
    }
}
