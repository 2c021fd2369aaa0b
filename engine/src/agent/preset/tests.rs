//! Presets as they are built in and as the configuration changes them.

use convoy_core::report::Tokens;

use super::*;

fn presets(text: &str) -> Result<Presets, Error> {
    Presets::built_in().unwrap().with(&text.parse().unwrap())
}

#[test]
fn claude_is_called_as_it_was_tried() {
    let all = Presets::built_in().unwrap();
    let claude = all.get("claude").unwrap();
    assert_eq!(
        claude.argv(Some("opus"), None, Path::new("/s/prompt.txt")).join(" "),
        "claude -p --output-format stream-json --verbose --include-partial-messages \
         --permission-mode bypassPermissions --input-format stream-json --model opus"
    );
    assert_eq!((claude.reports().cost, claude.reports().needs_input), (Says::Yes, Says::No));
}

#[test]
fn codex_and_gemini_are_called_as_they_were_tried() {
    let all = Presets::built_in().unwrap();
    let conversation =
        Conversation { id: "c1".to_owned(), transcript: "/h/c1.jsonl".into(), used: Tokens::default() };
    let argv = |name| all.get(name).unwrap().argv(Some("m"), Some(&conversation), Path::new("/p")).join(" ");
    assert_eq!(
        argv("codex"),
        "codex exec --json --dangerously-bypass-approvals-and-sandbox -c allow_login_shell=false --model m \
         resume c1"
    );
    assert_eq!(
        argv("gemini"),
        "gemini --output-format stream-json --approval-mode yolo --skip-trust --model m --session-file \
         /h/c1.jsonl"
    );
    assert!(argv("claude").ends_with("--resume /h/c1.jsonl"));
    for name in ["codex", "gemini"] {
        let says = all.get(name).unwrap().reports();
        assert_eq!((says.usage, says.cost, says.result), (Says::Yes, Says::No, Says::Yes));
    }
}

#[test]
fn only_named_variables_pass() {
    let names = [
        "HOME",
        "LC_ALL",
        "https_proxy",
        "ANTHROPIC_API_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "CONVOY_SESSION",
        "MY_KEY",
    ];
    let mut ours = Environment::default();
    for name in names {
        ours.set(name, "x");
    }
    let all = presets("[mine]\nlike = \"claude\"\nenv = [\"MY_KEY\"]\n[other]\ncommand = [\"x\"]").unwrap();
    let passed = |name| all.get(name).unwrap().environment(&ours).into_keys().collect::<Vec<_>>();
    assert_eq!(
        passed("claude"),
        ["ANTHROPIC_API_KEY", "DISABLE_AUTOUPDATER", "HOME", "LC_ALL", "https_proxy"]
    );
    assert_eq!(
        passed("mine"),
        ["ANTHROPIC_API_KEY", "DISABLE_AUTOUPDATER", "HOME", "LC_ALL", "MY_KEY", "https_proxy"]
    );
    assert_eq!(passed("other"), ["HOME", "LC_ALL", "https_proxy"]);
}

#[test]
fn the_configuration_is_checked() {
    let all = presets(
        "[mine]\ncommand = [\"run\", \"--in={prompt_file}\"]\nprompt = \"file\"\nstop = [{ signal = \"TERM\", wait = \"2s\" }]",
    )
    .unwrap();
    let mine = all.get("mine").unwrap();
    assert_eq!(mine.argv(Some("m"), None, Path::new("/p")), ["run", "--in=/p"]);
    assert_eq!(mine.stop, [Step { signal: StopSignal::Term, wait_ms: 2000 }]);
    let said = |text| presets(text).unwrap_err().to_string();
    assert_eq!(
        said("[mine]\ncomand = [\"x\"]"),
        "agents.mine: unknown key \"comand\"; did you mean \"command\"?"
    );
    assert_eq!(said("[mine]\nzzzz = 1"), "agents.mine: unknown key \"zzzz\"");
    assert_eq!(said("[mine]\ncommand = \"x y\""), "agents.mine.command: a list of texts is expected");
    assert_eq!(said("[mine]\nlike = \"cloude\""), "there is no agent \"cloude\"; did you mean \"claude\"?");
    assert!(said("[mine]\nstop = [{ signal = \"TERM\", wait = \"soon\" }]").contains("such as"));
}

#[test]
fn a_role_leaves_an_agent_its_tools_and_its_way_of_asking() {
    let all = Presets::built_in().unwrap();
    let tools = ["Read", "Bash(git log *)", "Bash(git show *)"].map(str::to_owned);
    let of = |name: &str, mode| all.get(name).unwrap().role_arguments(Some(&tools), mode).join(" | ");
    assert_eq!(
        of("claude", Some("dontAsk")),
        "--tools=Read,Bash | --allowedTools=Read,Bash(git log *),Bash(git show *) | --permission-mode | dontAsk"
    );
    let claude = all.get("claude").unwrap();
    let with_server = claude.mcp.allowing(Some(&tools[..1])).unwrap();
    assert_eq!(
        claude.role_arguments(Some(&with_server), None).join(" | "),
        "--tools=Read | --allowedTools=Read,mcp__convoy__*"
    );
    assert_eq!(of("gemini", Some("plan")), "--approval-mode | plan");
    assert_eq!((of("codex", Some("x")), of("plain", None)), (String::new(), String::new()));
    let claude = all.get("claude").unwrap();
    assert!(claude.role_arguments(None, None).is_empty());
    // They stand before a prompt that is named last.
    let own =
        presets("[own]\nlike = \"claude\"\nprompt = \"file\"\ntools_arg = [\"-t\", \"{tools}\"]").unwrap();
    let own = own.get("own").unwrap();
    let argv = own.argv_with(Some("m"), None, Path::new("/p"), &own.role_arguments(Some(&tools[..1]), None));
    assert!(argv.join(" ").ends_with("--model m -t Read /p"), "{argv:?}");
}
