//! `cargo xtask bench`: to be written.
