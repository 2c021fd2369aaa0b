//! Every key of the configuration, with its default and what it is for. There is no other list.
//!
//! A `*` stands for a name that the user chooses.

/// One key.
#[derive(Debug)]
pub struct Key {
    /// Dotted path.
    pub path: &'static str,
    /// The default, as TOML; none if there is none.
    pub default: Option<&'static str>,
    /// What it is for.
    pub doc: &'static str,
}

const fn key(path: &'static str, default: Option<&'static str>, doc: &'static str) -> Key {
    Key { path, default, doc }
}

/// All of them.
pub const KEYS: &[Key] = &[
    key("defaults.agent", Some("\"claude\""), "the agent that works when none is named"),
    key("defaults.model", None, "the model when neither flag nor label names one"),
    key("defaults.merge", Some("\"direct\""), "how branches land: direct, queue, pr or local"),
    key("defaults.runtime", Some("\"headless\""), "how agents are hosted: headless, or tmux to look on"),
    key("defaults.max_parallel", Some("4"), "how many agents work at once"),
    key("retry.max_attempts", Some("3"), "failures of a task or its gates before a person is needed"),
    key("retry.backoff", Some("\"10s\""), "the pause after the first failure; it doubles with each"),
    key("retry.backoff_max", Some("\"5m\""), "the longest pause"),
    key("retry.max_conflicts", Some("3"), "merge conflicts of an issue before a person is needed"),
    key(
        "retry.max_time",
        None,
        "how long the attempts of an issue may take in all, before a person is needed",
    ),
    key("merge.batch_max", Some("5"), "how many branches the queue merges and tests together at most"),
    key("merge.batch_wait", Some("\"0s\""), "how long the first of a batch waits for others"),
    key("merge.remote", Some("\"origin\""), "the remote at which requests are made, with merge = pr"),
    key("merge.request_interval", Some("\"1m\""), "how often an open request is looked at"),
    key("limits.wall_time", Some("\"4h\""), "the longest that an attempt may take"),
    key(
        "limits.silence",
        Some("\"2h\""),
        "the longest that an agent may print and report nothing, whatever it does; the last bound, after the witness",
    ),
    key("limits.output", Some("67108864"), "bytes of output that are kept of an attempt"),
    key("limits.disk_reserve", Some("67108864"), "bytes that must be free before another agent is started"),
    key(
        "budget.attempt",
        None,
        "what is reserved at a time for an attempt that a budget applies to, in US dollars",
    ),
    key("budget.day", None, "the most that may be spent each day (UTC), in US dollars"),
    key("budget.convoy", None, "the budget of convoys that are made without one, in US dollars"),
    key(
        "budget.on_unmetered",
        Some("\"refuse\""),
        "what becomes of agents that report no usage where a budget applies: refuse or allow",
    ),
    key("agents.*.command", None, "program and arguments of an agent"),
    key("agents.*.prompt", Some("\"stdin\""), "how the prompt goes in: stdin, file or duplex"),
    key(
        "agents.*.duplex_arg",
        None,
        "arguments with which it reads messages while it works, for prompt duplex",
    ),
    key("agents.*.hooks", Some("\"none\""), "whose hooks report to its session: none or claude"),
    key("agents.*.mcp", Some("\"none\""), "how it is given the worker's tools: none, claude or codex"),
    key("agents.*.output", Some("\"plain\""), "what reads its output: plain, claude, codex or gemini"),
    key("agents.*.model_arg", None, "arguments that name the model, with {model} in them"),
    key("agents.*.env", None, "names of variables that it may inherit"),
    key("agents.*.set", None, "variables that are set for it"),
    key("agents.*.like", None, "the agent that it begins as; plain if not given"),
    key("agents.*.stop", None, "how it is asked to stop: signals, each with its patience"),
    key("agents.*.runtime", None, "how it is hosted: headless or tmux; defaults.runtime if not given"),
    key("agents.*.resume", None, "arguments that resume its conversation; read and checked, not used yet"),
    key(
        "agents.*.writable",
        None,
        "what a confined one may write besides its own folders; ~ and $NAME stand for their values, and what ends in / is made",
    ),
    key(
        "agents.*.tools_arg",
        None,
        "arguments that leave it only some tools: {tools} is their list, {names} the same without brackets",
    ),
    key(
        "agents.*.permission_arg",
        None,
        "arguments that choose how it asks for permission, with {mode} in them",
    ),
    key("gates.*.command", None, "program and arguments of a gate"),
    key("gates.*.timeout", Some("\"10m\""), "the longest that it may take"),
    key("gates.*.rigs", None, "the rigs that it is for; all if not given"),
    key(
        "gates.*.when",
        Some("[\"before-merge\", \"baseline\"]"),
        "when it runs: before-merge, baseline or both",
    ),
    key(
        "baseline.before_merge",
        Some("false"),
        "whether detected gates run before merges of rigs without gates of their own; a fresh copy may lack what they need",
    ),
    key("review.before_merge", Some("false"), "whether agents review a change before it lands"),
    key("review.every", Some("0"), "checkpoints of a session after which they are reviewed; 0: never"),
    key(
        "review.files",
        Some("0"),
        "changed files of a session after which its checkpoint is reviewed; 0: never",
    ),
    key(
        "review.template",
        Some("\"code-review\""),
        "the template by which a change is reviewed before it lands",
    ),
    key(
        "review.roles",
        None,
        "instead of the template: agent files code-review-<role>, side by side; security, architecture and quality for \
         checkpoints if not given",
    ),
    key(
        "review.agent",
        None,
        "the agent that reviews; that of the template, or defaults.agent, if not given",
    ),
    key("review.models.*", None, "the model of a role; that of its agent file if not given"),
    key(
        "review.timeout",
        None,
        "the longest that a review by a template may take, or each of the roles; as the template or the agent files say \
         if not given",
    ),
    key("review.rounds", Some("3"), "reviews that find what blocks before a person is needed"),
    key(
        "review.on_inconclusive",
        Some("\"needs_human\""),
        "what follows when a review comes to no verdict, because a reviewer failed or somebody stopped it: needs_human, \
         or merge all the same",
    ),
    key(
        "review.on_failure",
        None,
        "the earlier name of review.on_inconclusive: hold for needs_human, continue for merge",
    ),
    key("baseline.timeout", Some("\"10m\""), "the longest that a detected gate may take"),
    key(
        "hooks.after_create.command",
        None,
        "program and arguments to run in the workdir after a workdir was made",
    ),
    key("hooks.after_create.timeout", Some("\"2m\""), "the longest that it may take"),
    key(
        "hooks.before_run.command",
        None,
        "program and arguments to run in the workdir before an agent is started",
    ),
    key("hooks.before_run.timeout", Some("\"2m\""), "the longest that it may take"),
    key(
        "hooks.after_run.command",
        None,
        "program and arguments to run in the workdir after an agent has ended",
    ),
    key("hooks.after_run.timeout", Some("\"2m\""), "the longest that it may take"),
    key(
        "hooks.before_remove.command",
        None,
        "program and arguments to run in the workdir before a workdir is removed",
    ),
    key("hooks.before_remove.timeout", Some("\"2m\""), "the longest that it may take"),
    key("notify.default", Some("[]"), "who is told of convoys that are made without --notify"),
    key(
        "notify.routes",
        Some("{}"),
        "where notices go besides their mailboxes, by address: desktop, webhook or command; \"*\" is every address",
    ),
    key("notify.desktop", Some("false"), "show what you are told as notifications of your desktop, too"),
    key("notify.backoff", Some("\"10s\""), "the pause after a delivery first failed; it doubles with each"),
    key("notify.backoff_max", Some("\"10m\""), "the longest pause"),
    key("notify.max_tries", Some("12"), "how often a delivery is tried before it is given up"),
    key(
        "models.tiers",
        Some("[\"haiku\", \"sonnet\", \"opus\"]"),
        "models from weak to strong; the default holds for Claude Code, what you set for every agent",
    ),
    key("models.escalate_after", Some("2"), "failures with one model before the next stronger one is tried"),
    key("models.escalate_explicit", Some("false"), "leave a model behind too that was asked for by --model"),
    key(
        "models.complexity.*",
        None,
        "the model for a complexity: label; by tiers if not given: trivial and simple the first, standard the \
         middle one, complex the last",
    ),
    key("observers.close", Some("true"), "whether the close of an issue lands convoys"),
    key("observers.merger", Some("true"), "whether landing a branch does"),
    key("observers.witness", Some("true"), "whether verifying a worker's end does"),
    key("observers.tracker", Some("true"), "whether a tracker's data is watched for closes"),
    key("observers.patrol", Some("true"), "whether a patrol comes by as the backup of the others"),
    key("observers.patrol_interval", Some("\"5m\""), "how often the patrol comes by"),
    key("witness.enabled", Some("true"), "whether agents of which nothing is heard are looked at"),
    key("witness.quiet", Some("\"20m\""), "after so long without a sign of life an agent is reminded"),
    key("witness.stuck", Some("\"40m\""), "after so long a person is told"),
    key(
        "witness.stop",
        Some("\"60m\""),
        "after so long it is stopped and tried again, if nothing of it can be at work",
    ),
    key(
        "witness.burn",
        Some("2.00"),
        "dollars spent without any change of its files that are too much; 0 for never",
    ),
    key("witness.loops", Some("5"), "how often the same call or error in a row is a loop"),
    key("witness.tool_max", Some("\"2h\""), "a tool that runs for longer is no work any more; 0s for never"),
    key(
        "checkpoint.enabled",
        Some("true"),
        "make checkpoints by themselves; those asked for are always made",
    ),
    key(
        "checkpoint.interval",
        Some("\"15m\""),
        "how often a live session gets one, if something changed: a duration or never",
    ),
    key("checkpoint.on_start", Some("true"), "make one when a session begins"),
    key("checkpoint.on_error", Some("true"), "make one when something goes wrong"),
    key("checkpoint.on_issue_complete", Some("true"), "make one when an issue is completed"),
    key(
        "checkpoint.before_stop",
        Some("true"),
        "make one before an agent is stopped, and when most of a budget is used up",
    ),
    key(
        "mirror.issues",
        None,
        "a .jsonl file, from the workspace, that all issues are written to whenever they change",
    ),
    key(
        "checkpoint.snapshots",
        Some("true"),
        "keep a file of each convoy on refs/convoy/state, written when its status changes or it gets a worker",
    ),
    key("retention.workdirs", Some("\"7d\""), "how long workdirs of ended work are kept"),
    key("retention.logs", Some("\"30d\""), "how long output of ended work is kept"),
    key("retention.outputs", Some("\"30d\""), "how long reports of ended template convoys are kept"),
    key(
        "retention.salvage",
        Some("\"90d\""),
        "how long saved leftovers are kept; not used yet: they are kept until you delete them",
    ),
    key(
        "daemon.idle_exit",
        Some("\"30m\""),
        "how long the engine stays with nothing to do: a duration or never",
    ),
    key(
        "daemon.http",
        Some("\"127.0.0.1:0\""),
        "where pages and the HTTP interface are served, port 0 for any that is free; or off",
    ),
    key(
        "daemon.hosts",
        Some("[]"),
        "other names of this machine by which pages may be asked for, with or without a port",
    ),
    key("daemon.token_file", None, "where the token for HTTP is; in the state folder if not given"),
    key("session.allow_commands", Some("false"), "let agents use every convoy command, not only their own"),
    key(
        "session.mcp",
        Some("true"),
        "give agents what they can say as tools of an MCP server, besides commands",
    ),
    key("workdirs.root", None, "where workdirs are made; the user's data folder if not given"),
    key("rigs.*.path", None, "where the repository is, from the workspace"),
    key("rigs.*.prefix", None, "the prefix of its issues"),
    key(
        "rigs.*.default_branch",
        None,
        "the branch that work lands in; what the repository says if not given",
    ),
    key("rigs.*.max_parallel", None, "how many agents work in it at once"),
    key("rigs.*.parked", Some("false"), "begin no new work in it; see convoy rig park"),
    key("rigs.*.tracker", Some("\"builtin\""), "who keeps its issues: builtin or beads"),
    key("rigs.*.tracker_command", None, "program and first arguments that stand for bd"),
];

/// The key that a dotted path names.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| matches(key.path, path))
}

fn matches(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('.'), path.split('.'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some("*"), Some(_)) => {}
            (Some(a), Some(b)) if a == b => {}
            _ => return false,
        }
    }
}

/// Whether anything is kept below a path.
pub(super) fn is_table(path: &str) -> bool {
    let depth = path.split('.').count();
    KEYS.iter().any(|key| {
        let head: Vec<&str> = key.path.split('.').take(depth).collect();
        key.path.split('.').count() > depth && matches(&head.join("."), path)
    })
}

/// The known key nearest to a path, with the user's own names put back in.
pub(super) fn nearest(path: &str) -> Option<String> {
    let words: Vec<&str> = path.split('.').collect();
    KEYS.iter()
        .map(|key| {
            key.path
                .split('.')
                .enumerate()
                .map(|(i, word)| if word == "*" { words.get(i).copied().unwrap_or("NAME") } else { word })
                .collect::<Vec<_>>()
                .join(".")
        })
        // A slip in the first word is rarer than one after it.
        .map(|known| (known.split('.').next() != words.first().copied(), known))
        .map(|(elsewhere, known)| (elsewhere, strsim::damerau_levenshtein(&known, path), known))
        .min()
        .filter(|(_, distance, known)| *distance <= known.len() / 2)
        .map(|(_, _, known)| known)
}
