//! Templates as users write them, and what is said about those that are wrong.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::*;

#[test]
fn what_is_built_in_is_whole() {
    let library = Library::built_in();
    for looked in library.look_at_all() {
        assert_eq!(looked.problems, Vec::new(), "{}", looked.source.name);
    }
}
