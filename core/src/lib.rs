//! The domain of Convoy: what issues, convoys, workers and sessions are, and what may happen to them.
//!
//! Everything here is synchronous and deterministic. The clock, fresh randomness and the outside world come
//! in as arguments; nothing is read, written or started. See `ARCHITECTURE.md` for how the loop uses it.

pub mod address;
pub mod brief;
pub mod checkpoint;
pub mod command;
pub mod convoy;
pub mod cost;
pub mod decide;
pub mod effect;
pub mod epic;
pub mod event;
pub mod health;
pub mod id;
pub mod import;
pub mod issue;
pub mod ledger;
pub mod money;
pub mod notice;
pub mod outbox;
pub mod own_session;
pub mod plan;
pub mod policy;
pub mod queue;
pub mod refusal;
pub mod report;
pub mod review;
pub mod session;
pub mod stage;
pub mod state;
pub mod template;
pub mod time;
pub mod tracker;
pub mod view;
pub mod why;
pub mod worker;
