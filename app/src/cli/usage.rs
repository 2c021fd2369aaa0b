//! Command lines that are not accepted, and help: what clap found, in the form of every other error.

use std::ffi::OsString;

use anstream::ColorChoice;
use clap::error::ErrorKind;

use crate::error::Error;
use crate::output::Output;
use crate::text;

/// Prints what clap has to say; the exit status.
pub(super) fn report(error: &clap::Error, args: &[OsString]) -> u8 {
    let words = || args.iter().skip(1).take_while(|arg| *arg != "--").filter_map(|arg| arg.to_str());
    let json = words().any(|arg| arg == "--json");
    let color =
        if words().any(|arg| arg == "--color=never") { ColorChoice::Never } else { ColorChoice::Auto };
    let mut out = Output::new(json, false, false, color);
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            match out.raw(&error.render().ansi().to_string()) {
                Ok(()) => 0,
                Err(error) => {
                    out.error(&error);
                    error.status
                }
            }
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand if !json => {
            out.aside(&error.render().ansi().to_string());
            2
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            out.error(&Error::usage("a command is missing").hint("see 'convoy --help'"));
            2
        }
        _ if json => {
            out.error(&as_error(error));
            2
        }
        _ => {
            // Arguments may hold anything, titles of issues for one: what clap repeats of them is made safe.
            out.aside(&text::block(&error.render().to_string()));
            2
        }
    }
}

/// The first paragraph is what is wrong; tips among the others are what to do.
fn as_error(error: &clap::Error) -> Error {
    let rendered = error.render().to_string();
    let mut parts = rendered.split("\n\n").map(str::trim);
    let first = parts.next().unwrap_or_default();
    let message: Vec<&str> = first.trim_start_matches("error: ").split_whitespace().collect();
    let tips = parts.filter_map(|part| part.strip_prefix("tip: "));
    tips.fold(Error::usage(message.join(" ")), |error, tip| error.hint(tip)).hint("see the command's --help")
}
