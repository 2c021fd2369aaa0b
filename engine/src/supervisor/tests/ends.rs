//! How agents end, by themselves and otherwise.

use convoy_core::money::Money;
use convoy_core::report::{ExitKind, StopWhy};

use super::*;
use crate::clock::Instant;
use crate::supervisor::client::Client;
use crate::supervisor::spec::Price;

const COMMIT: &str = include_str!("../../agent/fixtures/claude_2.1.197_commit.jsonl");

#[test]
fn an_agent_gets_its_prompt_and_its_exit_status_is_known() {
    let mut session = script("cat; echo problem >&2; exit 7");
    session.prompt = "a long prompt\n".repeat(30_000);
    let done = session.finish();
    assert_eq!((done.exit.kind, done.exit.code, done.exit.signal), (ExitKind::Exited, Some(7), None));
    assert_eq!((done.exit.leaked, done.exit.epoch, done.exit.last_n), (0, Epoch(7), 1));
    assert_eq!(done.output().len(), done.session.prompt.len() + "problem\n".len());
    let started = done.session.dir.started().unwrap().unwrap();
    let Report::Started { pid, start_ticks } = done.observations[0].report else { panic!("not started") };
    assert_eq!(started.process, Process { pid, start_ticks });
    assert!(!done.session.dir.socket().exists());
}

#[test]
fn an_agent_that_does_not_read_its_prompt_is_not_waited_for() {
    let mut session = script("exec <&-; echo fine");
    session.prompt = "x".repeat(1_000_000);
    let done = session.finish();
    assert_eq!((done.exit.code, done.output().as_str()), (Some(0), "fine\n"));
}

#[test]
fn an_agent_sees_its_own_environment_and_descriptors_only() {
    let mut session = script("env | sort; ls /proc/self/fd; pwd; cat \"$PROMPT\"");
    session.spec.prompt = PromptVia::File;
    session.spec.env.insert("PROMPT".to_owned(), session.dir.prompt().to_string_lossy().into_owned());
    let done = session.finish();
    let (dir, spec) = (done.session.dir.path(), &done.session.spec);
    let expected = format!(
        "CONVOY_SESSION={}\nCONVOY_SOCKET={}/sock\nPATH=/usr/bin:/bin\nPROMPT={}/prompt.txt\nPWD={work}\n0\n1\n2\n3\n{work}\ndo it",
        spec.session,
        dir.display(),
        dir.display(),
        work = spec.workdir.display()
    );
    assert_eq!(done.output(), expected);
}

#[test]
fn a_signal_from_elsewhere_is_an_end_by_itself() {
    let done = script("kill -9 $$").finish();
    assert_eq!((done.exit.kind, done.exit.code, done.exit.signal), (ExitKind::Exited, None, Some(9)));
}

#[test]
fn what_cannot_start_says_why() {
    let broken = |change: fn(&mut Session)| {
        let mut session = script("");
        change(&mut session);
        let done = session.finish();
        assert_eq!((done.exit.kind, done.exit.code, done.exit.last_n), (ExitKind::StartFailed, None, 0));
        assert!(done.session.dir.started().unwrap().is_none());
        done.exit.detail.unwrap()
    };
    assert_eq!(
        broken(|session| session.spec.argv = vec!["no-such-program".to_owned()]),
        "no-such-program: no such program"
    );
    assert_eq!(broken(|session| session.spec.argv.clear()), "the command is empty");
    let detail = broken(|session| session.spec.workdir = session.root.path().join("nowhere"));
    assert!(detail.ends_with("is not a directory"), "{detail}");
    let detail = broken(|session| {
        let file = session.root.path().join("program");
        std::fs::write(&file, "garbage").unwrap();
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        session.spec.argv = vec![file.to_string_lossy().into_owned()];
    });
    assert!(detail.contains("exec format error"), "{detail}");
    let detail = broken(|session| session.spec.argv.push("a\0b".to_owned()));
    assert!(detail.contains("nul"), "{detail}");
}

#[test]
fn an_agent_that_ignores_requests_is_killed_in_time() {
    let session = script("trap '' INT TERM HUP; echo ready > ready; sleep 1000; sleep 1000");
    let ready = session.fifo("ready");
    let running = session.launch();
    running.hear(&ready);
    let asked = Instant::now();
    Client::connect(&running.session.dir).unwrap().stop(Epoch(7)).unwrap();
    let done = running.finish();
    assert_eq!((done.exit.kind, done.exit.signal), (ExitKind::Stopped(StopWhy::Ordered), Some(9)));
    // The ladder's patience is 80 ms; the rest is a busy machine.
    assert!((80..3000).contains(&asked.elapsed().as_millis()), "{:?}", asked.elapsed());
    assert!(matches!(
        done.reports().as_slice(),
        [Report::Started { .. }, Report::Stopping { why: StopWhy::Ordered }]
    ));
}

#[test]
fn a_success_of_a_stopped_agent_is_not_a_success() {
    let mut session = script("trap 'cat result; exit 0' INT; sleep 1000 & echo ready > ready; wait");
    session.spec.translator = Output::Claude;
    session.spec.stop = vec![Step { signal: StopSignal::Int, wait_ms: 20_000 }];
    std::fs::write(session.spec.workdir.join("result"), COMMIT).unwrap();
    let ready = session.fifo("ready");
    let running = session.launch();
    running.hear(&ready);
    // This is also how a supervisor that gets SIGTERM behaves.
    Process::of(running.child.id()).unwrap().signal(rustix::process::Signal::TERM).unwrap();
    let done = running.finish();
    assert_eq!((done.exit.kind, done.exit.code), (ExitKind::Stopped(StopWhy::Ordered), Some(0)));
    assert_eq!(done.exit.result.unwrap().cost, Money::from_dollars(0.019_687_5));
    assert_eq!(done.observations.iter().filter(|o| matches!(o.report, Report::Usage { .. })).count(), 3);
}

#[test]
fn orphans_in_sessions_of_their_own_are_killed_and_counted() {
    let done = script(
        "setsid sh -c 'setsid sleep 1000 & sleep 1000' & (env -i sleep 1000 &); (echo x > started) & cat started > /dev/null; exit 0",
    );
    done.fifo("started");
    let done = done.finish();
    assert_eq!((done.exit.kind, done.exit.code), (ExitKind::Exited, Some(0)));
    // How far the shells have come by then differs; at least one sleeper is certain, the one without our mark too.
    assert!(done.exit.leaked >= 1, "{}", done.exit.leaked);
    let inside = process::marked_or_inside("CONVOY_NOBODY", "x", &done.session.spec.workdir);
    assert_eq!(inside, []);
}

#[test]
fn closed_and_inherited_pipes_do_not_hide_the_end() {
    let done = script("exec >&- 2>&-; exec sh -c 'exit 3'").finish();
    assert_eq!(done.exit.code, Some(3));
    let done = script("sleep 1000 & echo last words; exit 4").finish();
    assert_eq!((done.exit.code, done.exit.leaked, done.output().as_str()), (Some(4), 1, "last words\n"));
}

#[test]
fn a_flood_stays_bounded_on_disk_and_in_memory() {
    let mut session = script(
        "grep VmRSS /proc/$PPID/status > before; head -c 50000000 /dev/zero; grep VmHWM /proc/$PPID/status > after; echo end",
    );
    session.spec.translator = Output::Claude;
    session.spec.limits.output_bytes = 1_000_000;
    let done = session.finish();
    let kept = std::fs::metadata(done.session.dir.output()).unwrap().len();
    assert!(kept < 1_000_200, "{kept}");
    assert!(done.exit.dropped_bytes >= 49_000_000);
    assert!(done.output().ends_with("\0end\n"));
    let kib = |name| {
        let text = std::fs::read_to_string(done.session.spec.workdir.join(name)).unwrap();
        text.split_ascii_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    // Above what it begins with: one line of a megabyte, and the buffers.
    assert!(kib("after") < kib("before") + 6000, "{} {}", kib("before"), kib("after"));
}

#[test]
fn limits_stop_an_agent() {
    let mut wall = script("while :; do echo busy; done");
    wall.spec.limits.wall_ms = Some(60);
    wall.spec.limits.output_bytes = 100_000;
    assert_eq!(wall.finish().exit.kind, ExitKind::Stopped(StopWhy::WallTime));

    let mut silence = script("echo once; kill -STOP $$; sleep 1000");
    silence.spec.limits.silence_ms = Some(60);
    let done = silence.finish();
    assert_eq!(done.exit.kind, ExitKind::Stopped(StopWhy::Silence));
    assert!(done.exit.elapsed_ms >= 60);

    let mut spend = script("cat stream; sleep 1000");
    spend.spec.translator = Output::Claude;
    // The first message costs 9450 micro-dollars, the second one pushes the sum over the limit.
    spend.spec.limits.spend_micros = Some(10_000);
    let price = Price {
        input: 3_000_000,
        output: 15_000_000,
        cache_read: 300_000,
        cache_write: 3_750_000,
        ..Price::default()
    };
    spend.spec.prices.insert("claude-sonnet".to_owned(), price);
    let two: String =
        COMMIT.lines().filter(|line| !line.contains("\"result\"")).map(|line| format!("{line}\n")).collect();
    std::fs::write(spend.spec.workdir.join("stream"), two).unwrap();
    assert_eq!(spend.finish().exit.kind, ExitKind::Stopped(StopWhy::Spend));
}

#[test]
fn a_stopped_process_can_be_killed() {
    let session =
        script("trap '' INT TERM; (setsid sleep 1000; :) & echo ready > ready; kill -STOP $$; sleep 1000");
    let ready = session.fifo("ready");
    let running = session.launch();
    running.hear(&ready);
    Client::connect(&running.session.dir).unwrap().stop(Epoch(7)).unwrap();
    assert_eq!(running.finish().exit.kind, ExitKind::Stopped(StopWhy::Ordered));
}
