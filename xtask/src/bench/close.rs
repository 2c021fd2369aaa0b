//! Closing the last issue of a convoy: when the reply comes, the convoy has landed and that is durable.

use super::floor::Commits;
use super::measure::{Result, Wanted};
use super::report::{Figure, Goal, Pair};
use super::room::{Room, close, convoy, create, order, order_one};

const TIMES: usize = 300;

pub(super) fn measure(wanted: &Wanted) -> Result<Vec<Figure>> {
    let room = Room::new()?;
    room.up()?;
    let client = room.client();
    let mut commits = Commits::new(room.env().root())?;
    let mut rounds = Vec::new();
    for _ in 0..wanted.rounds {
        let mut round = Pair::default();
        let mut last = Vec::new();
        for n in 0..TIMES {
            let issue = order_one(&client, create(&format!("Work {n}")))?;
            order(&client, convoy(&format!("Convoy {n}"), vec![issue.clone()], false))?;
            last.push(issue);
        }
        for issue in last {
            round.of.time(|| order(&client, close(&issue)))?;
            round.anchor.time(|| commits.commit())?;
        }
        rounds.push(round);
    }
    Ok(vec![Figure::ratio(
        "close of the last issue -> landed",
        &rounds,
        50,
        "SQLite commit",
        Goal::AtMost(3.0),
    )])
}
