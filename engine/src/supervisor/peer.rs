//! Who is at the other end of a connection: the engine, a person, this session's agent, or somebody out of another.
//!
//! Everything that an agent starts stays below its supervisor, which is a sub-reaper. So the nearest supervisor above a
//! process says to which session it belongs, whatever its environment says. It keeps agents from speaking for each
//! other by mistake; against one that means harm it is no wall, because all have the same user's rights.

use crate::os::process;

/// The word by which a supervisor is called.
const VERB: &[u8] = b"supervise";

/// Whether this process is not of this session, but of another one that this supervisor does not run in itself.
pub(super) fn is_stranger(pid: u32) -> bool {
    let line = process::line_of(pid);
    // It reaches up to the first of all processes, or there is no such process any more: whoever asks waits for answers.
    if line.last() != Some(&1) {
        return true;
    }
    let me = std::process::id();
    match line.into_iter().find(|pid| *pid == me || is_supervisor(*pid)) {
        None => false,
        Some(nearest) => !process::line_of(me).contains(&nearest),
    }
}

fn is_supervisor(pid: u32) -> bool {
    process::arguments(pid).get(1).is_some_and(|verb| verb == VERB)
}
