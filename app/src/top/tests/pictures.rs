//! What stands on the screen, at the sizes that people have and at some that nobody should have.

use ratatui_core::backend::TestBackend;
use ratatui_core::buffer::Buffer;
use ratatui_core::style::{Color, Modifier};
use ratatui_core::terminal::Terminal;

use super::super::key::Key;
use super::super::model::{Link, Model, Pane, Said};
use super::super::view::{self, Paint};
use super::workspace::{busy, empty};
use crate::text;

fn drawn(model: &Model, width: u16, height: u16, color: bool) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| view::draw(frame, model, Paint { color })).unwrap();
    terminal.backend().buffer().clone()
}

fn picture(model: &Model, width: u16, height: u16) -> String {
    let buffer = drawn(model, width, height, true);
    let rows = (0..height).map(|y| {
        let mut row = String::new();
        let mut skip = 0;
        for x in 0..width {
            let symbol = buffer[(x, y)].symbol();
            // A wide character has two cells, of which the second one is not drawn.
            if skip == 0 {
                row.push_str(symbol);
                skip = ratatui_core::text::Span::raw(symbol).width().saturating_sub(1);
            } else {
                skip -= 1;
            }
        }
        row.trim_end().to_owned()
    });
    rows.collect::<Vec<_>>().join("\n")
}

fn pressed(mut model: Model, keys: &[Key]) -> Model {
    for key in keys {
        model.press(*key);
    }
    model
}

const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (40, 10)];

/// Every page, by the keys that lead to it.
fn pages() -> Vec<(&'static str, Model)> {
    let c = Key::Char;
    vec![
        ("main", busy()),
        ("workers", pressed(busy(), &[Key::Tab])),
        ("convoy", pressed(busy(), &[c('j'), Key::Enter])),
        ("logs", pressed(busy(), &[c('l')])),
        ("problems", pressed(busy(), &[c('p')])),
        ("costs", pressed(busy(), &[c('$')])),
        ("help", pressed(busy(), &[c('?')])),
        ("search", pressed(busy(), &[c('/'), c('l'), c('o'), c('g')])),
        ("confirm", pressed(busy(), &[Key::Tab, c('s')])),
        ("empty", empty()),
    ]
}

#[test]
fn pages_fit_the_screens_that_people_have() {
    for (name, model) in pages() {
        for (width, height) in SIZES {
            insta::assert_snapshot!(format!("{name}_{width}x{height}"), picture(&model, width, height));
        }
    }
}

#[test]
fn no_size_is_too_small_or_odd() {
    let odd = [1, 2, 3, 5, 9, 15, 16, 17, 39, 99, 100, 200];
    for (n, (_, model)) in pages().into_iter().enumerate() {
        for (at, width) in odd.into_iter().enumerate() {
            for height in [odd[at], odd[(at + n) % odd.len()], odd[(at + n + 3) % odd.len()]] {
                drawn(&model, width, height.min(60), true);
            }
        }
    }
}

#[test]
fn nothing_that_a_terminal_would_execute_comes_to_a_picture() {
    for (name, mut model) in pages() {
        model.said =
            Some(Said { text: "no: \u{1b}[2J".into(), hint: Some("\u{9b}try \u{202e}".into()), bad: true });
        for (width, height) in SIZES {
            let picture = picture(&model, width, height);
            let hostile: Vec<char> = picture.chars().filter(|c| text::is_hostile(*c) && *c != '\n').collect();
            assert_eq!(hostile, [], "{name} at {width}x{height}");
        }
    }
    let shown = picture(&busy(), 120, 40);
    assert!(shown.contains("Logins: \\x1b]0;mine\\x07and what \\u{202e}hides"), "{shown}");
    assert!(shown.contains("> Edit \\x1b[2Jsrc/login.rs    with care"), "{shown}");
}

#[test]
fn without_colour_there_is_none_and_with_it_only_the_sixteen() {
    for (name, model) in pages() {
        for cell in drawn(&model, 120, 40, false).content() {
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{name}");
        }
        for cell in drawn(&model, 120, 40, true).content() {
            let plain = [Color::Reset, Color::Red, Color::Green, Color::Yellow, Color::Cyan];
            assert!(plain.contains(&cell.fg) && cell.bg == Color::Reset, "{name}: {cell:?}");
        }
    }
    // What is selected shows without colour too.
    let buffer = drawn(&busy(), 120, 40, false);
    assert!(buffer.content().iter().any(|cell| cell.modifier.contains(Modifier::REVERSED)));
}

#[test]
fn the_engine_that_is_not_there_is_told() {
    for (link, told) in [
        (Link::Up, "engine is up"),
        (Link::Lost, "engine lost, reconnecting"),
        (Link::Down, "engine is not up"),
        (Link::Broken("the log is damaged \u{1b}c".into()), "the log is damaged \\x1bc"),
    ] {
        for (width, height) in SIZES {
            let mut model = busy();
            model.link = link.clone();
            let picture = picture(&model, width, height);
            assert!(picture.lines().next().unwrap().contains(told), "{width}x{height}: {picture}");
        }
    }
}

#[test]
fn an_error_is_shown_with_its_hint_until_the_next_key() {
    let mut model = busy();
    let failure =
        convoy_api::Failure::new(convoy_api::Code::Refused, "gt-one has no worker").hint("convoy why gt-one");
    model.said = Some(Said::from(&failure));
    for (width, height) in SIZES {
        let picture = picture(&model, width, height);
        assert!(
            picture.contains("gt-one has no worker") && picture.contains("hint: convoy why gt-one"),
            "{picture}"
        );
    }
    let after = picture(&pressed(model, &[Key::Char('j')]), 80, 24);
    assert!(!after.contains("gt-one has no worker"), "{after}");
}

#[test]
fn who_scrolls_back_stays_there_while_more_is_printed() {
    let mut model = busy();
    model.pane = Pane::Output;
    model.printed((0..100).map(|n| format!("line {n}")));
    let model = pressed(model, &[Key::PageUp, Key::PageUp, Key::PageUp]);
    let before = picture(&model, 80, 24);
    assert!(before.contains("line 69") && !before.contains("line 70"), "{before}");
    let mut more = model;
    more.printed((100..150).map(|n| format!("line {n}")));
    let after = picture(&more, 80, 24);
    assert!(after.contains("line 69") && !after.contains("line 70"), "{after}");
    let end = picture(&pressed(more, &[Key::Char('G')]), 80, 24);
    assert!(end.contains("line 149"), "{end}");
}
