//! Keys, as a terminal sends them: bytes, cut into what a person pressed.
//!
//! The sequences are those of ECMA-48 with the cursor keys' two forms (`CSI` and `SS3`), which every terminal of today sends.
//! What is not known is passed over whole, so that no part of it is taken for a letter. What is pasted comes between two
//! sequences of its own (bracketed paste), and none of it is a key.

/// A key that was pressed, or a character that was pasted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Key {
    Char(char),
    Ctrl(char),
    Enter,
    Tab,
    BackTab,
    Esc,
    Backspace,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    /// Text, whatever its letters do as keys.
    Pasted(char),
}

const ESC: u8 = 0x1b;
/// The longest sequence that is waited for: parameters of a key have a few digits.
const SEQUENCE_BYTES_MAX: usize = 32;

/// What stands before and behind what is pasted.
const PASTE_BEGINS: &[u8] = b"\x1b[200~";
const PASTE_ENDS: &[u8] = b"\x1b[201~";
/// How much of what is pasted is taken: only what is searched for is typed so, and that is short.
const PASTED_CHARS_MAX: usize = 1000;

/// What was read, and what of it is yet to be understood.
#[derive(Default)]
pub(super) struct Typed {
    bytes: Vec<u8>,
    /// How many characters were taken of what is being pasted.
    pasted: Option<usize>,
}

/// What bytes begin with.
enum First {
    /// A key, or nothing of interest, of so many bytes.
    Key(Option<Key>, usize),
    /// A part of something whose rest is yet to come.
    Part,
}

impl Typed {
    /// Whether a key has begun that waits for its rest, or is the escape alone. A paste waits for as long as it takes.
    pub(super) fn is_unfinished(&self) -> bool {
        !self.bytes.is_empty() && self.pasted.is_none()
    }

    /// Takes what was read, and the keys out of it. What is not whole yet stays, unless there is `no_more`: an escape with
    /// nothing behind it is the key.
    pub(super) fn take(&mut self, read: &[u8], no_more: bool) -> Vec<Key> {
        self.bytes.extend_from_slice(read);
        let mut keys = Vec::new();
        let mut from = 0;
        while from < self.bytes.len() {
            let rest = &self.bytes[from..];
            let bound = if self.pasted.is_some() { PASTE_ENDS } else { PASTE_BEGINS };
            if rest.starts_with(bound) {
                self.pasted = self.pasted.is_none().then_some(0);
                from += bound.len();
                continue;
            }
            match self.pasted {
                None => match first(rest) {
                    First::Key(key, length) => {
                        keys.extend(key);
                        from += length;
                    }
                    First::Part if no_more => {
                        keys.extend((rest[0] == ESC).then_some(Key::Esc));
                        from += 1;
                    }
                    First::Part => break,
                },
                Some(_) if bound.starts_with(rest) => break,
                Some(taken) => match character(rest) {
                    First::Key(key, length) => {
                        from += length;
                        if let Some(Key::Char(c)) = key
                            && !c.is_control()
                            && taken < PASTED_CHARS_MAX
                        {
                            keys.push(Key::Pasted(c));
                            self.pasted = Some(taken + 1);
                        }
                    }
                    First::Part => break,
                },
            }
        }
        self.bytes.drain(..from);
        keys
    }
}

fn first(bytes: &[u8]) -> First {
    let known = |key| First::Key(Some(key), 1);
    match *bytes {
        [ESC] => First::Part,
        [ESC, b'[', ref rest @ ..] => sequence(rest),
        [ESC, b'O', ref rest @ ..] => match rest.first() {
            None => First::Part,
            Some(last) => First::Key(cursor(*last), 3),
        },
        // Two escapes are one and the beginning of another; with a letter it is Alt, which means nothing here.
        [ESC, ESC, ..] => known(Key::Esc),
        [ESC, _, ..] => First::Key(None, 2),
        [b'\r' | b'\n', ..] => known(Key::Enter),
        [b'\t', ..] => known(Key::Tab),
        [0x7f | 0x08, ..] => known(Key::Backspace),
        [0, ..] => First::Key(None, 1),
        [control @ 1..0x20, ..] => known(Key::Ctrl(char::from(control | 0x60))),
        _ => character(bytes),
    }
}

/// What stands behind `CSI`: parameters, then the byte that says which key it is.
fn sequence(rest: &[u8]) -> First {
    let Some(end) = rest.iter().position(|byte| (0x40..0x7f).contains(byte)) else {
        // Endless ones are no keys.
        return if rest.len() < SEQUENCE_BYTES_MAX { First::Part } else { First::Key(None, rest.len() + 2) };
    };
    let key = match (&rest[..end], rest[end]) {
        (number, b'~') => match number.split(|byte| *byte == b';').next() {
            Some(b"1" | b"7") => Some(Key::Home),
            Some(b"4" | b"8") => Some(Key::End),
            Some(b"5") => Some(Key::PageUp),
            Some(b"6") => Some(Key::PageDown),
            _ => None,
        },
        (_, last) => cursor(last),
    };
    First::Key(key, end + 3)
}

fn cursor(last: u8) -> Option<Key> {
    Some(match last {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' => Key::Right,
        b'D' => Key::Left,
        b'H' => Key::Home,
        b'F' => Key::End,
        b'Z' => Key::BackTab,
        _ => return None,
    })
}

fn character(bytes: &[u8]) -> First {
    let length = match bytes.first() {
        Some(0..0x80) | None => 1,
        Some(0xc0..0xe0) => 2,
        Some(0xe0..0xf0) => 3,
        Some(0xf0..0xf8) => 4,
        Some(_) => return First::Key(None, 1),
    };
    let Some(whole) = bytes.get(..length) else { return First::Part };
    let key = std::str::from_utf8(whole).ok().and_then(|text| text.chars().next());
    First::Key(key.map(Key::Char), if key.is_some() { length } else { 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<Key> {
        Typed::default().take(bytes, true)
    }

    #[test]
    fn bytes_are_the_keys_that_sent_them() {
        use Key::*;
        let table: &[(&[u8], &[Key])] = &[
            (b"j", &[Char('j')]),
            (b"jk", &[Char('j'), Char('k')]),
            ("é日".as_bytes(), &[Char('é'), Char('日')]),
            (b"\r", &[Enter]),
            (b"\n", &[Enter]),
            (b"\t", &[Tab]),
            (b"\x1b[Z", &[BackTab]),
            (b"\x7f", &[Backspace]),
            (b"\x03", &[Ctrl('c')]),
            (b"\x1b", &[Esc]),
            (b"\x1b\x1b", &[Esc, Esc]),
            (b"\x1b[A\x1b[B\x1b[C\x1b[D", &[Up, Down, Right, Left]),
            (b"\x1bOA\x1bOB", &[Up, Down]),
            (b"\x1b[1;5A", &[Up]),
            (b"\x1b[H\x1b[F\x1b[1~\x1b[4~", &[Home, End, Home, End]),
            (b"\x1b[5~\x1b[6~", &[PageUp, PageDown]),
            // Nothing of what is not known is taken for a letter: 's' would stop somebody.
            (b"\x1b[3~\x1b[24~\x1b[<0;12;3mq", &[Char('q')]),
            (b"\x1bs", &[]),
            (b"\x00\xff\xfe", &[]),
            (b"\xc3j", &[Char('j')]),
        ];
        for (bytes, keys) in table {
            assert_eq!(all(bytes), *keys, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_key_that_comes_in_pieces_is_one_key() {
        for (pieces, key) in [
            (&["\x1b", "[", "A"][..], Key::Up),
            (&["\x1b[", "5", "~"][..], Key::PageUp),
            (&["\x1bO", "B"][..], Key::Down),
        ] {
            let mut typed = Typed::default();
            let keys: Vec<Key> =
                pieces.iter().flat_map(|piece| typed.take(piece.as_bytes(), false)).collect();
            assert_eq!((keys, typed.bytes), (vec![key], vec![]), "{pieces:?}");
        }
        let mut typed = Typed::default();
        assert_eq!(typed.take(&"é".as_bytes()[..1], false), []);
        assert_eq!(typed.take(&"é".as_bytes()[1..], false), [Key::Char('é')]);
    }

    #[test]
    fn a_sequence_without_an_end_is_passed_over() {
        let mut typed = Typed::default();
        assert_eq!(typed.take(b"\x1b[", false), []);
        assert_eq!(typed.take(&[b'1'; 200], false), []);
        assert_eq!(typed.bytes, b"");
    }

    #[test]
    fn what_is_pasted_is_no_key_however_it_comes() {
        use Key::{Char, Pasted};
        let bytes = "q\x1b[200~s\r\ny\t\x1b[A\x03é\x1b[201~r".as_bytes();
        let keys = [Char('q'), Pasted('s'), Pasted('y'), Pasted('['), Pasted('A'), Pasted('é'), Char('r')];
        assert_eq!(all(bytes), keys);
        for size in 1..bytes.len() {
            let mut typed = Typed::default();
            // A pause within what is pasted is no end of it.
            let inside = |at: usize| (7..bytes.len() - 7).contains(&at);
            let pieces = bytes.chunks(size).enumerate();
            let got: Vec<Key> =
                pieces.flat_map(|(n, piece)| typed.take(piece, inside((n + 1) * size))).collect();
            assert_eq!(got, keys, "pieces of {size}");
        }
        let mut typed = Typed::default();
        assert_eq!(typed.take(b"\x1b[200~\x1b", true), []);
        assert!(!typed.is_unfinished(), "nobody has to wake for it");
        assert_eq!(typed.take(b"[201", true), []);
        assert_eq!(typed.take(b"~s", true), [Char('s')]);
        let long = format!("\x1b[200~{}\x1b[201~s", "x".repeat(100_000));
        let keys = all(long.as_bytes());
        assert_eq!((keys.len(), keys.last()), (PASTED_CHARS_MAX + 1, Some(&Char('s'))));
    }
}
