//! `cargo xtask faults`: to be written.
