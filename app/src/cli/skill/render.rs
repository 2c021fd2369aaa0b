//! Filling in what a skill says of commands: usage lines and arguments, as the definitions have them.
//!
//! A line `{{usage convoy issue create}}` becomes that command's usage and arguments. A command that is not there is an
//! error, which a test over all skills turns up.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command, CommandFactory as _};

use crate::cli::Cli;

const OPEN: &str = "{{usage ";
const CLOSE: &str = "}}";

/// The text with its references; an error names the one that is dead.
pub(super) fn filled(body: &str) -> Result<String, String> {
    let mut all = Cli::command();
    all.build();
    let mut text = String::new();
    for line in body.lines() {
        match line.strip_prefix(OPEN).and_then(|rest| rest.strip_suffix(CLOSE)) {
            None if line.contains(OPEN) => return Err(format!("a reference within a line: {line}")),
            None => text.push_str(line),
            Some(path) => text.push_str(usage(&mut all, path)?.trim_end()),
        }
        text.push('\n');
    }
    Ok(text)
}

/// The usage and the arguments of the command with this path.
fn usage(all: &mut Command, path: &str) -> Result<String, String> {
    let mut words = path.split_whitespace();
    if words.next() != Some(all.get_name()) {
        return Err(format!("'{path}' is no command of this program"));
    }
    let mut command = all;
    for word in words {
        let next = command.find_subcommand_mut(word).filter(|next| !next.is_hide_set());
        command = next.ok_or_else(|| format!("'{path}': there is no '{word}'"))?;
    }
    let usage = command.render_usage().to_string();
    let mut text = format!("```text\n{}\n```\n\n", usage.trim_start_matches("Usage: ").trim_end());
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let _ = writeln!(text, "{about}.");
    let arguments = command.get_arguments().filter(|arg| !arg.is_global_set() && !arg.is_hide_set());
    let own: Vec<String> = arguments.filter(|arg| !is_help(arg)).map(argument).collect();
    if !own.is_empty() {
        let _ = write!(text, "\n{}", own.concat());
    }
    Ok(text)
}

fn is_help(arg: &Arg) -> bool {
    matches!(
        arg.get_action(),
        ArgAction::Help | ArgAction::HelpLong | ArgAction::HelpShort | ArgAction::Version
    )
}

/// One line of the list of arguments.
fn argument(arg: &Arg) -> String {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let values: Vec<String> =
        arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    let is_flag = !arg.get_action().takes_values();
    let values =
        if is_flag || values.is_empty() { String::new() } else { format!(" ({})", values.join(", ")) };
    let head = if arg.is_positional() { arg.to_string() } else { flags(arg) };
    format!("- `{head}`: {help}{values}\n")
}

/// `-f, --follow`, `--base <BRANCH>`.
fn flags(arg: &Arg) -> String {
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    let takes = arg.get_action().takes_values();
    let value = arg.get_value_names().and_then(|names| names.first()).filter(|_| takes);
    let value = value.map(|value| format!(" <{value}>")).unwrap_or_default();
    format!("{}{value}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_comes_from_the_definitions() {
        let text = filled("a\n{{usage convoy issue create}}\nb\n").unwrap();
        assert!(
            text.starts_with("a\n```text\nconvoy issue create [OPTIONS] <TITLE>\n```\n\nMake an issue.\n"),
            "{text}"
        );
        assert!(text.contains("- `--priority <0-4>`: From 0, most urgent"), "{text}");
        assert!(text.contains("- `--type <TYPE>`: What sort of work (task, bug"), "{text}");
        assert!(text.contains("- `<TITLE>`: One line"), "{text}");
        assert!(!text.contains("--json") && !text.contains("--help"), "{text}");
        assert!(text.ends_with("\nb\n"), "{text}");
    }

    #[test]
    fn a_dead_reference_is_an_error() {
        for dead in ["convoy teleport", "convoy issue teleport", "gt list", "convoy supervise", ""] {
            assert!(filled(&format!("{OPEN}{dead}{CLOSE}")).is_err(), "{dead}");
        }
        assert!(filled("see {{usage convoy list}}").is_err());
    }
}
