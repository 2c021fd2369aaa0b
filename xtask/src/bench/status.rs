//! Looking at one convoy of a hundred issues, in a small workspace and in a large one.

use super::floor::run;
use super::measure::{Result, Wanted};
use super::report::{Figure, Goal, Pair, Samples};
use super::room::{Room, convoy, order_one};

pub(super) const SMALL: usize = 100;
pub(super) const LARGE: usize = 100_000;
const TIMES: usize = 150;
const DOWN_TIMES: usize = 5;

/// A workspace of so many issues, with a convoy of a hundred of them; its id.
pub(super) fn workspace(issues: usize) -> Result<(Room, String, Vec<String>)> {
    let room = Room::new()?;
    let ids = room.fill(issues)?;
    let tracked = ids.iter().take(100).cloned().collect();
    let id = order_one(&room.engine()?, convoy("One of a hundred", tracked, false))?;
    Ok((room, id, ids))
}

pub(super) fn measure(wanted: &Wanted) -> Result<Vec<Figure>> {
    let (small, small_id, _) = workspace(SMALL)?;
    let (large, large_id, _) = workspace(LARGE)?;
    small.up()?;
    large.up()?;
    let (mut floor, mut flat) = (Vec::new(), Vec::new());
    for _ in 0..wanted.rounds {
        let [mut nothing, mut of_small, mut of_large] = <[Samples; 3]>::default();
        for _ in 0..TIMES {
            nothing.time(|| run(small.env().command("/bin/true", small.env().root())))?;
            of_small.time(|| run(small.command(&["status", &small_id])))?;
            of_large.time(|| run(large.command(&["status", &large_id])))?;
        }
        floor.push(Pair { of: of_large.clone(), anchor: nothing });
        flat.push(Pair { of: of_large, anchor: of_small });
    }
    large.down(false);
    let mut down = Samples::default();
    for _ in 0..DOWN_TIMES {
        down.time(|| run(large.command(&["status", &large_id])))?;
    }
    Ok(vec![
        Figure::ratio("status, 100,000 issues", &floor, 50, "/bin/true", Goal::AtMost(5.0)),
        Figure::ratio("status, 100,000 issues", &flat, 50, "status, 100 issues", Goal::AtMost(1.15)),
        Figure::value(
            "status, 100,000 issues, engine down",
            "ms",
            down.percentile(50) / 1e3,
            Goal::AtMost(250.0),
        ),
    ])
}
