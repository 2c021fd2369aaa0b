//! The pages in a real browser: what a person does there comes about, what happens is seen there, and everybody can use them.
//!
//! Nobody sleeps: the browser waits for what a page shows. Without a browser, and where nobody insists on it
//! (`cargo xtask browser` installs it), these tests have nothing to look at.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do, by panicking")]

#[path = "../loop/templates/room.rs"]
#[expect(dead_code, reason = "the room of other tests, of which these need a part")]
mod desk;
mod every;
mod live;
mod pictures;
mod review;
#[path = "../loop/room.rs"]
#[expect(dead_code, reason = "the room of other tests, of which these need a part")]
mod room;
mod visit;
