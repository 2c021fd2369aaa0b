//! A state in text, for whoever looks for what went wrong.

use convoy_core::state::State;

pub(super) fn dump(state: &State) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for (id, convoy) in &state.convoys {
        let _ = writeln!(text, "  {id} {:?} tracks {:?}", convoy.status, convoy.content.tracked);
    }
    for (id, issue) in &state.issues {
        let _ = writeln!(text, "  {id} {:?} needs {:?}", issue.status, issue.content.needs);
    }
    for (id, worker) in &state.workers {
        let (what, intent) = (&worker.state, &worker.intent);
        let _ = writeln!(text, "  {id} on {} {what:?} intent {intent:?}", worker.content.issue);
    }
    for (id, session) in state.sessions.iter().filter(|(id, _)| state.index.sessions.contains(*id)) {
        let _ = writeln!(text, "  {id} stopping {} {:?}", session.stopping, session.state);
    }
    text
}
