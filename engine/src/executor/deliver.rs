//! One try to deliver a notice.

use convoy_core::command::Observed;

use super::job::Deliver;
use crate::crash;
use crate::notify;
use crate::world::World;

pub(super) fn run(world: &World, job: &Deliver) -> Observed {
    crash::point("deliver:before");
    let (delivery, attempt) = (job.delivery.clone(), job.attempt);
    let failed =
        |why, permanent| Observed::DeliveryFailed { delivery: delivery.clone(), attempt, why, permanent };
    let routes = match world.settings().config.routes() {
        Ok(routes) => routes,
        Err(failure) => return failed(failure.message, true),
    };
    let Some(route) = routes.get(&job.route) else {
        return failed(format!("route {} is not configured any more", job.route), true);
    };
    let sent = notify::send(world, route, &job.delivery, &job.notice);
    crash::point("deliver:after");
    match sent {
        Ok(()) => Observed::Delivered { delivery, attempt },
        Err(error) => failed(error.why, error.permanent),
    }
}
