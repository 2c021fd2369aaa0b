//! Tests of reading transcripts: lines as the programs wrote them, without what does not count, and hostile ones.

use std::collections::BTreeMap;

use convoy_core::report::Tokens;
use convoy_core::time::Time;

use super::{Heard, Kind, Message, read, time};

const ID: &str = "6df65db3-00b1-4818-be20-00a4ce182731";

struct Home(tempfile::TempDir);

impl Home {
    fn new(files: &[(&str, String)]) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            home.write(path, text);
        }
        home
    }
    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    fn env(&self) -> BTreeMap<String, String> {
        [("HOME".to_owned(), self.0.path().to_str().unwrap().to_owned())].into()
    }
    fn read(&self, kind: Kind, heard: &Heard) -> Vec<Message> {
        read(kind, &self.env(), heard)
    }
}

fn tokens(input: u64, output: u64, cache_read: u64, cache_write: u64) -> Tokens {
    Tokens { input, output, cache_read, cache_write }
}

fn heard(messages: &[(&str, Tokens)]) -> Heard {
    Heard {
        conversation: ID.to_owned(),
        began: time("2026-11-21T10:27:49Z").unwrap(),
        messages: messages.iter().map(|(id, tokens)| ((*id).to_owned(), *tokens)).collect(),
        told_at: None,
    }
}

fn found(messages: &[Message]) -> Vec<(&str, Tokens)> {
    messages.iter().map(|message| (message.id.as_str(), message.tokens)).collect()
}

/// A line of a reply, as Claude Code 2.1.197 writes it.
fn assistant(at: &str, id: &str, output: u64) -> String {
    format!(
        "{{\"parentUuid\":null,\"isSidechain\":false,\"message\":{{\"id\":\"{id}\",\"type\":\"message\",\"role\":\
         \"assistant\",\"model\":\"claude-sonnet-4-5\",\"content\":[{{\"type\":\"text\",\"text\":\"x\"}}],\"usage\":\
         {{\"input_tokens\":700,\"cache_creation_input_tokens\":10,\"cache_read_input_tokens\":100,\
         \"output_tokens\":{output},\"cache_creation\":{{\"ephemeral_1h_input_tokens\":4,\
         \"ephemeral_5m_input_tokens\":6}}}}}},\"type\":\"assistant\",\"timestamp\":\"2026-11-21T{at}Z\",\
         \"sessionId\":\"{ID}\"}}\n"
    )
}

fn claude(lines: &[String]) -> Home {
    let sub = assistant("10:27:52.1", "msg_sub", 1) + &assistant("10:27:52.2", "msg_sub", 40);
    let old = assistant("10:27:53", "msg_old_style", 9);
    let other = assistant("10:27:53", "msg_other", 9).replace(ID, "11111111-1111-4111-8111-111111111111");
    Home::new(&[
        (&format!(".claude/projects/-w/{ID}.jsonl"), lines.concat()),
        (&format!(".claude/projects/-w/{ID}/subagents/agent-a7ac.jsonl"), sub),
        (".claude/projects/-w/agent-old.jsonl", old + &other),
        (
            ".claude/projects/-w/22222222-2222-4222-8222-222222222222.jsonl",
            assistant("10:27:53", "msg_no", 9),
        ),
    ])
}

#[test]
fn claudes_replies_count_once_with_all_of_their_usage_and_those_of_sub_agents_too() {
    let home = claude(&[
        assistant("10:27:50.1", "msg_1", 30),
        assistant("10:27:50.2", "msg_1", 30),
        assistant("10:27:51", "msg_2", 7),
        assistant("10:20:00", "msg_of_an_earlier_session", 7),
    ]);
    // The stream told the first whole; of the sub-agent's only how it began.
    let heard = heard(&[("msg_1", tokens(700, 30, 100, 10)), ("msg_sub", tokens(700, 1, 100, 10))]);
    let messages = home.read(Kind::Claude, &heard);
    assert_eq!(
        found(&messages),
        [
            ("msg_2", tokens(700, 7, 100, 10)),
            ("msg_old_style", tokens(700, 9, 100, 10)),
            ("rest-of-msg_sub", tokens(0, 39, 0, 0))
        ]
    );
    assert_eq!((messages[0].cache_write_1h, messages[0].model.as_deref()), (4, Some("claude-sonnet-4-5")));
    assert_eq!(messages[2].cache_write_1h, 0);
    assert_eq!(messages, home.read(Kind::Claude, &heard), "again, it says the same");
    // What was before the agent told a sum is in the sum.
    let told = Heard { told_at: time("2026-11-21T10:27:52.5Z"), ..heard.clone() };
    assert_eq!(found(&home.read(Kind::Claude, &told)), [("msg_old_style", tokens(700, 9, 100, 10))]);
    // A folder of its own goes before the home directory.
    let mut env = home.env();
    env.insert("CLAUDE_CONFIG_DIR".into(), "/nowhere".into());
    assert_eq!(read(Kind::Claude, &env, &heard), []);
}

#[test]
fn what_does_not_make_sense_is_passed_over() {
    let good = assistant("10:27:51", "msg_1", 7);
    let long = format!("{{\"type\":\"assistant\",\"usage\":\"{}\"}}\n", "x".repeat(17 << 20));
    let lines = [
        "\n{\"type\":\"assistant\"\n\u{0}\u{ff}\"usage\"\"assistant\"\n".to_owned(),
        good.replace("700", "-1"),
        good.replace("\"output_tokens\":7", "\"output_tokens\":1e99"),
        good.replace("msg_1", "msg\\u001b[2J"),
        good.replace("msg_1", &"m".repeat(300)),
        good.replace("claude-sonnet-4-5", "<synthetic>"),
        good.replace("2026-11-21", "tomorrow"),
        long,
        good.clone(),
        good[..good.len() / 2].to_owned(),
    ];
    let home = claude(&lines);
    let all = home.read(Kind::Claude, &heard(&[]));
    assert_eq!(found(&all).iter().filter(|(id, _)| *id == "msg_1").count(), 1);
    assert_eq!(all.len(), 3, "{all:?}");
    // An id leads nowhere else, and neither does a link or a pipe in the place of a file.
    for id in ["", "..", "../x", "-x", "a/b", &"a".repeat(200)] {
        assert_eq!(home.read(Kind::Claude, &Heard { conversation: id.to_owned(), ..heard(&[]) }), []);
    }
    let own = home.0.path().join(format!(".claude/projects/-w/{ID}.jsonl"));
    std::fs::rename(&own, home.0.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(home.0.path().join("elsewhere"), &own).unwrap();
    let ids = |messages: &[Message]| messages.iter().map(|message| message.id.clone()).collect::<Vec<_>>();
    assert!(!ids(&home.read(Kind::Claude, &heard(&[]))).contains(&"msg_1".to_owned()));
    std::fs::remove_file(&own).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &own, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert!(home.read(Kind::Claude, &heard(&[])).len() <= 2, "and it does not wait for a writer");
}

fn codex(id: &str, session: &str, lines: &[&str]) -> (String, String) {
    let path = format!(".codex/sessions/2026/11/21/rollout-2026-11-21T10-27-49-{id}.jsonl");
    let meta = format!(
        "{{\"timestamp\":\"2026-11-21T10:27:49.8Z\",\"type\":\"session_meta\",\"payload\":{{\"session_id\":\"{session}\",\
         \"id\":\"{id}\"}}}}\n\
         {{\"timestamp\":\"2026-11-21T10:27:49.9Z\",\"type\":\"turn_context\",\"payload\":{{\"model\":\"gpt-5.1-codex\"}}}}\n"
    );
    (path, meta + &lines.concat())
}

fn record(at: &str, id: &str, input: u64, cached: u64, output: u64) -> String {
    format!(
        "{{\"timestamp\":\"2026-11-21T{at}Z\",\"ordinal\":12,\"type\":\"token_usage_record\",\"payload\":{{\"thread_id\":\"t\",\
         \"response_id\":\"{id}\",\"usage\":{{\"input_tokens\":{input},\"cached_input_tokens\":{cached},\
         \"cache_write_input_tokens\":0,\"output_tokens\":{output},\"reasoning_output_tokens\":3,\"total_tokens\":9}}}}}}\n"
    )
}

fn count(at: &str, total: u64, last: u64) -> String {
    format!(
        "{{\"timestamp\":\"2026-11-21T{at}Z\",\"type\":\"event_msg\",\"payload\":{{\"type\":\"token_count\",\"info\":\
         {{\"total_token_usage\":{{\"input_tokens\":{total},\"output_tokens\":0}},\"last_token_usage\":\
         {{\"input_tokens\":{last},\"output_tokens\":0}}}}}}}}\n"
    )
}

#[test]
fn codexs_replies_count_by_thread_and_those_of_sub_agents_always() {
    let own = [
        record("10:27:40", "resp_earlier", 5, 0, 5),
        record("10:27:50", "resp_1", 800, 100, 30),
        count("10:27:50.1", 830, 830),
        record("10:27:52", "resp_2", 870, 800, 5),
    ];
    let sub = [record("10:27:51", "resp_sub", 320, 20, 40)];
    let of = |id: &str, session: &str, lines: &[String]| {
        codex(id, session, &lines.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let files = [
        of(ID, ID, &own),
        of("01a1fda7-96f8-7940-ba12-b5d5a07f7c21", ID, &sub),
        of("01a1fda7-0000-7940-ba12-b5d5a07f7c21", "another", &sub),
    ];
    let home = Home::new(&files.each_ref().map(|(path, text)| (path.as_str(), text.clone())));
    let all = home.read(Kind::Codex, &heard(&[]));
    assert_eq!(
        found(&all),
        [
            ("resp_sub", tokens(300, 40, 20, 0)),
            ("resp_1", tokens(700, 30, 100, 0)),
            ("resp_2", tokens(70, 5, 800, 0))
        ]
    );
    assert!(all.iter().all(|message| message.model.as_deref() == Some("gpt-5.1-codex")));
    // A turn that ended has told what its thread used, and nothing of its sub-agents.
    let told = Heard { told_at: time("2026-11-21T10:27:51.5Z"), ..heard(&[]) };
    let ids = |messages: Vec<Message>| messages.into_iter().map(|message| message.id).collect::<Vec<_>>();
    assert_eq!(ids(home.read(Kind::Codex, &told)), ["resp_sub", "resp_2"]);
    // Older ones have sums only.
    let (path, text) =
        of(ID, ID, &[count("10:27:50", 830, 830), count("10:27:50", 830, 830), count("10:27:51", 900, 70)]);
    let home = Home::new(&[(path.as_str(), text)]);
    let all = home.read(Kind::Codex, &heard(&[]));
    assert_eq!(found(&all).iter().map(|(_, tokens)| tokens.input).collect::<Vec<_>>(), [830, 70]);
}

#[test]
fn geminis_replies_count_as_they_were_written_last() {
    let head = format!("{{\"sessionId\":\"{ID}\",\"kind\":\"main\"}}\n");
    let said = |at: &str, id: &str, output: u64| {
        format!(
            "{{\"id\":\"{id}\",\"timestamp\":\"2026-11-21T{at}Z\",\"type\":\"gemini\",\"content\":\"x\",\"tokens\":\
             {{\"input\":110,\"output\":{output},\"cached\":100,\"thoughts\":2,\"tool\":1,\"total\":118}},\
             \"model\":\"gemini-2.5-pro\"}}"
        )
    };
    let own = format!(
        "{head}{}\n{{\"$set\":{{\"messages\":[{},{{\"id\":\"u\",\"type\":\"user\"}}]}}}}\n{}\n{{\"$set\":{{\"lastUpdated\":\"x\"}}}}\n",
        said("10:27:50", "m1", 3),
        said("10:27:50", "m1", 5),
        said("10:20:00", "earlier", 5),
    );
    let home = Home::new(&[
        (".gemini/tmp/w/chats/session-2026-11-21T10-27-6df65db3.jsonl", own),
        (
            ".gemini/tmp/v/chats/session-2026-11-21T10-28-6df65db3.jsonl",
            "{\"sessionId\":\"6df65db3-x\"}\n".into(),
        ),
        (&format!(".gemini/tmp/w/chats/{ID}/sub.jsonl"), said("10:27:51", "m2", 1)),
    ]);
    let all = home.read(Kind::Gemini, &heard(&[]));
    assert_eq!(found(&all), [("m1", tokens(11, 7, 100, 0)), ("m2", tokens(11, 3, 100, 0))]);
    assert_eq!(all[0].model.as_deref(), Some("gemini-2.5-pro"));
    let told = Heard { told_at: Some(Time::from_millis(i64::MAX)), ..heard(&[]) };
    assert_eq!(home.read(Kind::Gemini, &told), []);
}
