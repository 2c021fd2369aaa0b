//! Git: workdirs, evidence, merging.
