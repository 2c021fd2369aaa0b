//! A real browser before a page: Debian's Chromium, driven by playwright-core, with axe-core to look for what keeps people
//! out. `cargo xtask browser` installs them.
//!
//! Everything waits for what the page shows, and fails with what it shows instead. A step that cannot be done fails the
//! test that asked for it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::env::TestEnv;

/// Set to "1" where it must be there, so that a missing one fails the tests.
const INSIST: &str = "CONVOY_REAL_AGENTS";
/// What drives it.
const DRIVER: &str = include_str!("browser.mjs");
/// The browser, as Debian has it and as others do.
const PROGRAMS: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/// A browser with one page. Dropping it ends it.
pub struct Browser {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

/// The colours that a person prefers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Browser {
    /// Starts one in the test's environment; nothing where there is none and nobody insists.
    ///
    /// # Panics
    /// When there is none and somebody insists, or it cannot be started.
    pub fn start(env: &TestEnv) -> Option<Self> {
        let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/browser");
        let program = PROGRAMS.map(PathBuf::from).into_iter().find(|program| program.exists());
        let (Some(program), true) = (program, modules.join("node_modules/playwright-core").exists()) else {
            #[expect(
                clippy::disallowed_methods,
                reason = "tests are told by their runner what has to be there"
            )]
            let insists = std::env::var_os(INSIST).is_some_and(|value| value == "1");
            assert!(!insists, "there is no browser for the tests: cargo xtask browser");
            return None;
        };
        let driver = env.root().join("browser.mjs");
        std::fs::write(&driver, DRIVER).expect("a file in the temporary folder");
        let mut command = env.command("node", env.root());
        command.arg(driver).arg(modules.canonicalize().expect("the folder is there")).arg(program);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("node");
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("a pipe was asked for"));
        Some(Self { child, stdin, stdout })
    }

    /// Does one thing.
    #[track_caller]
    fn does(&mut self, deed: &str, mut step: Value) -> Value {
        step["deed"] = deed.into();
        let stdin = self.stdin.as_mut().expect("it is open until this is dropped");
        writeln!(stdin, "{step}").expect("a driver that reads");
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("a driver that answers");
        let mut answer: Value =
            serde_json::from_str(&line).unwrap_or_else(|why| panic!("{step}: {why}: {line:?}"));
        if let Some(error) = answer["error"].as_str() {
            panic!("{step}: {error}");
        }
        answer["ok"].take()
    }

    /// Somebody else, whom no page knows; with or without scripts.
    #[track_caller]
    pub fn fresh(&mut self, javascript: bool) {
        self.does("fresh", json!({ "javascript": javascript }));
    }
    /// Goes to an address; the status of the answer.
    #[track_caller]
    pub fn open(&mut self, url: &str) -> u64 {
        self.does("open", json!({ "url": url })).as_u64().expect("a status")
    }
    /// Makes the window so large.
    #[track_caller]
    pub fn size(&mut self, width: u32, height: u32) {
        self.does("size", json!({ "width": width, "height": height }));
    }
    /// Prefers these colours.
    #[track_caller]
    pub fn scheme(&mut self, scheme: Scheme) {
        let scheme = if scheme == Scheme::Dark { "dark" } else { "light" };
        self.does("scheme", json!({ "scheme": scheme }));
    }
    /// Waits until something with this text is seen, and gives all of its text.
    #[track_caller]
    pub fn see(&mut self, selector: &str, text: &str) -> String {
        let seen = self.does("see", json!({ "selector": selector, "text": text }));
        seen.as_str().expect("text").to_owned()
    }
    /// Waits until nothing with this text is there.
    #[track_caller]
    pub fn gone(&mut self, selector: &str, text: &str) {
        self.does("gone", json!({ "selector": selector, "text": text }));
    }
    /// Clicks on something with this text, when it can be clicked.
    #[track_caller]
    pub fn click(&mut self, selector: &str, text: &str) {
        self.does("click", json!({ "selector": selector, "text": text }));
    }
    /// Fills a field.
    #[track_caller]
    pub fn fill(&mut self, selector: &str, value: &str) {
        self.does("fill", json!({ "selector": selector, "value": value }));
    }
    /// What a field has.
    #[track_caller]
    pub fn value(&mut self, selector: &str) -> String {
        self.does("value", json!({ "selector": selector })).as_str().expect("text").to_owned()
    }
    /// Gives the focus to something with this text.
    #[track_caller]
    pub fn focus(&mut self, selector: &str, text: &str) {
        self.does("focus", json!({ "selector": selector, "text": text }));
    }
    /// Clicks at a place of the window.
    #[track_caller]
    pub fn tap(&mut self, x: u32, y: u32) {
        self.does("tap", json!({ "x": x, "y": y }));
    }
    /// Presses a key.
    #[track_caller]
    pub fn press(&mut self, key: &str) {
        self.does("press", json!({ "key": key }));
    }
    /// The texts of everything that fits, now.
    #[track_caller]
    pub fn texts(&mut self, selector: &str) -> Vec<String> {
        texts(&self.does("texts", json!({ "selector": selector })))
    }
    /// An attribute of everything that fits and has it, now.
    #[track_caller]
    pub fn attributes(&mut self, selector: &str, name: &str) -> Vec<String> {
        texts(&self.does("attributes", json!({ "selector": selector, "name": name })))
    }
    /// Where the page is.
    #[track_caller]
    pub fn address(&mut self) -> String {
        self.does("address", json!({})).as_str().expect("an address").to_owned()
    }
    /// How far the page goes beyond the right edge of the window, in pixels.
    #[track_caller]
    pub fn overflow(&mut self) -> i64 {
        self.does("overflow", json!({})).as_i64().expect("pixels")
    }
    /// What keeps people out of this page, serious and critical, as axe-core tells it.
    #[track_caller]
    pub fn faults(&mut self) -> Vec<String> {
        texts(&self.does("faults", json!({})))
    }
    /// What went wrong since it was last asked: errors on the console and of scripts, loads that failed.
    #[track_caller]
    pub fn errors(&mut self) -> Vec<String> {
        texts(&self.does("errors", json!({})))
    }
    /// How many bytes came over the wire for this page, streams that go on not counted.
    #[track_caller]
    pub fn bytes(&mut self) -> u64 {
        self.does("bytes", json!({})).as_f64().expect("a number") as u64
    }
    /// Takes a picture: of the window, or of the whole page.
    #[track_caller]
    pub fn picture(&mut self, path: &Path, whole: bool) {
        self.does("picture", json!({ "path": path, "whole": whole }));
    }
}

fn texts(all: &Value) -> Vec<String> {
    let all = all.as_array().expect("a list");
    all.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The end of its input ends the driver, which ends the browser.
        drop(self.stdin.take());
        drop(self.child.wait());
    }
}
