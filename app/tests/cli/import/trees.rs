//! Small trees of the shapes that other tools leave on disk.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn lines(values: &[serde_json::Value]) -> String {
    values.iter().map(|value| format!("{value}\n")).collect()
}

/// A town with two rigs and six convoys.
pub(super) fn gastown(root: &Path) -> PathBuf {
    let town = root.join("gt");
    let tracks = |convoy: &str, on: &str| json!({"issue_id": convoy, "depends_on_id": on, "type": "tracks"});
    let convoy = |id: &str, title: &str, status: &str, body: &str, on: &[&str]| {
        json!({
            "id": id, "title": title, "status": status, "issue_type": "convoy", "description": body, "priority": 2,
            "dependencies": on.iter().map(|on| tracks(id, on)).collect::<Vec<_>>(), "created_by": "mayor/",
            "created_at": "2025-12-30T10:15:00-08:00", "updated_at": "2025-12-31T10:15:00-08:00",
        })
    };
    let mut landed = convoy("hq-cv-done1", "Shipped", "closed", "", &["external:gt:gt-done"]);
    landed["closed_at"] = json!("2026-01-02T00:00:00Z");
    landed["close_reason"] = json!("All tracked issues completed");
    let mut forced = convoy("hq-cv-gone1", "Given up", "closed", "", &["external:gt:gt-abc"]);
    forced["close_reason"] = json!("Force closed");
    let body = "Convoy tracking 2 issues\n\nowner: gastown/joe\nnotify: mayor/\nmerge: mr\nbase_branch: main\n\
                watchers: a/b, c d\nmolecule: mol-1\n";
    let mut open = convoy(
        "hq-cv-abc12",
        "Deploy v2.0",
        "open",
        body,
        &["external:gt:gt-abc", "external:gt:gt-wait", "gt-gone"],
    );
    open["labels"] = json!(["gt:owned", "mountain"]);
    let staged = convoy("hq-cv-stage", "Planned", "staged_ready", "", &["external:gt:gt-abc"]);
    let warns = convoy("hq-cv-warns", "Doubtful", "staged_warnings", "", &["external:gt:gt-plan"]);
    let foreign = convoy("hq-cv-other", "Elsewhere", "open", "", &["external:zz:zz-1"]);
    let agent = json!({"id": "hq-mayor", "title": "Mayor", "issue_type": "agent", "status": "open"});
    put(&town, ".beads/issues.jsonl", &lines(&[open, landed, forced, staged, warns, foreign, agent]));
    put(&town, ".beads/routes.jsonl", "{\"prefix\":\"gt-\",\"path\":\"gastown/mayor/rig\"}\n");
    let issue = |id: &str, status: &str| {
        json!({"id": id, "title": format!("Title of {id}"), "status": status, "issue_type": "task", "priority": 1,
               "created_at": "2025-12-29T00:00:00Z", "updated_at": "2025-12-30T00:00:00Z", "design": "as drawn"})
    };
    let mut waits = issue("gt-wait", "open");
    waits["dependencies"] = json!([{"issue_id": "gt-wait", "depends_on_id": "gt-first", "type": "blocks"}]);
    let rig = [
        issue("gt-abc", "open"),
        issue("gt-done", "closed"),
        waits,
        issue("gt-first", "deferred"),
        issue("gt-loose", "open"),
        issue("gt-plan", "open"),
    ];
    put(&town, "gastown/mayor/rig/.beads/issues.jsonl", &lines(&rig));
    let cost = |item: &str, usd: f64| {
        json!({"session_id": "s", "role": "polecat", "rig": "gastown", "worker": "nux", "cost_usd": usd,
               "started_at": "2025-12-30T10:00:00Z", "ended_at": "2025-12-30T11:00:00Z", "work_item": item})
    };
    put(&town, "costs.jsonl", &lines(&[cost("gt-abc", 0.5), cost("gt-abc", 0.25), cost("", 1.0)]));
    put(&town, ".events.jsonl", "{}\n");
    town
}

/// A repository in which `orch` has worked.
pub(super) fn orch(root: &Path) -> PathBuf {
    let repo = root.join("orch");
    let convoy = |id: &str, status: &str, issues: &[&str]| {
        json!({
            "convoy": {"id": id, "epicId": "epic-1", "name": "User Profile", "issueIds": issues, "status": status,
                "createdAt": "2026-01-09T20:38:54.993Z", "completedAt": null, "workers": {},
                "costTracker": {"budget": 10, "consumed": 0, "remaining": 10, "exceeded": false, "warnings": []}},
            "workers": [], "costTracker": {"sessionCosts": {}, "workerCosts": {"worker-1": 0.5}, "convoyCost": 0.5,
                "epicBudget": 10, "epicRemaining": 9.5},
            "checkpointIds": ["ckpt-1"], "createdAt": "2026-01-09T20:38:54.993Z", "updatedAt": "2026-01-09T20:38:54.993Z",
        })
    };
    let file = |id: &str| format!(".orchestration/convoys/epic-1/{id}.json");
    put(&repo, &file("convoy-xyz789"), &convoy("convoy-xyz789", "active", &["gt-a", "gt-b"]).to_string());
    put(&repo, &file("convoy-end-"), &convoy("convoy-end-", "failed", &["gt-b"]).to_string());
    put(&repo, &file("convoy-bad"), "{\"convoy\":");
    put(
        &repo,
        ".beads/issues.jsonl",
        "{\"id\":\"gt-b\",\"title\":\"Settings\",\"status\":\"in_progress\"}\n",
    );
    let signal = json!({"workerId": "worker-1", "issueId": "gt-a", "status": "completed",
        "outcome": {"success": true, "summary": "Documentation \u{1b}[2Jupdated"}, "costUsd": 0.5, "updatedAt": "2026-01-09T22:11:56.602Z"});
    put(&repo, ".orchestration/workers/worker-1/status.json", &signal.to_string());
    let other = json!({"workerId": "worker-2", "issueId": "gt-b", "status": "failed", "outcome": "failure", "costUsd": 0,
        "error": "tests fail", "updatedAt": "2026-01-09T22:11:56.602Z"});
    put(&repo, ".orchestration/workers/worker-2/status.json", &other.to_string());
    let checkpoint = json!({"id": "ckpt-1", "epicId": "epic-1", "sessionId": "sess-1", "sessionNumber": 2,
        "timestamp": "2026-01-09T21:00:00Z", "gitCommit": "0123456789abcdef0123456789abcdef01234567",
        "context": {"cumulativeCost": 0.4}, "summary": "Session 2 paused", "reason": "Manual pause"});
    put(&repo, ".orchestration/checkpoints/epic-1/ckpt-1.json", &checkpoint.to_string());
    put(&repo, ".orchestration/reflections/refl-1.json", "{}");
    repo
}

/// A home of Panopticon with three runs.
pub(super) fn panopticon(root: &Path) -> PathBuf {
    let home = root.join("pan/.panopticon");
    let run = |id: &str, status: &str, roles: &[(&str, &str)]| {
        let role = |(role, status): &(&str, &str)| {
            json!({"role": role, "subagent": format!("code-review-{role}"), "tmuxSession": format!("{id}-{role}"),
                "status": status, "outputFile": format!("/src/.claude/reviews/{id}/{role}.md"), "exitCode": 0,
                "startedAt": "2026-01-20T10:00:00Z", "completedAt": "2026-01-20T10:05:00Z"})
        };
        json!({"id": id, "template": "code-review", "status": status, "agents": roles.iter().map(role).collect::<Vec<_>>(),
            "startedAt": "2026-01-20T10:00:00Z", "completedAt": "2026-01-20T10:06:00Z", "outputDir": "/src/.claude/reviews",
            "context": {"projectPath": "/src", "files": ["src/**/*.ts"], "issueId": "MIN-123"}})
    };
    let all = [
        (
            "convoy-code-review-1",
            run(
                "convoy-code-review-1",
                "completed",
                &[("correctness", "completed"), ("synthesis", "completed")],
            ),
        ),
        (
            "convoy-code-review-2",
            run("convoy-code-review-2", "failed", &[("security", "failed"), ("synthesis", "pending")]),
        ),
        ("convoy-planning-3", run("convoy-planning-3", "running", &[("planner", "running")])),
    ];
    for (id, run) in all {
        put(&home, &format!("convoys/{id}.json"), &run.to_string());
    }
    let agent = json!({"id": "agent-min-123", "issueId": "MIN-123", "workspace": "/w", "runtime": "claude", "model": "sonnet",
        "status": "stopped", "startedAt": "2026-01-20T09:00:00Z", "lastActivity": "2026-01-20T09:30:00Z", "costSoFar": 1.5,
        "branch": "feature/min-123"});
    put(&home, "agents/agent-min-123/state.json", &agent.to_string());
    put(
        &home,
        "costs/costs-2026-01-20.jsonl",
        "{\"issueId\":\"MIN-123\",\"model\":\"sonnet\",\"cost\":1.5}\n{\"x\":1}\n",
    );
    put(&home, "convoy-templates/lightweight-review.json", "{}");
    home.parent().unwrap().to_owned()
}

/// Every path below a folder with its content and when it changed.
pub(super) fn everything(root: &Path) -> Vec<(PathBuf, Vec<u8>, std::time::SystemTime)> {
    let mut all = Vec::new();
    let mut rest = vec![root.to_owned()];
    while let Some(path) = rest.pop() {
        let facts = fs::symlink_metadata(&path).unwrap();
        let content = if facts.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        if facts.is_dir() {
            rest.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        all.push((path, content, facts.modified().unwrap()));
    }
    all.sort();
    all
}
