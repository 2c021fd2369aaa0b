//! Agents: what they do over virtual time. A script is drawn when the agent is started.

use convoy_core::money::Money;
use convoy_core::report::{AgentResult, Report, StopWhy, Tokens};

use super::queue::{Ending, Happening, ProcessId};
use super::repo::Commit;
use super::world::Role;
use super::{Fault, Sim, trace};

/// One thing that an agent does.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Commits something.
    Commit,
    /// Commits something that does not descend from where it began.
    Rewrite,
    /// Changes a file and does not commit it.
    Edit,
    /// Reports something through its supervisor.
    Say(Report),
    /// Leaves a process behind.
    Leave,
    /// Ends.
    Exit(i32),
    /// Does nothing more until its supervisor has had enough.
    Hang,
}

/// Acts still to come, the next one last.
pub(super) type Script = Vec<Act>;

/// A reply, with what it costs by the engine's prices.
fn usage(id: u32, micros: i64) -> Act {
    let tokens = Tokens { input: 10, output: 20, ..Tokens::default() };
    Act::Say(Report::Usage {
        message_id: format!("m{id}"),
        model: Some("opus".into()),
        tokens,
        cache_write_1h: 0,
        cost: Some(Money::from_micros(micros)),
        price: Some("list".into()),
    })
}

fn result(ok: bool) -> Act {
    let error = (!ok).then(|| "it did not work".to_owned());
    let cost = Money::from_dollars(0.01);
    Act::Say(Report::Result(AgentResult { ok, error, cost, tokens: None, denied: 0, retry_at: None }))
}

fn done(no_change: bool) -> Act {
    Act::Say(Report::Done { no_change, note: None })
}

impl Sim {
    /// What the next agent will do. None: its program is missing.
    pub(super) fn draw_script(&mut self) -> Option<Script> {
        let cost = self.rng.i64(1_000..=30_000);
        let usage = |id| usage(id, cost);
        let mut acts = if self.fault(Fault::BadAgent, 350) {
            match self.rng.u32(0..12) {
                0 => vec![Act::Commit, usage(1), Act::Exit(1)],
                1 => vec![Act::Edit, Act::Exit(1)],
                2 => vec![usage(1), usage(1), result(true), Act::Exit(0)],
                3 => vec![Act::Commit, Act::Hang],
                4 => vec![Act::Edit, Act::Hang],
                5 => vec![Act::Commit, Act::Leave, done(false), Act::Exit(0)],
                6 => vec![Act::Leave, Act::Exit(2)],
                7 => vec![Act::Say(Report::Blocked { reason: "no access".into() }), Act::Exit(0)],
                8 => vec![Act::Commit, result(false), Act::Exit(0)],
                9 => vec![Act::Rewrite, done(false), Act::Exit(0)],
                10 => vec![done(true), result(true), Act::Exit(0)],
                _ => return None,
            }
        } else {
            match self.rng.u32(0..6) {
                0 => vec![Act::Commit, Act::Edit, usage(1), result(true), Act::Exit(0)],
                1 => vec![Act::Edit, done(false), Act::Exit(0)],
                2 => vec![usage(1), Act::Say(Report::Note { text: "so far so good".into() }), Act::Commit]
                    .into_iter()
                    .chain([Act::Commit, usage(2), result(true), done(false), Act::Exit(0)])
                    .collect(),
                3 => vec![done(true), Act::Exit(0)],
                // One that works for longer, and spends all the while.
                5 => (1..8).map(usage).chain([Act::Commit, done(false), Act::Exit(0)]).collect(),
                _ => vec![Act::Commit, result(true), Act::Exit(0)],
            }
        };
        acts.reverse();
        Some(acts)
    }

    /// The agent of a process does the next thing of its script.
    pub(super) fn act(&mut self, id: ProcessId) {
        let process = &mut self.processes[id];
        if !process.alive {
            return;
        }
        let Some(act) = process.script.pop() else { return };
        let key = process.dir.clone();
        trace!(self, "agent {} in {key}: {act:?}", self.processes[id].pid);
        match act {
            Act::Commit => self.commit_in(&key),
            Act::Rewrite => {
                let orphan = self.repo.orphan();
                if let Some(dir) = self.dirs.get_mut(&key) {
                    dir.head = orphan;
                }
            }
            Act::Edit => {
                if let Some(dir) = self.dirs.get_mut(&key) {
                    dir.dirty = true;
                }
            }
            Act::Say(report) => self.observe(&key, report),
            Act::Leave => {
                self.spawn(Role::Leftover, &key);
            }
            Act::Exit(code) => {
                self.processes[id].alive = false;
                self.agent_ended(&key, Ending::Status(code));
                return;
            }
            Act::Hang => {
                if let Some(supervisor) = self.supervisor_of(&key) {
                    let why = if self.rng.bool() { StopWhy::Silence } else { StopWhy::WallTime };
                    self.soon(20_000, 60_000, Happening::SupervisorStop(supervisor, why));
                }
                return;
            }
        }
        self.soon(100, 8_000, Happening::Act(id));
    }

    fn commit_in(&mut self, key: &str) {
        let Some(dir) = self.dirs.get_mut(key) else { return };
        let commit: Commit = self.repo.commit(dir.head);
        dir.head = commit;
        dir.dirty = false;
    }
}
