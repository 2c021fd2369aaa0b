//! Command lines in a Markdown text, and whether this program accepts them. For tests: what is installed was checked when
//! the program was built.

use clap::{CommandFactory as _, error::ErrorKind};

use crate::cli::{Cli, leading};

/// What stands for a value in a text, and one that is accepted in its place.
const VALUES: &[(&str, &str)] = &[
    ("<convoy>", "hq-cv-abc12"),
    ("<issue>", "gt-abc"),
    ("<branch>", "main"),
    ("<usd>", "5"),
    ("<role>", "security"),
    ("<name>", "name"),
    ("<url>", "https://example.com/1"),
    ("<file>", "file.md"),
    ("<text>", "text"),
    ("<model>", "sonnet"),
];

/// Every command line of ours in code spans and code blocks, as it stands there.
pub(super) fn of(markdown: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut block: Option<bool> = None;
    let mut joined = String::new();
    for line in markdown.lines() {
        if let Some(info) = line.trim_start().strip_prefix("```") {
            // A block of plain text has usage lines, which are no command lines.
            block = if block.is_some() { None } else { Some(matches!(info.trim(), "sh" | "console")) };
            continue;
        }
        match block {
            Some(false) => {}
            Some(true) => {
                joined.push_str(line.trim().trim_start_matches("$ "));
                match joined.strip_suffix('\\') {
                    Some(first) => joined = first.to_owned(),
                    None => lines.push(std::mem::take(&mut joined)),
                }
            }
            None => lines.extend(line.split('`').skip(1).step_by(2).map(str::to_owned)),
        }
    }
    lines.retain(|line| line == "convoy" || line.starts_with("convoy "));
    lines
}

/// Long flags that stand alone in code spans.
fn flags(markdown: &str) -> Vec<String> {
    let text = markdown.split("```").step_by(2).collect::<String>();
    let spans = text.split('`').skip(1).step_by(2).filter_map(|span| span.strip_prefix("--"));
    spans.map(|span| span.split([' ', '=']).next().unwrap_or_default().to_owned()).collect()
}

/// What the program would not accept, each with the reason.
pub(super) fn dead(markdown: &str) -> Vec<String> {
    let mut dead = Vec::new();
    let mut all = Cli::command();
    all.build();
    for line in of(markdown) {
        for command in commands(&line) {
            if names(&all, &command) {
                continue;
            }
            let args = leading::dropped(command.into_iter().map(Into::into).collect());
            if let Err(error) = Cli::command().try_get_matches_from(args)
                && error.kind() != ErrorKind::DisplayHelp
            {
                dead.push(format!(
                    "{line}\n    {}",
                    error.render().to_string().lines().next().unwrap_or_default()
                ));
            }
        }
    }
    for flag in flags(markdown) {
        if !has_flag(&all, &flag) {
            dead.push(format!("--{flag}: no command has it"));
        }
    }
    dead
}

/// Whether the words are the name of a command and no more, as a text speaks of it.
fn names(all: &clap::Command, words: &[String]) -> bool {
    let mut command = all;
    for word in &words[1..] {
        let mut visible = command.get_subcommands().filter(|next| !next.is_hide_set());
        let Some(next) = visible.find(|next| next.get_name() == word) else { return false };
        command = next;
    }
    words.len() > 1
}

fn has_flag(command: &clap::Command, flag: &str) -> bool {
    command.get_arguments().any(|arg| {
        arg.get_long() == Some(flag) || arg.get_all_aliases().is_some_and(|all| all.contains(&flag))
    }) || command.get_subcommands().any(|below| has_flag(below, flag))
}

/// The words of each of our commands on a line, with values in place of what stands for them.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let (mut word, mut quote, mut any) = (String::new(), None, false);
    let end = |word: &mut String, any: &mut bool, commands: &mut Vec<Vec<String>>| {
        let text = std::mem::take(word);
        if !std::mem::take(any) && text.is_empty() {
            return;
        }
        match text.as_str() {
            "&&" | "||" | "|" | ";" | ">" => commands.push(Vec::new()),
            _ => commands.last_mut().expect("one is always begun").push(text),
        }
    };
    for c in line.chars() {
        match quote {
            Some(q) if c == q => quote = None,
            None if c == '"' || c == '\'' => (quote, any) = (Some(c), true),
            None if c == ' ' => end(&mut word, &mut any, &mut commands),
            None if c == '#' && word.is_empty() => break,
            _ => word.push(c),
        }
    }
    end(&mut word, &mut any, &mut commands);
    for word in commands.iter_mut().flatten() {
        *word = word.trim_end_matches('…').to_owned();
        for (name, value) in VALUES {
            *word = word.replace(name, value);
        }
    }
    commands.retain(|words| words.first().is_some_and(|word| word == "convoy"));
    commands
}

#[test]
fn command_lines_are_found_where_they_stand() {
    let text = "Run `convoy list`, not `gt list`.\n\n```sh\n$ convoy issue create 'a b' \\\n  --needs <issue>  # why\nls\n```\n\n```text\nconvoy x [OPTIONS]\n```\n";
    assert_eq!(of(text), ["convoy list", "convoy issue create 'a b' --needs <issue>  # why"]);
    assert_eq!(commands(&of(text)[1]), [["convoy", "issue", "create", "a b", "--needs", "gt-abc"]]);
    assert_eq!(commands("convoy list --json | jq '.[0]' && convoy status").len(), 2);
    assert!(dead(text).is_empty(), "{:?}", dead(text));
}

#[test]
fn what_is_not_accepted_is_found() {
    for line in [
        "convoy teleport",
        "convoy list --sideways",
        "convoy wait --any",
        "convoy create x --max-parallel 0",
        "convoy",
    ] {
        assert_eq!(dead(&format!("Do `{line}`.")).len(), 1, "{line}");
        assert_eq!(dead(&format!("```sh\nconvoy list && {line}\n```")).len(), 1, "{line}");
    }
    assert_eq!(dead("With `--sideways` it goes.").len(), 1);
    assert!(dead("With `--json` it goes.").is_empty());
}

/// What a document for people says of commands: words that are none, flags that the command has not. Documents show
/// alternatives and parts of lines, so that no more than that can be asked. `--human` is an address.
fn unknown(all: &clap::Command, line: &str) -> Option<String> {
    let line = line.trim_start_matches("$ ");
    let line = [" #", " | ", " > ", " && "]
        .iter()
        .fold(line, |line, end| line.split(end).next().unwrap_or_default());
    let words = line.split_whitespace();
    let mut words = words.skip(1).filter(|word| *word != "convoy").peekable();
    let mut command = all;
    while let Some(word) = words.peek() {
        let named = word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') && !word.starts_with('-');
        if !command.has_subcommands() || !named {
            break;
        }
        let found = command.find_subcommand(word);
        command = match found {
            Some(next) => next,
            None => return Some(format!("{line}: there is no '{word}'")),
        };
        words.next();
    }
    for word in words {
        let Some(flag) = word.trim_start_matches('[').strip_prefix("--") else { continue };
        let flag: String = flag.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        if !flag.is_empty()
            && !has_flag(command, &flag)
            && !matches!(flag.as_str(), "help" | "version" | "human")
        {
            return Some(format!("{line}: it has no --{flag}"));
        }
    }
    None
}

/// Every command line of ours in a document, in blocks of whatever kind and in spans.
fn in_document(text: &str) -> Vec<String> {
    let (mut lines, mut block) = (Vec::new(), false);
    for line in text.lines() {
        match line.trim_start().strip_prefix("```") {
            Some(_) => block = !block,
            None if block => lines.push(line.trim().trim_start_matches("$ ").to_owned()),
            None => lines.extend(line.split('`').skip(1).step_by(2).map(str::to_owned)),
        }
    }
    // With more blanks it is a table.
    // Or the middle of a sentence that stands in a block.
    lines.retain(|line| line.starts_with("convoy ") && !line.starts_with("convoy  ") && !line.ends_with('.'));
    lines
}

#[test]
fn criterion_9_no_document_speaks_of_a_command_or_flag_that_is_not_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above");
    let mut files: Vec<_> = std::fs::read_dir(root.join("docs"))
        .expect("there are documents")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.extend([root.join("README.md"), root.join("ARCHITECTURE.md"), root.join("CONTRIBUTING.md")]);
    let mut all = Cli::command();
    all.build();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for file in files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "md")) {
        let text = std::fs::read_to_string(file).expect("it is text");
        for line in in_document(&text) {
            count += 1;
            wrong.extend(unknown(&all, &line).map(|why| format!("{}: {why}", file.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 200, "only {count} command lines were found");
    for dead in
        ["convoy teleport", "convoy list --sideways", "convoy issue make x", "convoy sling <issue> [--fast]"]
    {
        assert!(unknown(&all, dead).is_some(), "{dead}");
    }
    assert_eq!(unknown(&all, "convoy sling <issue>… [--agent A] | less"), None);
}
