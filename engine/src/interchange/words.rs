//! Beads' words and ours.

use convoy_core::import::{ForeignClosed, ForeignStatus, Hold};
use convoy_core::issue::{CloseReason, DependencyType, IssueType};
use convoy_core::time::Time;

/// The type of an issue; a word that we do not have is some other type.
pub(super) fn issue_type(word: &str) -> IssueType {
    let known = IssueType::NAMES.iter().find(|(name, _)| *name == word);
    known.map_or(IssueType::Other, |(_, kind)| *kind)
}

/// How an issue depends on another, if we have a type for it. What holds work back there holds it back here.
pub(super) fn dependency(word: &str) -> Option<DependencyType> {
    match word {
        "blocks" | "conditional-blocks" | "waits-for" => Some(DependencyType::Blocks),
        "tracks" => Some(DependencyType::Tracks),
        "related" | "relates-to" => Some(DependencyType::Related),
        "parent-child" => Some(DependencyType::ParentChild),
        _ => None,
    }
}

/// Beads' word for a dependency.
pub(super) fn dependency_word(kind: DependencyType) -> &'static str {
    match kind {
        DependencyType::Blocks => "blocks",
        DependencyType::Tracks => "tracks",
        DependencyType::Related => "related",
        DependencyType::ParentChild => "parent-child",
    }
}

/// Which of two dependencies on the same issue counts.
pub(super) fn strength(kind: DependencyType) -> u8 {
    match kind {
        DependencyType::Blocks => 3,
        DependencyType::ParentChild => 2,
        DependencyType::Tracks => 1,
        DependencyType::Related => 0,
    }
}

/// Beads' word for why an issue was closed, which is free text there.
pub(super) fn reason_word(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::Completed => "completed",
        CloseReason::Merged => "merged",
        CloseReason::Dropped => "dropped",
        CloseReason::Duplicate => "duplicate",
        CloseReason::Failed => "failed",
    }
}

const REASONS: [CloseReason; 5] = [
    CloseReason::Completed,
    CloseReason::Merged,
    CloseReason::Dropped,
    CloseReason::Duplicate,
    CloseReason::Failed,
];

/// What beads' status means here.
///
/// # Errors
/// When it is no word.
pub(super) fn status(
    word: &str,
    reason: Option<&str>,
    closed_at: Option<Time>,
) -> Result<ForeignStatus, String> {
    match word {
        "open" => Ok(ForeignStatus::Open),
        "closed" | "tombstone" => {
            let text = reason.filter(|text| !text.is_empty());
            let known = text.and_then(|text| REASONS.into_iter().find(|known| reason_word(*known) == text));
            let of_word = if word == "closed" { CloseReason::Completed } else { CloseReason::Dropped };
            Ok(ForeignStatus::Closed(ForeignClosed {
                // Which issue a duplicate is of is not known from the word alone.
                reason: known.unwrap_or(of_word),
                at: closed_at,
                evidence: None,
                duplicate_of: None,
                note: text.filter(|_| known.is_none()).map(str::to_owned),
            }))
        }
        other => Hold::new(other).map(ForeignStatus::Held).map_err(|error| format!("status: {error}")),
    }
}

/// One criterion a line, with or without a dash or a box before it.
pub(super) fn criteria(text: &str) -> Vec<String> {
    let bare = |line: &str| {
        let line = line.trim();
        let line =
            ["- [ ] ", "- [x] ", "- ", "* "].iter().find_map(|mark| line.strip_prefix(mark)).unwrap_or(line);
        line.trim().to_owned()
    };
    text.lines().map(bare).filter(|line| !line.is_empty()).collect()
}
