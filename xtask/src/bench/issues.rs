//! Making and closing an issue, in a small workspace and in a large one.

use convoy_api::Service;

use super::floor::run;
use super::measure::{Result, Wanted};
use super::report::{Figure, Goal, Pair, Samples};
use super::room::{Room, close, create, order_one};
use super::status::{LARGE, SMALL};

/// Orders over the socket.
const TIMES: usize = 300;
/// Commands.
const COMMANDS: usize = 60;

pub(super) fn measure(wanted: &Wanted) -> Result<Vec<Figure>> {
    let (small, large) = (Room::new()?, Room::new()?);
    small.fill(SMALL)?;
    large.fill(LARGE)?;
    small.up()?;
    large.up()?;
    let (few, many) = (small.client(), large.client());
    let [mut made, mut closed, mut by_command] = <[Vec<Pair>; 3]>::default();
    for _ in 0..wanted.rounds {
        let [mut make, mut end, mut command] = <[Pair; 3]>::default();
        for _ in 0..TIMES {
            step(&few, &mut make.anchor, &mut end.anchor)?;
            step(&many, &mut make.of, &mut end.of)?;
        }
        for _ in 0..COMMANDS {
            let args = ["issue", "create", "One more"];
            command.anchor.time(|| run(small.command(&args)))?;
            command.of.time(|| run(large.command(&args)))?;
        }
        made.push(make);
        closed.push(end);
        by_command.push(command);
    }
    let goal = Goal::AtMost(1.2);
    Ok(vec![
        Figure::ratio("create, 100,000 issues, over the socket", &made, 50, "100 issues", goal),
        Figure::ratio("close, 100,000 issues, over the socket", &closed, 50, "100 issues", goal),
        Figure::ratio("issue create, 100,000 issues, command", &by_command, 50, "100 issues", goal),
    ])
}

fn step(service: &dyn Service, made: &mut Samples, closed: &mut Samples) -> Result<()> {
    let id = made.time(|| order_one(service, create("One more")))?;
    closed.time(|| order_one(service, close(&id)))?;
    Ok(())
}
