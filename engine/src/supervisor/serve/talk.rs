//! What is said to the agent, and what it says otherwise than by its output.

use convoy_core::report::{Report, StopWhy};

use super::Server;
use crate::agent::Aside;
use crate::clock::Instant;
use crate::supervisor::duplex::{Duplex, Said, Sent};
use crate::supervisor::protocol::{Code, NUDGE_BYTES_MAX, NUDGES_MAX, OwnReport, REPORTS_MAX, Reply};

fn refuse(code: Code, message: impl Into<String>) -> Reply {
    Reply::Error { code, message: message.into() }
}

impl Server<'_> {
    /// When to look again, if nothing happens.
    pub(super) fn due(&self) -> Option<Instant> {
        let lingers = self.duplex.as_ref().and_then(Duplex::deadline);
        [self.meter.deadline(), lingers].into_iter().flatten().min()
    }

    /// Its turn is over, its input closed, and still it does not end.
    pub(super) fn lingers(&self, now: Instant) -> Option<StopWhy> {
        let deadline = self.duplex.as_ref().and_then(Duplex::deadline)?;
        (now >= deadline).then_some(StopWhy::Silence)
    }

    /// Hands the agent what fits of what it is to read.
    pub(super) fn feed_input(&mut self) {
        let said = self.duplex.as_mut().and_then(Duplex::feed);
        self.said(said);
    }

    /// Keeps that something was said, now that the whole of it is in the agent's input.
    fn said(&mut self, said: Option<Said>) {
        self.watch.takes_input = self.duplex.as_ref().is_some_and(Duplex::is_open);
        if let Some(Said { text, by }) = said {
            self.record(Report::Nudged { text, by });
        }
    }

    /// What the agent's output says of the conversation.
    pub(super) fn converse(&mut self, aside: Aside) {
        let Some(duplex) = &mut self.duplex else { return };
        let said = match aside {
            Aside::TurnBegun => {
                // What it was told before it was to stop may be a turn of its own, and that begins when the one that was
                // interrupted is over. Nobody wants it any more.
                if duplex.is_over()
                    && let Some(stop) = &mut self.stop
                {
                    stop.hurry(Instant::now());
                }
                duplex.turn_begun();
                None
            }
            Aside::TurnOver => duplex.turn_over(),
            Aside::Asks(ask) => {
                let said = duplex.answer(&ask.answer());
                if let Some(report) = ask.report() {
                    self.translated(report);
                }
                said
            }
        };
        self.said(said);
    }

    /// Says something to the agent. It is answered when that is in its input, or cannot be.
    pub(super) fn nudge(&mut self, text: String, by: Option<String>) -> Reply {
        let Some(duplex) = &mut self.duplex else {
            return refuse(Code::NoInput, "this agent takes in nothing while it works");
        };
        if text.trim().is_empty() || text.len() > NUDGE_BYTES_MAX {
            return refuse(Code::TooLong, format!("a text of 1 to {NUDGE_BYTES_MAX} bytes is expected"));
        }
        if self.nudges >= NUDGES_MAX {
            return refuse(Code::Limit, format!("an agent is told something at most {NUDGES_MAX} times"));
        }
        if self.stop.is_some() {
            return refuse(Code::Ended, "the agent is being stopped");
        }
        let said = Said { text, by };
        match duplex.say(&said) {
            Sent::Whole => {
                self.nudges += 1;
                let Said { text, by } = said;
                self.keep(Report::Nudged { text, by })
            }
            Sent::InPart => {
                self.nudges += 1;
                refuse(Code::Partial, "a part of it was sent; the rest follows when the agent reads on")
            }
            Sent::Busy => refuse(Code::Busy, "the agent has not read what was said to it before"),
            Sent::Over => refuse(Code::Ended, "the agent's turn is over"),
        }
    }

    /// What the agent says through its own commands, or the hooks of its program for it.
    pub(super) fn own_report(&mut self, own: OwnReport) -> Reply {
        self.own_reports += 1;
        self.alive();
        match own.report() {
            Some(report) if !self.is_known(&report) => {
                self.meter.count(&report, self.spec);
                self.witness(&report);
                self.keep(report)
            }
            Some(_) | None => Reply::Ok { n: None, version: None },
        }
    }

    /// Makes an observation durable; the answer to whoever brought it.
    fn keep(&mut self, report: Report) -> Reply {
        self.witness(&report);
        let kept = self.observations.append(report).and_then(|n| self.observations.sync().map(|()| n));
        match kept {
            Ok(n) => Reply::Ok { n: Some(n), version: None },
            Err(error) => {
                self.storage_failed(&error.to_string());
                refuse(Code::Storage, error.to_string())
            }
        }
    }

    /// A conversation is reported by the output and by a hook, and is news once.
    pub(super) fn is_known(&mut self, report: &Report) -> bool {
        let Report::Conversation { id, model } = report else { return false };
        if let Some(Report::Conversation { id: known, model: known_model }) = &self.conversation
            && id == known
            && (model == known_model || model.is_none())
        {
            return true;
        }
        self.conversation = Some(report.clone());
        false
    }

    /// Reads the signal file, if there is one.
    pub(super) fn read_signal(&mut self) {
        let Some(signal) = &mut self.signal else { return };
        let reports = signal.look(self.spec);
        if self.exit.is_some() {
            return;
        }
        self.alive();
        for report in reports {
            if self.own_reports < REPORTS_MAX {
                self.own_reports += 1;
                self.meter.count(&report, self.spec);
                self.witness(&report);
                self.record(report);
            }
        }
    }
}
