//! Text that agents wrote as Markdown: headings, lists, code, bold, tables; nothing else of it means anything here. No
//! link leads anywhere, no picture is loaded, and every character goes through maud.

use maud::{Markup, PreEscaped, html};

use super::parts::{block, safe};

/// The most lines that are made of one text; the file has all of it.
const LINES_MAX: usize = 2000;

/// What a line begins.
enum Line<'a> {
    Empty,
    Fence(usize),
    Heading(usize, &'a str),
    Item(bool, &'a str),
    Row,
    Text,
}

fn line(text: &str) -> Line<'_> {
    let trimmed = text.trim();
    let ticks = trimmed.chars().take_while(|c| *c == '`').count();
    let hashes = trimmed.chars().take_while(|c| *c == '#').count();
    let digits = trimmed.chars().take_while(char::is_ascii_digit).count();
    let after = |n: usize| trimmed.get(n..).unwrap_or_default();
    if trimmed.is_empty() {
        Line::Empty
    } else if ticks >= 3 {
        Line::Fence(ticks)
    } else if (1..=6).contains(&hashes) && after(hashes).starts_with(' ') {
        Line::Heading(hashes, after(hashes).trim())
    } else if let Some(item) = ["- ", "* ", "+ "].iter().find_map(|mark| trimmed.strip_prefix(mark)) {
        Line::Item(false, item)
    } else if (1..=4).contains(&digits) && after(digits).starts_with(". ") {
        Line::Item(true, after(digits + 2))
    } else if trimmed.starts_with('|') && trimmed.ends_with('|') && trimmed.len() > 2 {
        Line::Row
    } else {
        Line::Text
    }
}

/// The text. Its headings come below those of the page.
pub(super) fn prose(text: &str) -> Markup {
    let shown = block(text);
    let lines: Vec<&str> = shown.lines().take(LINES_MAX + 1).collect();
    let mut out = String::new();
    let mut at = 0;
    while at < lines.len().min(LINES_MAX) {
        at = piece(&lines, at, &mut out);
    }
    html! {
        div.text {
            (PreEscaped(out))
            @if lines.len() > LINES_MAX { p.soft { "The rest is in the file." } }
        }
    }
}

/// One piece from line `at` on; where the next begins.
fn piece(lines: &[&str], at: usize, out: &mut String) -> usize {
    let run =
        |fits: &dyn Fn(&Line<'_>) -> bool| lines[at..].iter().take_while(|one| fits(&line(one))).count();
    let (markup, taken) = match line(lines[at]) {
        Line::Empty => return at + 1,
        Line::Fence(ticks) => {
            let closes =
                |one: &&str| matches!(line(one), Line::Fence(n) if n >= ticks && one.trim().len() == n);
            let body = lines[at + 1..].iter().take_while(|one| !closes(one)).count();
            (html! { pre { (lines[at + 1..=at + body].join("\n")) } }, body + 2)
        }
        Line::Heading(level, text) if level <= 2 => (html! { h3 { (inline(text)) } }, 1),
        Line::Heading(_, text) => (html! { h4 { (inline(text)) } }, 1),
        Line::Item(ordered, _) => {
            let n = run(&|one| matches!(one, Line::Item(same, _) if *same == ordered));
            let items = lines[at..at + n].iter().map(|one| match line(one) {
                Line::Item(_, text) => text,
                Line::Empty | Line::Fence(_) | Line::Heading(..) | Line::Row | Line::Text => "",
            });
            let items = html! { @for item in items { li { (item_of(item)) } } };
            (
                if ordered {
                    html! { ol { (items) } }
                } else {
                    html! { ul { (items) } }
                },
                n,
            )
        }
        Line::Row => {
            let n = run(&|one| matches!(one, Line::Row));
            (rows(&lines[at..at + n]), n)
        }
        Line::Text => {
            let n = run(&|one| matches!(one, Line::Text));
            let text = lines[at..at + n].iter().map(|one| one.trim()).collect::<Vec<_>>().join(" ");
            (html! { p { (inline(&text)) } }, n)
        }
    };
    out.push_str(&markup.into_string());
    at + taken
}

/// An item, of which the first may be a box to tick.
fn item_of(text: &str) -> Markup {
    match text
        .strip_prefix("[ ] ")
        .map(|rest| ("☐ ", rest))
        .or(text.strip_prefix("[x] ").map(|rest| ("☑ ", rest)))
    {
        Some((sign, rest)) => html! { (sign) (inline(rest)) },
        None => inline(text),
    }
}

fn rows(lines: &[&str]) -> Markup {
    let cells = |one: &str| -> Vec<String> {
        one.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let is_rule = |one: &&&str| one.chars().all(|c| matches!(c, '|' | '-' | ':' | ' '));
    let body = lines.iter().skip(1).filter(|one| !is_rule(one));
    html! {
        div.scroll tabindex="0" role="region" aria-label="Table" {
            table.plain {
                thead { tr { @for cell in cells(lines[0]) { th scope="col" { (inline(&cell)) } } } }
                tbody { @for row in body { tr { @for cell in cells(row) { td { (inline(&cell)) } } } } }
            }
        }
    }
}

/// Bold and code within a line; a backslash takes a sign's meaning.
fn inline(text: &str) -> Markup {
    let mut out = String::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let next = &rest[c.len_utf8()..];
        let found = match c {
            '\\' if next.starts_with(|c: char| c.is_ascii_punctuation()) => {
                plain.extend(next.chars().next());
                rest = &next[1..];
                continue;
            }
            '`' => {
                let ticks = rest.chars().take_while(|c| *c == '`').count();
                between(rest, &rest[..ticks])
                    .map(|(code, rest)| (html! { code { (safe(code.trim())) } }, rest))
            }
            '*' if next.starts_with('*') => {
                between(rest, "**").map(|(bold, rest)| (html! { strong { (inline(bold)) } }, rest))
            }
            _ => None,
        };
        match found {
            Some((markup, after)) => {
                out.push_str(&html! { (plain) }.into_string());
                plain.clear();
                out.push_str(&markup.into_string());
                rest = after;
            }
            None => {
                plain.push(c);
                rest = next;
            }
        }
    }
    out.push_str(&html! { (plain) }.into_string());
    PreEscaped(out)
}

/// What stands between a mark at the beginning and the next one like it, and what follows.
fn between<'a>(text: &'a str, mark: &str) -> Option<(&'a str, &'a str)> {
    let inner = text.strip_prefix(mark)?;
    let end = inner.find(mark).filter(|end| *end > 0)?;
    Some((&inner[..end], &inner[end + mark.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        let html = prose(text).into_string();
        html.trim_start_matches("<div class=\"text\">").trim_end_matches("</div>").to_owned()
    }

    #[test]
    fn what_reports_are_made_of_is_understood() {
        assert_eq!(of("# A\n\nb **c** `d`\ne"), "<h3>A</h3><p>b <strong>c</strong> <code>d</code> e</p>");
        assert_eq!(of("- a\n- [ ] b\n1. c"), "<ul><li>a</li><li>☐ b</li></ul><ol><li>c</li></ol>");
        assert_eq!(of("```rust\nfn a() {}\n# b\n```\nc"), "<pre>fn a() {}\n# b</pre><p>c</p>");
        assert_eq!(of("```\nnever closed"), "<pre>never closed</pre>");
        assert!(of("| A | B |\n|---|---|\n| 1 | 2 |").contains("<td>1</td><td>2</td>"));
        assert_eq!(of("a\\*\\*b\\*\\* \\<c\\>"), "<p>a**b** &lt;c&gt;</p>");
    }

    #[test]
    fn nothing_else_means_anything() {
        for hostile in [
            "<script>alert(1)</script>",
            "[a](javascript:alert(1))",
            "![a](https://evil.example/x.png)",
            "`<img src=x onerror=alert(1)>`",
            "**<b onclick=x>**",
            "| <i> | \" onx=\"1 |\n|---|---|\n| </td><script> | x |",
            "# <svg/onload=1>",
            "```\n</pre><script>\n```",
            "- \u{1b}[31m\u{202e}x",
        ] {
            let html = of(hostile);
            for tag in ["<script", "<img", "<b ", "<i>", "<svg", "<a", "\u{1b}", "\u{202e}"] {
                assert!(!html.contains(tag), "{hostile:?}: {html}");
            }
        }
    }
}
