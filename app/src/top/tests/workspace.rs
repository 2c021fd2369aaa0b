//! A workspace as a look finds it, made of the published shapes.

use convoy_core::time::Time;
use serde_json::{Value, json};

use super::super::data::Data;
use super::super::model::{Link, Model};

/// The moment of all pictures: 10:00 on the second of January 2026, UTC.
pub(super) const NOW: Time = Time::from_millis(1_767_348_000_000);

fn money(micros: i64) -> Value {
    json!({ "usd": format!("{}.{:02}", micros / 1_000_000, micros % 1_000_000 / 10_000), "micros": micros })
}

fn at(minutes_ago: i64) -> Value {
    json!(Time::from_millis(NOW.as_millis() - minutes_ago * 60_000))
}

fn with(mut base: Value, more: Value) -> Value {
    if let (Value::Object(base), Value::Object(more)) = (&mut base, more) {
        base.extend(more);
    }
    base
}

fn tracked(id: &str, title: &str, status: &str, worker: Option<&str>) -> Value {
    json!({
        "id": id, "title": title, "issue_type": "task", "status": status, "dependency_type": "tracks",
        "blocked": status == "open" && worker.is_none(), "worker": worker, "worker_age_s": worker.map(|_| 1260),
        "sandboxed": null,
    })
}

fn convoy(id: &str, title: &str, age_min: i64, more: Value) -> Value {
    let base = json!({
        "id": id, "title": title, "status": "open", "outcome": null, "epic_id": null, "template": null,
        "owner": "overseer", "created_by": "overseer", "notify": [], "watchers": [], "owned": false, "merge": "direct",
        "base_branch": null, "due_at": null, "overdue": false, "budget": null, "spent": money(0), "reserved": money(0),
        "overrun": money(0), "max_parallel": null, "tracked": [], "completed": 0, "in_progress": 0, "failed": 0,
        "total": 0, "health": {"healthy": true, "completed": 0, "failed": 0, "stale": 0, "stale_workers": []},
        "workers": [], "roles": [], "output_dir": null, "context": null, "held": false, "landing_epoch": 0,
        "landed_by": null, "close_reason": null, "findings": [], "created_at": at(age_min), "started_at": at(age_min),
        "closed_at": null, "duration_s": null,
    });
    with(base, more)
}

fn worker(id: &str, issue: &str, age_min: i64, more: Value) -> Value {
    let base = json!({
        "id": id, "name": format!("home/{id}"), "rig": "home", "issue_id": issue, "convoy_id": "hq-cv-logins",
        "state": "running", "why": null, "gave_up": false, "can_retry": false, "agent": "claude", "sandboxed": false, "model": "sonnet",
        "model_rationale": "", "attempt": 1, "max_attempts": 3, "failures": 0, "lost": 0, "conflicts": 0, "reviews": 0,
        "branch": null, "workdir": null, "session_id": format!("s-{}", &id[2..]), "started_at": at(age_min),
        "last_activity_at": at(0), "spent": money(0), "sessions": [], "lessons": [], "health": null, "evidence": null,
    });
    with(base, more)
}

fn health(name: &str, why: &str) -> Value {
    json!({
        "health": name, "stale": name != "healthy", "why": why, "heard_at": at(1), "steps": [], "next_step": null, "next_at": null, "evidence": null,
    })
}

fn need(kind: &str, id: &str, title: &str, detail: &str, command: &str) -> Value {
    json!({ "kind": kind, "id": id, "title": title, "category": "needs human", "detail": detail, "command": command })
}

fn cost_line(name: &str, micros: i64, share: f64) -> Value {
    json!({
        "id": name, "name": null, "source": null, "cost": money(micros), "share": share, "reported": money(micros),
        "estimated": money(0), "self_reported": money(0), "carried": money(0), "usage": {"input": 0, "output": 0,
        "cache_read": 0, "cache_write": 0}, "unpriced": {"input": 0, "output": 0, "cache_read": 0, "cache_write": 0},
        "sessions": 1, "unmetered": 0,
    })
}

fn cost(micros: i64, sessions: u32) -> Value {
    let lines = |names: &[(&str, i64)]| -> Vec<Value> {
        let all = names.iter().filter(|_| micros > 0);
        all.map(|(name, part)| cost_line(name, micros * part / 100, *part as f64 / 100.0)).collect()
    };
    json!({
        "scope": "workspace", "id": null, "since": null, "total": money(micros), "reported": money(micros),
        "estimated": money(0), "self_reported": money(0), "carried": money(0), "usage": {"input": 0, "output": 0,
        "cache_read": 0, "cache_write": 0}, "unpriced": {"input": 0, "output": 0, "cache_read": 0, "cache_write": 0},
        "sessions": sessions, "unmetered": u32::from(sessions > 2), "by_epic": [],
        "by_convoy": lines(&[("Logins", 75), ("日本語 and \u{1b}[31mred", 25)]), "by_worker": lines(&[("home/w-one", 60)]),
        "by_session": [], "by_issue": [], "by_model": lines(&[("sonnet", 90), ("haiku", 10)]),
        "by_day": lines(&[("2026-01-01", 40), ("2026-01-02", 60)]),
    })
}

fn data(value: Value) -> Data {
    serde_json::from_value(value).expect("the published shapes")
}

fn line(convoy: &Value) -> Value {
    json!({
        "id": convoy["id"], "title": convoy["title"], "status": convoy["status"], "outcome": null, "template": null,
        "completed": convoy["completed"], "total": convoy["total"], "at_work": convoy["in_progress"],
        "needs_human": convoy["failed"] != 0, "stuck": convoy["failed"] != 0, "overdue": false, "due_at": convoy["due_at"], "spent": convoy["spent"], "budget": convoy["budget"],
        "created_at": convoy["created_at"], "started_at": convoy["started_at"], "closed_at": convoy["closed_at"],
    })
}

fn overview(needs: &[Value], at_work: usize, spent: i64, landed: &[Value]) -> Value {
    json!({
        "seq": 40, "at": at(0), "needs": needs, "needs_total": needs.len(), "at_work": [], "at_work_total": at_work,
        "convoys": [], "open": 3, "staged": 0, "landed_today": landed, "landed_today_total": landed.len(),
        "spent_today": money(spent), "reserved": money(0), "day_limit": null, "live_sessions": at_work, "startable": 0,
        "unread": 0, "undelivered": 0,
    })
}

/// A workspace with nothing in it.
pub(super) fn empty() -> Model {
    let nothing = json!({
        "overview": overview(&[], 0, 0, &[]), "convoys": [], "convoys_total": 0, "workers": [], "convoy": null,
        "cost": cost(0, 0),
    });
    Model::new("home".to_owned(), Link::Down, data(nothing), NOW)
}

/// A workspace at work: one convoy that does well, one that waits for a person, one that only tracks, with hostile text in
/// everything that agents or people write.
pub(super) fn busy() -> Model {
    let mut model = Model::new("home".to_owned(), Link::Up, data(look()), NOW);
    for line in [
        "10:00:01  gt-one  ▶ agent started (s-one)\n",
        "10:00:02  gt-three  ! needs a human: it could not decide between two ways of doing it\n",
        "10:00:03  gt-two  agent notes: half of it is done\n",
    ] {
        model.happened(line);
    }
    model.printed.session = model.wanted();
    let lines = [
        "I read src/login.rs first.",
        "> Edit \u{1b}[2Jsrc/login.rs\twith care",
        "a\nb \u{202e}hidden",
        "= done: all tests pass",
    ];
    model.printed(lines.map(str::to_owned));
    model
}

/// What the look of [`busy`] found.
pub(super) fn look() -> Value {
    let convoys = [
        convoy(
            "hq-cv-stuck",
            "A change that needs somebody to decide what is wanted",
            30,
            json!({
                "failed": 1, "total": 2, "completed": 1, "spent": money(1_230_000), "budget": money(1_000_000),
                "overrun": money(230_000),
                "tracked": [tracked("gt-three", "Decide", "needs_human", None)],
            }),
        ),
        convoy(
            "hq-cv-logins",
            "Logins: \u{1b}]0;mine\u{7}and what \u{202e}hides",
            90,
            json!({
                "completed": 3, "in_progress": 2, "total": 7, "spent": money(420_000), "budget": money(5_000_000),
                "due_at": at(-600),
                "tracked": [
                    tracked("gt-zero", "Write the tests of the login form, all of them", "closed", None),
                    tracked("gt-one", "Fix the login", "in_progress", Some("home/w-one")),
                    tracked("gt-two", "日本語のログイン", "in_progress", Some("home/w-two")),
                    tracked("gt-four", "Then this", "open", None),
                ],
            }),
        ),
        convoy(
            "hq-cv-later",
            "Only tracked",
            500,
            json!({
                "started_at": null, "total": 1, "tracked": [tracked("gt-five", "Later", "open", None)],
            }),
        ),
    ];
    let landed = convoy(
        "hq-cv-done",
        "Landed this morning",
        120,
        json!({
            "status": "landed", "closed_at": at(60), "completed": 2, "total": 2, "spent": money(70_000),
        }),
    );
    let needs = [
        need(
            "convoy",
            "hq-cv-stuck",
            "A change that needs somebody to decide what is wanted",
            "gt-three: it could not decide between \u{9b}31m two ways",
            "convoy work retry gt-three",
        ),
        need(
            "issue",
            "gt-seven",
            "Tracked by none",
            "which of the two databases is meant?",
            "convoy why gt-seven",
        ),
    ];
    json!({
        "overview": overview(&needs, 3, 1_650_000, &[line(&landed)]),
        "convoys": convoys.iter().map(line).collect::<Vec<_>>(),
        "convoys_total": convoys.len(),
        "convoy": convoys[1],
        "workers": [
            worker("w-two", "gt-two", 21, json!({ "health": health("quiet", "it has said nothing for 21m") })),
            worker("w-one", "gt-one", 5, json!({ "health": health("healthy", "it is at work"), "spent": money(420_000) })),
            worker("w-three", "gt-three", 65, json!({
                "state": "failed", "gave_up": true, "why": "3 of 3 attempts failed: \u{1b}[2J gate test", "attempt": 3,
                "convoy_id": "hq-cv-stuck", "spent": money(1_230_000), "model": null,
            })),
            worker("w-four", "gt-six", 2, json!({ "state": "assigned", "session_id": null, "convoy_id": null })),
        ],
        "cost": cost(1_650_000, 3),
    })
}

/// The same workspace, after something has changed.
pub(super) fn changed(change: impl FnOnce(&mut Value)) -> Data {
    let mut value = look();
    change(&mut value);
    data(value)
}
