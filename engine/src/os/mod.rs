//! What differs between operating systems, and nothing else: processes, their identity, their end.

pub mod spawn;
