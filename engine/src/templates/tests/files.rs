//! Files: forms, folders, inheritance, and everything that is wrong with them.

use std::fs;
use std::os::unix::fs::symlink;

use convoy_core::template::{OnFailure, OutputKind, ReportKind, Runner};
use convoy_core::time::Span;

use super::{Home, agent, at, template};
use crate::templates::*;

#[test]
fn the_form_of_the_program_before_is_read_as_it_was_meant() {
    let home = Home::new();
    let text = r#"{"name":"lightweight-review","description":"Quick security-only review","agents":[
        {"role":"security","subagent":"code-review-security","parallel":false,"dependsOn":[],
         "params":{"level":3,"deep":true,"areas":["a","b"]},"model":"opus","timeout":90000,"maxAttempts":2}],
        "config":{"outputDir":".claude/reviews","maxParallel":2,"timeout":600000,"onFailure":"stop"}}"#;
    home.put("user/templates/lightweight-review.json", text);
    let plan = home.library().plan("lightweight-review").unwrap();
    let lane = &plan.lanes[0];
    assert_eq!(lane.timeout(), Some(Span::from_secs(90)));
    assert_eq!(lane.role.max_attempts, Some(2));
    let params: Vec<(&str, &str)> = lane.role.params.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(params, [("areas", "a\nb"), ("deep", "true"), ("level", "3")]);
    assert!(matches!(lane.runner(), Runner::Agent { model: Some(model), .. } if model == "opus"));
    let config = &plan.template.config;
    assert_eq!(config.output_dir.as_deref(), Some(".claude/reviews"));
    assert_eq!((config.max_parallel, config.timeout), (Some(2), Some(Span::from_secs(600))));
    assert_eq!((config.on_failure, plan.report), (Some(OnFailure::Stop), ReportKind::Review));
}

#[test]
fn what_extends_replaces_key_by_key_removes_and_merges() {
    let home = Home::new();
    home.put(
        "templates/mine.toml",
        "name = 'mine'\nextends = 'code-review'\nremove = ['performance']\n\
         [[agents]]\nrole = 'security'\nmodel = 'opus'\nparams = { focus = 'auth' }\n\
         [[agents]]\nrole = 'needs'\nsubagent = 'code-review-requirements'\n\
         [config]\ntimeout = '1h'\n",
    );
    let plan = home.library().plan("mine").unwrap();
    let roles: Vec<&str> = plan.lanes.iter().map(|lane| lane.role.role.value.as_str()).collect();
    assert_eq!(roles, ["correctness", "security", "synthesis", "needs"]);
    let security = &plan.lanes[1];
    assert!(matches!(security.runner(), Runner::Agent { model: Some(model), .. } if model == "opus"));
    assert_eq!(security.timeout(), Some(Span::from_secs(600)));
    let needs: Vec<&str> = plan.lanes[2].needs.iter().map(|role| role.as_str()).collect();
    assert_eq!(needs, ["correctness", "security"], "a removed role is dropped from what others depend on");
    let config = &plan.template.config;
    assert_eq!((config.timeout, config.max_parallel), (Some(Span::from_secs(3600)), Some(3)));
    assert!(plan.template.description.starts_with("Reviews"));
    assert_eq!(plan.template.extends[0].layer, Layer::BuiltIn);
}

#[test]
fn later_folders_win_and_may_extend_what_they_hide() {
    let home = Home::new();
    let own = |model: &str| {
        format!(
            "name = 'code-review'\nextends = 'code-review'\n[[agents]]\nrole = 'security'\nmodel = '{model}'\n"
        )
    };
    home.put("user/templates/code-review.toml", own("user") + "timeout = '3m'\n");
    home.put("templates/code-review.toml", own("ws"));
    home.put("agents/code-review-security.md", agent("code-review-security", "ours {{ files }}"));
    let library = home.library();
    let plan = library.plan("code-review").unwrap();
    assert_eq!(plan.lanes.len(), 4);
    let security = &plan.lanes[1];
    assert_eq!(security.file.source.layer, Layer::Workspace);
    assert!(matches!(security.runner(), Runner::Agent { model: Some(model), .. } if model == "ws"));
    assert_eq!(
        security.timeout(),
        Some(Span::from_secs(180)),
        "what the user's says holds where the workspace is silent"
    );
    let layers: Vec<Layer> = plan.template.extends.iter().map(|source| source.layer).collect();
    assert_eq!(layers, [Layer::User, Layer::BuiltIn]);
    assert_eq!(library.hidden(&plan.template.source, true), [Layer::User, Layer::BuiltIn]);
}

#[test]
fn chains_are_limited_and_circles_refused_with_their_path() {
    let home = Home::new();
    let extends = |name: &str, base: &str| format!("name = '{name}'\nextends = '{base}'\n");
    home.put("templates/x.toml", extends("x", "y")).put("templates/y.toml", extends("y", "z"));
    home.put("templates/z.toml", extends("z", "x"));
    let wrong = home.wrong("x");
    assert!(
        wrong[0].contains("z.toml:2: extends: templates extend each other in a circle: x → y → z → x"),
        "{wrong:?}"
    );
    home.put("templates/self.toml", extends("self", "self"));
    assert!(home.wrong("self")[0].contains("self.toml:2: extends: it extends itself: self → self"));
    home.put("agents/a.md", agent("a", "x")).put("templates/c0.toml", template("c0", &[("a", &[])]));
    for n in 1..=6 {
        home.put(&format!("templates/c{n}.toml"), extends(&format!("c{n}"), &format!("c{}", n - 1)));
    }
    assert_eq!(home.wrong("c5"), Vec::<String>::new());
    assert!(home.wrong("c6")[0].contains("rests on more than 5 templates: c6 → c5 → c4 → c3 → c2 → c1 → c0"));
    home.put("templates/lost.toml", extends("lost", "code-revew"));
    assert!(
        home.wrong("lost")[0].contains("there is no template \"code-revew\"; did you mean \"code-review\"?")
    );
}

#[test]
fn everything_that_is_wrong_is_said_with_its_place() {
    let home = Home::new();
    home.put("agents/a.md", agent("a", "x"));
    for (text, expected) in [
        ("description = 'd'\n", "bad.toml:1: the name is missing"),
        ("name = 'bad'\n[[agents]]\nrole='a'\nsubagent='a'\n", "bad.toml:1: the description is missing"),
        ("name = 'other'\n", "bad.toml:1: name: the name is \"other\", and the file is called \"bad\""),
        ("name = 'bad'\ndescription='d'\n", "bad.toml:1: it has no roles"),
        ("name = 'bad'\nagent = []\n", "bad.toml:2: unknown key \"agent\"; did you mean \"agents\"?"),
        (
            "[[agents]]\nrole='a'\nmodle='x'\n",
            "bad.toml:3: agents[0]: unknown key \"modle\"; did you mean \"model\"?",
        ),
        ("[[agents]]\nsubagent='a'\n", "bad.toml:1: agents[0]: the role has no name"),
        ("[[agents]]\nrole='a/b'\n", "bad.toml:2: agents[0].role: role id \"a/b\" is not valid"),
        ("[[agents]]\nrole='a'\ntimeout=5\n", "bad.toml:3: agents[0].timeout: a time of more than nothing"),
        ("[[agents]]\nrole='a'\ntimeout='5 fortnights'\n", "bad.toml:3: agents[0].timeout: a time"),
        (
            "[[agents]]\nrole='a'\nmax_attempts=0\n",
            "bad.toml:3: agents[0].max_attempts: a whole number from 1 to 100",
        ),
        ("[[agents]]\nrole='a'\nmodel='--x'\n", "bad.toml:3: agents[0].model: \"--x\" is no name of a model"),
        (
            "[config]\non_failure='halt'\n",
            "bad.toml:2: config.on_failure: \"halt\" is not one of continue, stop",
        ),
        ("[config]\noutput_dir='../x'\n", "bad.toml:2: config.output_dir: \"../x\" is no folder"),
        ("[config]\noutput_dir='.git/x'\n", "bad.toml:2: config.output_dir:"),
        ("[config]\noutput_dir='.convoy/state'\n", "bad.toml:2: config.output_dir:"),
        ("[config]\noutput_dir='/tmp'\n", "bad.toml:2: config.output_dir:"),
        ("name = = 1\n", "bad.toml:1: "),
    ] {
        let wrong = home.put("templates/bad.toml", text).wrong("bad");
        assert!(wrong.iter().any(|line| line.contains(expected)), "{text:?}: {wrong:#?}");
    }
    // All of it at once.
    home.put("templates/bad.toml", "name = 'bad'\nx = 1\ny = 2\n[config]\ntimeout = 'soon'\n");
    assert_eq!(home.wrong("bad").len(), 4, "{:#?}", home.wrong("bad"));
    home.put(
        "templates/js.json",
        "{\"name\": \"js\",\n \"agents\": [\n  {\"role\": \"a\", \"dependson\": []}\n ],}",
    );
    assert!(home.wrong("js")[0].contains("js.json:4: it is not JSON"), "{:?}", home.wrong("js"));
    home.put(
        "templates/js.json",
        "{\"name\": \"js\",\n \"agents\": [\n  {\"role\": \"a\",\n   \"dependson\": []}\n ]}",
    );
    assert!(
        home.wrong("js")[0]
            .contains("js.json:4: agents[0]: unknown key \"dependson\"; did you mean \"depends_on\"?")
    );
}

#[test]
fn what_roles_depend_on_is_checked() {
    let home = Home::new();
    home.put("agents/a.md", agent("a", "x"));
    for (roles, expected) in [
        (
            &[("a", &[] as &[&str]), ("a", &[])] as &[(&str, &[&str])],
            "bad.toml:8: agents[1]: there are two roles \"a\"",
        ),
        (
            &[("one", &["two"]), ("oen", &[])],
            "bad.toml:6: agents[0].depends_on[0]: role \"one\" depends on \"two\"",
        ),
        (&[("a", &["a"])], "bad.toml:6: agents[0].depends_on[0]: role \"a\" depends on itself"),
        (
            &[("x", &[]), ("a", &["c"]), ("b", &["a"]), ("c", &["b"])],
            "bad.toml:10: agents[1].depends_on[0]: roles wait for each other in a circle: a → c → b → a",
        ),
    ] {
        let wrong = home.put("templates/bad.toml", template("bad", roles)).wrong("bad");
        assert!(wrong.iter().any(|line| line.contains(expected)), "{roles:?}: {wrong:#?}");
    }
    let text = "name='bad'\ndescription='d'\n[[agents]]\nrole='a'\nsubagent='code-review-securty'\n";
    let wrong = home.put("templates/bad.toml", text).wrong("bad");
    let expected = "bad.toml:5: agents[0].subagent: there is no agent file \"code-review-securty\"; did you mean \"code-review-security\"?";
    assert!(wrong[0].contains(expected), "{wrong:?}");
    let text = "name='bad'\ndescription='d'\n[[agents]]\nrole='a'\nsubagent='a'\nagent='cloude'\n";
    home.put("templates/bad.toml", text);
    let library = home.library().with_agents(vec!["claude".into()]);
    assert!(
        library
            .plan("bad")
            .unwrap_err()
            .to_string()
            .contains("there is no agent \"cloude\"; did you mean \"claude\"?")
    );
}

#[test]
fn prompts_are_tried_before_anything_runs() {
    let home = Home::new();
    home.put("templates/t.toml", template("t", &[("one", &[]), ("two", &["one"])]));
    for (prompt, expected) in [
        ("a\n{% if %}", "a.md:6: the prompt is no template"),
        ("{{ fils }}", "a.md:5: unknown variable \"fils\"; did you mean \"files\"?"),
        ("{% if diff %}\n{{ nope }}\n{% endif %}", "a.md:6: unknown variable \"nope\""),
        (
            "\n\n{{ params.x }}",
            "a.md:7: the prompt of role \"one\" asks for params.x, which it does not get; give it in the template",
        ),
        (
            "{{ inputs.two }}",
            "asks for inputs.two, which it does not get; add \"two\" to depends_on of role \"one\"",
        ),
        ("{% if not diff %}{{ issue.nope }}{% endif %}", "asks for issue.nope"),
    ] {
        let wrong = home.put("agents/a.md", agent("a", prompt)).wrong("t");
        assert!(wrong.iter().any(|line| line.contains(expected)), "{prompt}: {wrong:#?}");
    }
    for prompt in [
        "{{ vars.anything }}",
        "{{ params.x | default('') }}",
        "{% if vars.x is defined %}{{ vars.x }}{% endif %}",
    ] {
        assert_eq!(home.put("agents/a.md", agent("a", prompt)).wrong("t"), Vec::<String>::new(), "{prompt}");
    }
}

#[test]
fn agent_files_are_read_whatever_editor_wrote_them() {
    let home = Home::new();
    let text = "\u{feff}---\r\nname: lint\r\ndescription: >\r\n  Runs\r\n  a linter\r\ncommand: [ruff, check, \"--output-format=sarif\", \"{{ files | join(' ') }}\"]\r\nsuccess: [0, 1]\r\ntimeout: 90s\r\n---\r\n";
    home.put("agents/lint.md", text);
    let file = home.library().agent_file("lint").unwrap();
    assert_eq!((file.description.as_str(), file.output), ("Runs a linter", OutputKind::Sarif));
    assert_eq!((file.success.as_slice(), file.timeout), (&[0, 1][..], Some(Span::from_secs(90))));
    assert_eq!(file.command.unwrap().len(), 4);
    let text = "---\nname: b\ndescription: d\ntools: Read, Bash(git log:*, git diff:*)\npermissionMode: plan\nmodel: sonnet\nagent: none\noutput: findings\n---\n\n\nHello\r\n\r\n";
    let file = home.put("agents/b.md", text).library().agent_file("b").unwrap();
    assert_eq!(
        file.tools.as_deref(),
        Some(&["Read".to_owned(), "Bash(git log:*, git diff:*)".to_owned()][..])
    );
    assert_eq!(file.permission_mode.as_deref(), Some("plan"));
    assert!(matches!(file.agent, Some(Spot { value: Who::Nobody, .. })));
    assert_eq!((file.body.as_str(), file.body_line, file.output), ("Hello\n", 12, OutputKind::Findings));
}

#[test]
fn what_is_wrong_with_an_agent_file_is_said_with_its_place() {
    let home = Home::new();
    for (text, expected) in [
        ("name: a\n", "a.md:1: the front matter is missing or has no end"),
        ("---\nname: a\n", "a.md:1: the front matter is missing"),
        (
            "---\nname: a\ndescription: d\nmodle: x\n---\nx",
            "a.md:4: unknown key \"modle\"; did you mean \"model\"?",
        ),
        ("---\nname: a\ndescription: d\nname: a\n---\nx", "a.md:4: "),
        (
            "---\nname: b\ndescription: d\n---\nx",
            "a.md:2: name: the name is \"b\", and the file is called \"a\"",
        ),
        ("---\ndescription: d\n---\nx", "a.md:2: the name is missing"),
        ("---\nname: a\n---\nx", "the description is missing"),
        ("---\nname: a\ndescription: d\n---\n\n", "the prompt is missing"),
        ("---\nname: a\ndescription: d\ntimeout: 10\n---\nx", "a.md:4: timeout: a time"),
        ("---\nname: a\ndescription: d\noutput: finding\n---\nx", "did you mean \"findings\"?"),
        (
            "---\nname: a\ndescription: d\ncommand: ruff check\n---\n",
            "a.md:4: command: a command is a list of words",
        ),
        (
            "---\nname: a\ndescription: d\ncommand: [x]\nmodel: y\n---\n",
            "\"model\" means nothing beside \"command\"",
        ),
        (
            "---\nname: a\ndescription: d\nsuccess: [1]\n---\nx",
            "\"success\" means something only beside \"command\"",
        ),
        ("---\nname: &x a\ndescription: *x\n---\nx", "a.md:2: YAML anchors and aliases are not used here"),
        ("---\nname: [a\n---\nx", "it is not YAML"),
        ("---\nname: a\ndescription: d\ntools: [--x]\n---\nx", "names no tool"),
    ] {
        home.put("agents/a.md", text);
        let error = home.library().agent_file("a").unwrap_err().to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
}

#[test]
fn files_that_lead_elsewhere_or_are_too_large_or_no_text_are_refused() {
    let home = Home::new();
    let outside = home.dir.path().join("outside.toml");
    fs::write(&outside, template("out", &[("a", &[])])).unwrap();
    symlink(&outside, home.path("templates/out.toml")).unwrap();
    assert!(
        home.wrong("out")[0].contains("it is a symbolic link out of its folder"),
        "{:?}",
        home.wrong("out")
    );
    // One that stays inside is what people do.
    home.put("agents/a.md", agent("a", "x")).put("templates/in.toml", template("in", &[("a", &[])]));
    symlink("in.toml", home.path("templates/alias.toml")).unwrap();
    assert!(home.wrong("alias")[0].contains("the name is \"in\""));
    symlink("nowhere.toml", home.path("templates/gone.toml")).unwrap();
    assert!(home.wrong("gone")[0].contains("it cannot be read"));
    home.put("templates/big.toml", "#".repeat(600 * 1024));
    assert!(home.wrong("big")[0].contains("it is larger than"));
    home.put("templates/latin.toml", b"name = 'x'\ndescription = '\xe9'\n");
    assert!(home.wrong("latin")[0].contains("latin.toml:2: it is not UTF-8 text"));
    home.put("templates/in.json", "{}");
    assert!(home.wrong("in")[0].contains("has the same name"), "{:?}", home.wrong("in"));
    // And a folder of the workspace that is a link says nothing at all.
    fs::remove_dir_all(home.path("agents")).unwrap();
    fs::create_dir(home.dir.path().join("elsewhere")).unwrap();
    fs::write(home.dir.path().join("elsewhere/z.md"), agent("z", "x")).unwrap();
    symlink(home.dir.path().join("elsewhere"), home.path("agents")).unwrap();
    let library = home.library();
    assert!(library.agent_file("z").is_err());
    assert!(library.problems()[0].to_string().contains("the folder is a symbolic link"));
    assert!(library.problems()[0].to_string().contains(&at(&home.path("agents"))));
}

#[test]
fn a_name_that_is_not_there_has_its_nearest() {
    let library = Library::built_in();
    let failure = convoy_api::Failure::from(library.plan("code-revue").unwrap_err());
    assert_eq!(failure.message, "there is no template \"code-revue\"");
    assert_eq!(failure.hint.as_deref(), Some("did you mean \"code-review\"?"));
    assert_eq!(failure.code.exit_status(), 3);
}
