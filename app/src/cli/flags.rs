//! Flags that every command takes.

use std::path::PathBuf;

use anstream::ColorChoice;
use clap::{Args, ValueEnum};
use convoy_engine::os::spawn::Environment;

use super::context::Context;
use crate::output::Output;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

/// Flags that every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Work in the workspace of this folder
    #[arg(short = 'C', value_name = "DIR", global = true)]
    dir: Option<PathBuf>,
    /// Print one JSON value, and errors as JSON on stderr
    #[arg(long, global = true)]
    json: bool,
    /// Who asks: an address
    #[arg(long = "as", value_name = "ADDR", global = true)]
    actor: Option<String>,
    /// Make a repeated command the same command
    #[arg(long, value_name = "KEY", global = true)]
    key: Option<String>,
    /// When to use colour
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto", hide_default_value = true)]
    color: Color,
    /// Print only ids and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Print more about what is done
    #[arg(short, long, global = true)]
    verbose: bool,
}

impl Global {
    /// What these flags have a command run in.
    pub(super) fn context(self, env: Environment) -> Context {
        let color = match self.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        let out = Output::new(self.json, self.quiet, self.verbose, color);
        Context::new(env, out, self.dir, self.actor, self.key)
    }
}
