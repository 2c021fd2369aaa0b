//! Landing a convoy beside ten others, and beside ten thousand in a large workspace.

use convoy_api::Service;

use super::measure::{Result, Wanted};
use super::report::{Figure, Goal, Pair, Samples};
use super::room::{Room, close, convoy, create, order, order_one};
use super::status::LARGE;

/// Landings of each round.
const TIMES: usize = 100;
/// Open convoys that stand beside.
const FEW: usize = 10;
const MANY: usize = 10_000;

pub(super) fn measure(wanted: &Wanted) -> Result<Vec<Figure>> {
    let (small, large) = (Room::new()?, Room::new()?);
    let (few, many) = (small.fill(FEW)?, large.fill(LARGE)?);
    small.up()?;
    large.up()?;
    bundle(&small.client(), &few, FEW)?;
    bundle(&large.client(), &many, MANY)?;
    let mut rounds = Vec::new();
    for _ in 0..wanted.rounds {
        let mut round = Pair::default();
        for _ in 0..TIMES {
            land(&small.client(), &mut round.anchor)?;
            land(&large.client(), &mut round.of)?;
        }
        rounds.push(round);
    }
    let name = "landing, 10,000 convoys and 100,000 issues";
    Ok(vec![Figure::ratio(name, &rounds, 50, "10 convoys", Goal::AtMost(2.0))])
}

/// As many convoys, each with its share of the issues.
fn bundle(service: &dyn Service, issues: &[String], count: usize) -> Result<()> {
    for (n, share) in issues.chunks(issues.len() / count).enumerate() {
        order(service, convoy(&format!("Convoy {n}"), share.to_vec(), false))?;
    }
    Ok(())
}

fn land(service: &dyn Service, samples: &mut Samples) -> Result<()> {
    let issue = order_one(service, create("Work"))?;
    order(service, convoy("Convoy", vec![issue.clone()], false))?;
    samples.time(|| order(service, close(&issue)))?;
    Ok(())
}
