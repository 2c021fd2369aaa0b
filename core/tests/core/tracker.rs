//! What trackers say and are told, in scripts.

use convoy_core::command::Observed;
use convoy_core::id::{IssueId, RigName};
use convoy_core::issue::{DependencyType, IssueType, NewIssue};
use convoy_core::tracker::{self, Pushed, Seen, Standing};

use crate::door::Door;
use crate::perform::Words;
use crate::show::Names;

/// What the tracker of the rig `tools` says. `bd ID[:standing]… all` lists issues, the last word says that these are all;
/// `told` takes everything that it is to be told, `told refused` nothing.
pub(crate) fn of_tracker(door: &Door, names: &Names, words: &Words<'_>) -> Observed {
    let rig: RigName = "tools".parse().unwrap();
    match words.bare[0] {
        "bd-lost" => Observed::TrackerLost { rig, why: "bd is gone".into() },
        "told" => {
            let round = door.state.trackers[&rig].round;
            let pushes = tracker::pushes(&door.state, &door.policy, &rig, door.now);
            let refused = words.has("refused");
            let pushed = pushes.into_iter().map(|push| Pushed {
                issue: push.issue,
                steps: if refused { Vec::new() } else { push.steps },
                error: refused.then(|| "it is locked".to_owned()),
            });
            let round = if words.has("late") { round + 1 } else { round };
            Observed::Pushed { rig, round, pushed: pushed.collect() }
        }
        _ => {
            let ids = words.bare[1..].iter().filter(|word| **word != "all");
            let issues: Vec<Seen> = ids.map(|word| seen(word, names, words, &rig)).collect();
            let all = words.has("all").then(|| issues.iter().map(|seen| seen.issue.id.clone()).collect());
            Observed::Tracker { rig, issues, all }
        }
    }
}

fn seen(word: &str, names: &Names, words: &Words<'_>, rig: &RigName) -> Seen {
    // Ids that were made up stand behind a slash or a colon.
    let named = |text: String, at: char| match text.rsplit_once(at) {
        Some((before, name)) => format!("{before}{at}{}", names.id(name)),
        None => text,
    };
    let (id, standing) = word.split_once(':').unwrap_or((word, "open"));
    let needs = words.list("needs").into_iter().map(|id| (IssueId::new(id).unwrap(), DependencyType::Blocks));
    Seen {
        issue: NewIssue {
            id: IssueId::new(id).unwrap(),
            rig: rig.clone(),
            title: words.get("title").unwrap_or_else(|| format!("T {id}")),
            body: String::new(),
            issue_type: IssueType::Task,
            priority: words.number("p", 2) as u8,
            labels: words.list("label").into_iter().map(|label| named(label, ':')).collect(),
            parent: None,
            needs: needs.collect(),
            acceptance: Vec::new(),
            step: None,
        },
        standing: match standing {
            "open" => Standing::Open,
            "closed" => Standing::Closed,
            "held" => Standing::Held,
            _ => Standing::InProgress,
        },
        assignee: words.get("who").map(|who| named(who, '/')),
        created_at: None,
        reason: words.get("reason").map(|reason| reason.replace('_', " ")),
        closed_at: None,
    }
}
