//! Tests with the real git, in temporary folders, with nothing of this machine's configuration.

mod checkout;
mod collecting;
mod fixture;
mod including;
mod looking;
mod merging;
mod names;
mod poison;
mod state;
mod workdirs;
