//! The end of a session: what is left in the pipes, the exit, and parting from whoever still listens.

use convoy_core::report::{Exit, ExitKind};
use convoy_core::time::{Span, Time};

use super::wait::Source;
use super::{Server, drain, read_some};
use crate::agent::Translation;
use crate::clock::{self, Instant};
use crate::supervisor::clients::Connection;
use crate::supervisor::files;
use crate::supervisor::plain::PlainOutput;
use crate::supervisor::start::Agent;
use crate::supervisor::tree::{Tree, log};

/// How much is read from a pipe after the whole tree is dead. A pipe holds far less; more comes from outside.
const DRAIN_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long clients are served after the end; whoever is slower reads the files.
const PART: Span = Span::from_millis(1_000);
/// How soon to try again what a full disk refused: nothing tells when there is room.
const FULL_AGAIN: Span = Span::from_millis(500);

impl Server<'_> {
    /// Writes the exit. While the disk is full it waits for room, and serves whoever asks: what the agent came to
    /// is known to nobody else.
    ///
    /// # Errors
    /// When it cannot be written for another reason.
    pub(in crate::supervisor) fn conclude(&mut self, exit: &Exit) -> Result<(), files::Error> {
        let mut told = false;
        loop {
            match self.dir.write_exit(exit) {
                Err(error) if error.is_full() => {
                    if !std::mem::replace(&mut told, true) {
                        log(format_args!("{error}: the disk is full; it is tried again until there is room"));
                    }
                    let until = Instant::now().plus(FULL_AGAIN);
                    while !until.left().is_zero() {
                        self.serve_clients();
                        let ready = self.wait(None, false, Some(until)).unwrap_or_default();
                        self.serve_ready(ready);
                    }
                }
                other => return other,
            }
        }
    }

    /// Serves clients until all have what they asked for, or long enough.
    pub(in crate::supervisor) fn part(&mut self, exit: Exit) {
        self.exit = Some(exit);
        let until = Instant::now().plus(PART);
        loop {
            self.serve_clients();
            // One look without waiting shows who is about to ask.
            let settled = self.clients.iter().all(Connection::settled);
            let deadline = if settled { Instant::now() } else { until };
            match self.wait(None, false, Some(deadline)) {
                Ok(ready) if ready.is_empty() && (settled || until.left().is_zero()) => break,
                Ok(_) if until.left().is_zero() => break,
                Ok(ready) => self.serve_ready(ready),
                Err(_) => break,
            }
        }
        // Whoever comes later finds no socket and reads the exit.
        drop(std::fs::remove_file(self.dir.socket()));
    }

    /// Input after the agent's end.
    fn serve_ready(&mut self, ready: Vec<Source>) {
        for source in ready {
            match source {
                Source::Listener => self.accept(),
                Source::Client(index) => self.serve_requests(index),
                Source::Gone(index) => self.gone(index),
                Source::Child => drain(&self.signals.child),
                Source::Terminate => drain(&self.signals.terminate),
                Source::Hangup => drain(&self.signals.hangup),
                Source::Terminal => self.feed_terminal(),
                Source::Signal => self.read_signal(),
                Source::Agent | Source::Prompt | Source::Input | Source::Stdout | Source::Stderr => {}
            }
        }
    }

    pub(super) fn drain_pipes(
        &mut self,
        agent: &mut Agent,
        buffer: &mut [u8],
        translation: &mut Translation,
    ) {
        let mut left = DRAIN_BYTES_MAX;
        while left > 0 {
            let count = read_some(&mut agent.stdout, buffer);
            self.printed(buffer.get(..count).unwrap_or_default(), translation);
            let other = read_some(&mut agent.stderr, buffer);
            self.complained(buffer.get(..other).unwrap_or_default());
            if count + other == 0 {
                return;
            }
            left = left.saturating_sub(count + other);
        }
    }

    pub(super) fn ending(&mut self, tree: &Tree, begun: Instant, started_at: Time) -> Exit {
        if let Err(error) = self.output.finish() {
            log(format_args!("output.log is not whole: {error}"));
        }
        if let Some(Err(error)) = self.plain.as_mut().map(PlainOutput::finish) {
            self.storage_failed(&error.to_string());
        }
        if let Err(error) = self.observations.sync() {
            self.storage_failed(&error.to_string());
        }
        let result = self.result.take();
        // It is not read again: what it said from now on would come after the last observation.
        let result = match self.signal.take() {
            Some(signal) => signal.judge(result),
            None => result,
        };
        // Whatever the agent says about itself: one that was being stopped did not end by itself.
        let kind = self.stop.as_ref().map_or(ExitKind::Exited, |stop| ExitKind::Stopped(stop.why));
        Exit {
            epoch: self.spec.epoch,
            code: tree.ended.and_then(|ended| ended.code),
            signal: tree.ended.and_then(|ended| ended.signal),
            kind,
            detail: self
                .storage_failed
                .clone()
                .or_else(|| self.hung_up.then(|| "its terminal was closed".to_owned())),
            leaked: tree.leaked(),
            result,
            last_n: self.observations.last_n(),
            dropped_bytes: self.output.dropped(),
            elapsed_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            started_at: Some(started_at),
            ended_at: clock::now(),
        }
    }
}
