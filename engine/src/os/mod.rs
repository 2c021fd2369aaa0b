//! What differs between operating systems, and nothing else: processes, their identity, their end.

pub mod confine;
pub mod load;
pub mod process;
pub mod program;
pub mod socket;
pub mod spawn;
pub mod watch;
