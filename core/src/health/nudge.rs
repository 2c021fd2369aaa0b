//! What an agent is told that does not do well.

use super::Health;

/// Who says so.
pub const WITNESS: &str = "witness";

/// The text. It is plain, so that it is not taken for a new task.
pub(crate) fn text(health: &Health) -> String {
    let seen = match health {
        Health::Looping { repeated } => {
            let what = format!("You did the same {} times in a row: {}.", repeated.count, repeated.what);
            format!(
                "{what} Doing it again will come to the same. Step back, look at why, and try another way."
            )
        }
        Health::Burning { spent, .. } => format!(
            "You spent ${spent} since anything in your workdir changed. Write down what you know by now, and do the next \
             small step that can be seen."
        ),
        Health::Healthy
        | Health::Quiet { .. }
        | Health::Stalled { .. }
        | Health::Waiting { .. }
        | Health::RateLimited { .. }
        | Health::Dead => {
            "Nothing was heard of you for a while. If something hangs, end it and try another way.".to_owned()
        }
    };
    format!(
        "{seen} If you cannot go on, say so: convoy blocked <why>. If all is well, go on with your task. (This is Convoy, \
         not a person.)"
    )
}
