//! A writer is killed at many moments; what it acknowledged is always there.

use super::check_whole;
use super::child::{Running, Verb, acknowledged};
use convoy_engine::clock::Instant;
use std::time::Duration;

const KILLS: u64 = 60;
/// A log this old is left for a new one, as every check reads all of it.
const KILLS_PER_LOG: u64 = 6;

#[test]
fn acknowledged_records_survive_a_kill() {
    let mut random = fastrand::Rng::with_seed(11);
    let mut dir = tempfile::tempdir().unwrap();
    for kill in 0..KILLS {
        if kill % KILLS_PER_LOG == 0 {
            dir = tempfile::tempdir().unwrap();
        }
        let mut writer = Running::start(Verb::Append, dir.path(), &[]).unwrap();
        let mut said = Vec::new();
        for _ in 0..random.usize(0..80) {
            said.extend(writer.next());
        }
        let start = Instant::now();
        let delay = Duration::from_micros(random.u64(0..2_000));
        while start.elapsed() < delay {
            std::hint::spin_loop();
        }
        writer.process.kill().unwrap();
        let (rest, _) = writer.finish();
        said.extend(rest);
        let all = check_whole(dir.path());
        for (seq, hash) in acknowledged(&said) {
            assert!(
                all.iter().any(|stored| stored.last().0 == seq && stored.hash.to_string() == hash),
                "event {seq} was acknowledged"
            );
        }
    }
}
