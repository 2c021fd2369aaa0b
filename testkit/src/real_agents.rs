//! The real agents that tests drive, as installed by `cargo xtask agents` into `.tools/`, and how.
//!
//! Seen to work with the scripted model server, in an otherwise empty environment (`PATH` and `HOME` only),
//! the prompt on stdin:
//!
//! ```text
//! ANTHROPIC_BASE_URL=http://127.0.0.1:PORT/s/NAME ANTHROPIC_API_KEY=scripted DISABLE_AUTOUPDATER=1
//! CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 CLAUDE_CODE_MAX_RETRIES=1 IS_SANDBOX=1
//! claude -p --output-format stream-json --verbose --include-partial-messages --model claude-sonnet-4-5
//!        --permission-mode bypassPermissions
//!
//! SCRIPTED_KEY=scripted
//! codex exec --json -m gpt-5.1-codex -c model_provider=scripted -c analytics.enabled=false
//!       -c 'model_providers.scripted={name="scripted",base_url="http://127.0.0.1:PORT/s/NAME/v1",
//!           env_key="SCRIPTED_KEY",wire_api="responses",request_max_retries=1,stream_max_retries=1}'
//!       --dangerously-bypass-approvals-and-sandbox -
//!
//! GEMINI_API_KEY=scripted GOOGLE_GEMINI_BASE_URL=http://127.0.0.1:PORT/s/NAME GEMINI_CLI_NO_RELAUNCH=true
//! gemini --output-format stream-json --approval-mode yolo --skip-trust --model gemini-2.5-pro
//! ```
//!
//! `IS_SANDBOX` lets claude skip permissions as root. Claude and codex are the native programs, not the launchers
//! written in JavaScript: a launcher that is killed leaves the agent running. Gemini needs Node.js, and a file in its
//! home that says that it has a key: otherwise another address means another way to sign in. Codex warns about its home being below
//! `/tmp` and that it does not know its model; both are harmless, and the model name is one that makes it
//! offer a plain `exec_command` tool.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Command line and variables of an agent; the prompt goes to its stdin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSetup {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Variables beside `PATH` and `HOME`.
    pub env: Vec<(String, String)>,
}

/// Set to "1" where the agents must be there, so that a missing one fails the tests.
const INSIST: &str = "CONVOY_REAL_AGENTS";

fn modules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/npm/node_modules")
}

fn platform() -> String {
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
    let system = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    format!("{system}-{arch}")
}

/// Claude Code's own program, if installed.
pub fn claude_program() -> Option<PathBuf> {
    let program = modules().join(format!("@anthropic-ai/claude-code-{}/claude", platform()));
    program.canonicalize().ok()
}

/// Codex's own program, if installed.
pub fn codex_program() -> Option<PathBuf> {
    let vendor = modules().join(format!("@openai/codex-{}/vendor", platform()));
    let targets = vendor.read_dir().ok()?.flatten();
    targets.map(|target| target.path().join("bin/codex")).find_map(|program| program.canonicalize().ok())
}

/// The script that npm makes the command `codex` lead to.
fn codex_launcher() -> Option<PathBuf> {
    modules().join("@openai/codex/bin/codex.js").canonicalize().ok()
}

/// Gemini CLI, if installed.
pub fn gemini_program() -> Option<PathBuf> {
    modules().join("@google/gemini-cli/bundle/gemini.js").canonicalize().ok()
}

#[expect(clippy::disallowed_methods, reason = "where the one who runs the tests has Node.js")]
pub(crate) fn node() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join("node")).find(|file| file.is_file())
}

/// Whether a test can use them. Without them it returns at once, unless they are insisted on.
///
/// # Panics
/// When they are insisted on and not there.
#[expect(clippy::disallowed_methods, reason = "a switch of the one who runs the tests")]
pub fn ready() -> bool {
    let there = claude_program().is_some() && codex_program().is_some() && gemini_program().is_some();
    let insist = std::env::var_os(INSIST).is_some_and(|value| value == "1") || modules().is_dir();
    assert!(there || !insist, "the real agents are not installed: run `cargo xtask agents`");
    there
}

/// Makes `claude`, `codex`, `gemini` and `node` in a folder, for a `PATH`. There `codex` is the launcher, as npm
/// makes it.
///
/// # Panics
/// When one is not installed or the link cannot be made.
pub fn link_into(folder: &Path) {
    let programs = [
        ("claude", claude_program()),
        ("codex", codex_launcher()),
        ("gemini", gemini_program()),
        ("node", node()),
    ];
    for (name, program) in programs {
        let program = program.expect("the agents are installed: ready() was asked");
        symlink(program, folder.join(name)).expect("a link in the test's folder");
    }
}

/// Leads the codex of a home folder to a script, and sets its model: nothing has to be said on its command line. It needs
/// `OPENAI_SCRIPTED_KEY`.
///
/// # Panics
/// When the file cannot be written.
pub fn codex_home(home: &Path, url: &str) {
    let config = format!(
        "model = \"gpt-5.1-codex\"\nmodel_provider = \"scripted\"\n[analytics]\nenabled = false\n[model_providers.scripted]\nname = \"scripted\"\n\
         base_url = \"{url}/v1\"\nenv_key = \"OPENAI_SCRIPTED_KEY\"\nwire_api = \"responses\"\n\
         request_max_retries = 1\nstream_max_retries = 1\n"
    );
    write(&home.join(".codex/config.toml"), &config);
}

/// Has the gemini of a home folder use its key, and tell nobody.
///
/// # Panics
/// When the file cannot be written.
pub fn gemini_home(home: &Path) {
    let settings = r#"{"security":{"auth":{"selectedType":"gemini-api-key"}},
        "privacy":{"usageStatisticsEnabled":false},"telemetry":{"enabled":false}}"#;
    write(&home.join(".gemini/settings.json"), settings);
}

fn write(file: &Path, text: &str) {
    fs::create_dir_all(file.parent().expect("it has a folder")).expect("a folder in the test's home");
    fs::write(file, text).expect("a file in the test's home");
}

/// The variables that lead gemini to a script's URL.
pub fn gemini_env(url: &str) -> Vec<(String, String)> {
    let pairs =
        [("GOOGLE_GEMINI_BASE_URL", url), ("GEMINI_API_KEY", "scripted"), ("GEMINI_CLI_NO_RELAUNCH", "true")];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// The variables that lead claude to a script's URL.
pub fn claude_env(url: &str) -> Vec<(String, String)> {
    let pairs = [
        ("ANTHROPIC_BASE_URL", url),
        ("ANTHROPIC_API_KEY", "scripted"),
        ("DISABLE_AUTOUPDATER", "1"),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
        ("CLAUDE_CODE_MAX_RETRIES", "1"),
        ("IS_SANDBOX", "1"),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// Claude Code on a script of the model server.
///
/// # Panics
/// When it is not installed.
pub fn claude(url: &str) -> AgentSetup {
    let program = claude_program().expect("the agents are installed: ready() was asked");
    let words = "-p --output-format stream-json --verbose --include-partial-messages --model claude-sonnet-4-5 \
        --permission-mode bypassPermissions";
    AgentSetup { command: command(&program, words.split_whitespace()), env: claude_env(url) }
}

/// The options that lead codex to a script's URL; it needs `SCRIPTED_KEY` in its environment too.
pub fn codex_options(url: &str) -> Vec<String> {
    let provider = format!(
        "model_providers.scripted={{name=\"scripted\",base_url=\"{url}/v1\",env_key=\"SCRIPTED_KEY\",\
         wire_api=\"responses\",request_max_retries=1,stream_max_retries=1}}"
    );
    ["-c", "model_provider=scripted", "-c", "analytics.enabled=false", "-c", &provider]
        .map(str::to_owned)
        .into()
}

/// Codex on a script of the model server.
///
/// # Panics
/// When it is not installed.
pub fn codex(url: &str) -> AgentSetup {
    let program = codex_program().expect("the agents are installed: ready() was asked");
    let mut command = command(&program, ["exec", "--json", "-m", "gpt-5.1-codex"]);
    command.extend(codex_options(url));
    command.extend(["--dangerously-bypass-approvals-and-sandbox", "-"].map(str::to_owned));
    AgentSetup { command, env: vec![("SCRIPTED_KEY".to_owned(), "scripted".to_owned())] }
}

/// Gemini CLI on a script of the model server. Its home folder has to be made ready.
///
/// # Panics
/// When it is not installed.
pub fn gemini(url: &str) -> AgentSetup {
    let program = node().expect("Node.js is installed: npm is");
    let bundle = gemini_program().expect("the agents are installed: ready() was asked");
    let words = "--output-format stream-json --approval-mode yolo --skip-trust --model gemini-2.5-pro";
    let words = std::iter::once(bundle.to_str().expect("a path in UTF-8")).chain(words.split_whitespace());
    AgentSetup { command: command(&program, words), env: gemini_env(url) }
}

fn command<'a>(program: &Path, words: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let program = program.to_string_lossy().into_owned();
    std::iter::once(program).chain(words.into_iter().map(str::to_owned)).collect()
}
