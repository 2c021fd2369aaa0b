//! What a tree of processes uses of processors.

use super::process::descendants;

/// What a tree has used, and how many of it live.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Load {
    /// Processor time of those that live and those that have ended and were waited for, in milliseconds.
    pub cpu_ms: u64,
    /// How many live.
    pub processes: u32,
}

/// The load of everything below `root`, which is not counted itself. Of a process that ended and that nobody waited
/// for yet, its time is missing for that moment.
pub fn below(root: u32) -> Load {
    let mut ticks = times(root).map_or(0, |times| times.waited_for);
    let mut processes = 0_u32;
    for process in descendants(root) {
        if let Some(times) = times(process.pid) {
            ticks = ticks.saturating_add(times.own).saturating_add(times.waited_for);
            processes = processes.saturating_add(1);
        }
    }
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Load { cpu_ms: ticks.saturating_mul(1000) / per_second, processes }
}

/// In clock ticks.
struct Times {
    own: u64,
    waited_for: u64,
}

/// Fields 14 to 17 of `/proc/PID/stat`.
fn times(pid: u32) -> Option<Times> {
    let text = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program stands in parentheses and may hold any byte, so fields count from the last.
    let at = text.iter().rposition(|b| *b == b')')?;
    let rest = std::str::from_utf8(text.get(at + 1..)?).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let field =
        |position: usize| fields.get(position)?.parse::<i64>().ok().map(|n| u64::try_from(n).unwrap_or(0));
    Some(Times { own: field(11)? + field(12)?, waited_for: field(13)? + field(14)? })
}
