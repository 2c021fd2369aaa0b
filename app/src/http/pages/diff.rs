//! A change as people read it: file by file, added and removed lines marked.

use convoy_engine::changes::{ChangesView, Place};
use maud::{Markup, html};

use super::parts::{block, commit, empty, safe};

/// Of how many files the lines are shown unfolded.
const UNFOLDED: usize = 20;

/// A file of a change.
struct FileDiff<'a> {
    name: String,
    added: usize,
    removed: usize,
    /// What stands before the first lines: modes, that it is new, or binary.
    about: Vec<&'a str>,
    lines: Vec<&'a str>,
}

/// A change.
pub(super) fn show(view: &ChangesView) -> Markup {
    let (stat, change) = (&view.change.stat, &view.change);
    let place = match view.place {
        Place::Workdir => "in the workdir, committed or not",
        Place::Branch => "on its branch",
        Place::Landed => "as it landed",
    };
    let text = block(&change.text);
    let files = divide(&text);
    let nothing = files.is_empty() && change.left_out_total == 0;
    html! {
        @if nothing {
            (empty("Nothing is changed.", &format!("Looked at {place}."), None))
        } @else {
            p {
                span.num { (stat.files) @if stat.files == 1 { " file " } @else { " files " } }
                span.num.plus { "+" (stat.insertions) } " " span.num.minus { "−" (stat.deletions) }
                span.soft { " " (place) ", since " (commit(&view.base)) }
            }
            @match change.bytes {
                Some(bytes) if bytes > change.text.len() => {
                    p.note { "The first " (change.text.len()) " bytes of " (bytes) " are shown." }
                },
                None => p.note { "The change is too large to be shown." },
                Some(_) => {},
            }
            @for (n, file) in files.iter().enumerate() { (of_file(file, n < UNFOLDED)) }
            @if change.left_out_total > 0 {
                section aria-labelledby="left-out" {
                    h2 #left-out { "Not committed, and too large to be looked into" span.count { (change.left_out_total) } }
                    ul.list { @for name in &change.left_out { li { code { (safe(name)) } } } }
                }
            }
        }
    }
}

fn of_file(file: &FileDiff<'_>, open: bool) -> Markup {
    html! {
        details.file open[open] {
            summary {
                code { (file.name) } " "
                span.num.plus { "+" (file.added) } " " span.num.minus { "−" (file.removed) }
                @for about in &file.about { span.soft { " · " (about) } }
            }
            @if !file.lines.is_empty() {
                pre.diff { @for line in &file.lines { span class=[class(line)] { (line) } "\n" } }
            }
        }
    }
}

fn class(line: &str) -> Option<&'static str> {
    match line.as_bytes().first() {
        Some(b'+') => Some("plus"),
        Some(b'-') => Some("minus"),
        Some(b'@') => Some("hunk"),
        _ => None,
    }
}

/// The files of a change as git writes it.
fn divide(text: &str) -> Vec<FileDiff<'_>> {
    let mut files: Vec<FileDiff<'_>> = Vec::new();
    let mut head = true;
    for line in text.lines() {
        if let Some(names) = line.strip_prefix("diff --git ") {
            let name = names.split(" b/").last().unwrap_or(names).to_owned();
            files.push(FileDiff { name, added: 0, removed: 0, about: Vec::new(), lines: Vec::new() });
            head = true;
            continue;
        }
        let Some(file) = files.last_mut() else { continue };
        if head && !line.starts_with("@@") {
            let said = ["--- ", "+++ ", "index "].iter().any(|word| line.starts_with(word));
            if !said {
                file.about.push(line);
            }
            continue;
        }
        head = false;
        file.added += usize::from(line.starts_with('+'));
        file.removed += usize::from(line.starts_with('-'));
        file.lines.push(line);
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGE: &str = "diff --git a/old name b/new name\nsimilarity index 80%\nrename from old name\nindex 1..2 100644\n\
        --- a/old name\n+++ b/new name\n@@ -1 +1,2 @@\n-one\n+ONE\n+--- two\ndiff --git a/x b/x\nnew file mode 100644\n\
        index 0..3\nBinary files /dev/null and b/x differ\n";

    #[test]
    fn a_change_is_divided_into_its_files() {
        let files = divide(CHANGE);
        let told: Vec<_> = files
            .iter()
            .map(|file| (file.name.as_str(), file.added, file.removed, file.about.len()))
            .collect();
        assert_eq!(told, [("new name", 2, 1, 2), ("x", 0, 0, 2)]);
        assert_eq!(
            files[0].lines.iter().map(|line| class(line)).collect::<Vec<_>>(),
            [Some("hunk"), Some("minus"), Some("plus"), Some("plus")]
        );
    }

    #[test]
    fn whatever_stands_in_it_is_text() {
        let evil = "diff --git a/<b> b/<b>\n@@ -0,0 +1 @@\n+<script>alert(1)</script>\u{202e}\n";
        let change = convoy_engine::git::SoFar { text: evil.to_owned(), ..Default::default() };
        let view = ChangesView { place: Place::Workdir, base: "0".repeat(40), change };
        let shown = show(&view).into_string();
        assert!(shown.contains("&lt;script&gt;") && shown.contains("\\u{202e}"), "{shown}");
        assert!(!shown.contains("<script>") && !shown.contains("<b>"), "{shown}");
    }
}
