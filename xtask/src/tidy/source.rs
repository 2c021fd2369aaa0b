//! The files of the checkout, and what in them is code.

use std::fs;
use std::path::Path;

use crate::chore;

/// A text file.
pub(super) struct File {
    /// From the checkout's root, with slashes.
    pub(super) path: String,
    pub(super) text: String,
    /// For Rust: the same lines with comments, texts and test modules blanked out; else empty.
    pub(super) code: String,
}

/// All text files that belong to the checkout.
pub(super) struct Tree {
    pub(super) files: Vec<File>,
}

impl Tree {
    /// What git tracks, or would.
    pub(super) fn read(root: &Path) -> Result<Self, String> {
        let list = ["ls-files", "-z", "--deduplicate", "--cached", "--others", "--exclude-standard"];
        let output = chore::program("git", list).output().map_err(|why| format!("git: {why}"))?;
        if !output.status.success() {
            return Err(format!("git ls-files: {}", String::from_utf8_lossy(&output.stderr)));
        }
        let names = String::from_utf8_lossy(&output.stdout).into_owned();
        // What is not text, or deleted and not yet committed, has no rules.
        let files =
            names.split('\0').filter_map(|name| Some((name, fs::read_to_string(root.join(name)).ok()?)));
        Ok(Self { files: files.map(|(name, text)| File::new(name, text)).collect() })
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| File::new(path, (*text).to_owned())).collect() }
    }

    /// Rust files below one of these folders.
    pub(super) fn rust<'a>(&'a self, folders: &'a [&str]) -> impl Iterator<Item = &'a File> {
        let below = move |path: &str| folders.iter().any(|folder| path.starts_with(folder));
        self.files.iter().filter(move |file| file.is_rust() && below(&file.path))
    }

    /// A file by its path.
    pub(super) fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }
}

impl File {
    fn new(path: &str, text: String) -> Self {
        let code = if !path.ends_with(".rs") {
            String::new()
        } else if is_test(path) {
            blank(&text)
        } else {
            without_tests(&blank(&text))
        };
        Self { path: path.to_owned(), text, code }
    }

    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The whole file is for tests.
    pub(super) fn is_test(&self) -> bool {
        is_test(&self.path)
    }

    /// Lines of code with their numbers, from 1.
    pub(super) fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().map(|(n, line)| (n + 1, line))
    }
}

fn is_test(path: &str) -> bool {
    path.split('/').any(|part| matches!(part, "tests" | "tests.rs" | "benches"))
        || path.ends_with("_tests.rs")
}

/// The same length and lines, with comments and the insides of literals as blanks.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let end = at + literal(rest, at > 0 && is_word(bytes[at - 1]));
        if end == at {
            let next = rest.chars().next().map_or(1, char::len_utf8);
            code.push_str(&text[at..at + next]);
            at += next;
        } else {
            let blanked = text[at..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' });
            code.extend(blanked);
            at = end;
        }
    }
    code
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// How many bytes of comment or literal `text` begins with.
fn literal(text: &str, after_word: bool) -> usize {
    let end_of = |found: Option<usize>| found.unwrap_or(text.len());
    if text.starts_with("//") {
        return end_of(text.find('\n'));
    }
    if text.starts_with("/*") {
        return block_comment(text);
    }
    let bare = text.trim_start_matches(['b', 'c']);
    let prefix = text.len() - bare.len();
    if !after_word && prefix <= 1 && bare.starts_with('r') {
        let hashes = bare[1..].bytes().take_while(|b| *b == b'#').count();
        if bare[1 + hashes..].starts_with('"') {
            let close = format!("\"{}", "#".repeat(hashes));
            let from = prefix + hashes + 2;
            return end_of(text[from..].find(&close).map(|n| from + n + close.len()));
        }
    }
    if text.starts_with('"') {
        return quoted(text, b'"');
    }
    // A quote begins a character, or a lifetime: `'a` without another quote right after.
    let mut chars = text.chars();
    let (first, second, third) = (chars.next(), chars.next(), chars.next());
    let is_char = first == Some('\'') && (second == Some('\\') || third == Some('\''));
    if is_char { quoted(text, b'\'') } else { 0 }
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    let bytes = text.as_bytes();
    while at < bytes.len() {
        match &bytes[at..(at + 2).min(bytes.len())] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

fn quoted(text: &str, quote: u8) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        if !escaped && byte == quote {
            return at + 1;
        }
        escaped = byte == b'\\' && !escaped;
    }
    text.len()
}

/// Blanks the items that are compiled for tests only. `code` has no comments and literals any more.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(start) = rest.find(MARK) {
        kept.push_str(&rest[..start]);
        let item = &rest[start..];
        let end = match item.find(['{', ';']) {
            Some(open) if item.as_bytes()[open] == b'{' => open + block(&item[open..]),
            Some(semicolon) => semicolon + 1,
            None => item.len(),
        };
        kept.extend(item[..end].chars().filter(|c| *c == '\n'));
        rest = &item[end..];
    }
    kept.push_str(rest);
    kept
}

fn block(text: &str) -> usize {
    let mut depth = 0usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_no_code() {
        let text = concat!(
            "one(\"gone // \\\" gone\"); // gone\n",
            "two(r#\"gone\"gone\"#, '\"', '\\'', b\"gone\", '{');\n",
            "/* gone /* gone */ gone */ fn three<'a>(for_: &'a str) {} // é gone\n",
        );
        let code = blank(text);
        assert!(!code.contains("gone") && !code.contains('"'), "{code}");
        for kept in ["one(", "two(", "fn three<'a>(for_: &'a str) {}"] {
            assert!(code.contains(kept), "{kept} not in {code}");
        }
        assert_eq!(code.lines().count(), text.lines().count());
    }

    #[test]
    fn test_items_are_cut_and_lines_stay() {
        let file =
            File::new("core/src/a.rs", "one\n#[cfg(test)]\nmod tests {\n  { two }\n}\nthree\n".to_owned());
        assert!(!file.code.contains("two"));
        assert_eq!(file.code_lines().find(|(_, line)| line.contains("three")).unwrap().0, 6);
        assert!(
            File::new("core/src/a.rs", "#[cfg(test)]\nmod tests;\nfour".to_owned()).code.contains("four")
        );
        assert!(File::new("core/src/a/tests.rs", String::new()).is_test());
    }
}
