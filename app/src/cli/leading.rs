//! The leading word: `convoy convoy list` is `convoy list`.
//!
//! Other tools have their convoys below a word of their own, `gt convoy list`. With it dropped here, an alias of such a
//! tool's name runs scripts that were written for it.

use std::ffi::{OsStr, OsString};

use clap::{ArgAction, Args};

use super::flags::Global;

/// The arguments without one redundant word `convoy`, which stands before the command and after global flags.
pub(super) fn dropped(mut args: Vec<OsString>) -> Vec<OsString> {
    let global = Global::augment_args(clap::Command::new("convoy"));
    let takes_value = |found: &dyn Fn(&clap::Arg) -> bool| {
        global
            .get_arguments()
            .any(|arg| found(arg) && matches!(arg.get_action(), ArgAction::Set | ArgAction::Append))
    };
    let mut at = 1;
    while let Some(arg) = args.get(at).and_then(|arg| arg.to_str()) {
        let length = match arg.strip_prefix("--") {
            Some("") => return args,
            Some(long) if !long.contains('=') && takes_value(&|arg| arg.get_long() == Some(long)) => 2,
            Some(_) => 1,
            None => match arg.strip_prefix('-') {
                // Of joined short flags only the last may take the next word.
                Some(short)
                    if short
                        .chars()
                        .last()
                        .is_some_and(|last| takes_value(&|arg| arg.get_short() == Some(last)))
                        && !short
                            .chars()
                            .rev()
                            .skip(1)
                            .any(|c| takes_value(&|arg| arg.get_short() == Some(c))) =>
                {
                    2
                }
                Some(_) => 1,
                None => break,
            },
        };
        at += length;
    }
    if args.get(at).is_some_and(|word| word == OsStr::new("convoy")) && args.len() > at + 1 {
        args.remove(at);
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_leading_word_is_dropped_and_no_other() {
        let cases = [
            ("convoy list", "list"),
            ("--json -C /x convoy list", "--json -C /x list"),
            ("-qC convoy convoy list", "-qC convoy list"),
            ("-Cconvoy convoy list", "-Cconvoy list"),
            ("--as convoy convoy list convoy", "--as convoy list convoy"),
            ("--as=me convoy create convoy gt-1", "--as=me create convoy gt-1"),
            ("convoy convoy list", "convoy list"),
            ("create convoy gt-1", "create convoy gt-1"),
            ("-- convoy list", "-- convoy list"),
            ("issue list --label convoy", "issue list --label convoy"),
            ("convoy", "convoy"),
            ("--json", "--json"),
        ];
        let words = |text: &str| -> Vec<OsString> {
            std::iter::once("convoy").chain(text.split(' ')).map(OsString::from).collect()
        };
        for (given, expected) in cases {
            assert_eq!(dropped(words(given)), words(expected), "{given}");
        }
    }
}
