//! Sessions of roles of template convoys: what differs from those of other issues.
//!
//! A role reads and reports. It has a checkout of the run's commit that nobody can write in (`prepare`), a prompt that is
//! rendered of its template (`context`, `prompt`), and is confined to folders of its own (`launch`): a *staging folder*
//! for what it gives, and one for what it needs meanwhile. When its agent is dead, what it left is read and checked
//! (`inspect`, `yields`) and brought into the output folder of its convoy (`publish`). Everything between is what every session goes through.

mod context;
mod files;
mod inspect;
mod launch;
mod prepare;
mod prompt;
mod publish;
mod yields;

pub(super) use files::text as text_of;
pub(super) use inspect::{inspect, leave};
pub(super) use launch::write_spec;
pub(super) use prepare::{close, prepare};
pub(super) use yields::RANKING;
