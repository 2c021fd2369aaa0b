//! What the scripts ask for, as somebody would at the command line.

use convoy_core::command::{BudgetScope, Request};
use convoy_core::event::IssueChange;
use convoy_core::issue::{CloseReason, IssueType};
use convoy_core::money::Money;
use convoy_core::time::Time;

use crate::mailing;
use crate::own;
use crate::perform::Words;
use crate::show::Names;
use crate::staged;
use crate::templated;

/// What a line of a script asks for.
pub(crate) fn request(names: &Names, words: &Words<'_>, line: &str) -> Request {
    let id = |n: usize| names.id(words.bare.get(n).unwrap_or(&""));
    let flags = ["start", "no-convoy", "owned", "launch", "force"];
    let from = |n: usize| -> Vec<String> {
        words.bare[n.min(words.bare.len())..]
            .iter()
            .filter(|w| !flags.contains(*w))
            .map(|w| names.id(w))
            .collect()
    };
    let kind = staged::kind(words);
    match words.bare[0] {
        "issue" => Request::IssueCreate {
            id: (words.bare.get(1) != Some(&"-")).then(|| id(1)),
            rig: words.get("rig"),
            title: words.get("title").map_or_else(|| default_title(words), |t| t.replace('_', " ")),
            body: String::new(),
            issue_type: IssueType::NAMES
                .iter()
                .find(|(name, _)| Some((*name).to_owned()) == words.get("type"))
                .map_or(IssueType::Task, |(_, t)| *t),
            priority: words.number("p", 2) as u8,
            labels: words.list("label"),
            parent: words.get("parent"),
            needs: words.list("needs"),
            acceptance: Vec::new(),
        },
        "update" => Request::IssueUpdate {
            ids: from(1),
            change: IssueChange {
                priority: words.get("p").map(|p| p.parse().unwrap()),
                title: words.get("title"),
                add_labels: words.list("label"),
                ..IssueChange::default()
            },
        },
        "done" => Request::IssueClose {
            ids: from(1),
            reason: match words.get("reason").as_deref() {
                Some("dropped") => CloseReason::Dropped,
                Some("duplicate") => CloseReason::Duplicate,
                _ => CloseReason::Completed,
            },
            duplicate_of: words.get("of"),
            note: words.get("note"),
        },
        "reopen" => Request::IssueReopen { ids: from(1) },
        "need" => Request::DependencyAdd { id: id(1), needs: id(2), kind },
        "unneed" => Request::DependencyRemove { id: id(1), needs: id(2) },
        "convoy" => Request::ConvoyCreate {
            name: id(1).replace('_', " "),
            issues: from(2),
            owner: words.get("owner"),
            notify: words.list("notify"),
            merge: words.get("merge").map(|name| serde_json::from_value(name.into()).unwrap()),
            base: words.get("base"),
            max_parallel: words.get("max").map(|max| max.parse().unwrap()),
            start: words.has("start"),
            from_epic: words.get("from"),
            epic: words.get("epic"),
            owned: words.has("owned"),
            due: words.get("due").map(|at| Time::from_millis(at.parse::<i64>().unwrap() * 1000)),
            budget: dollars(words, "budget"),
        },
        "remove" => Request::ConvoyRemove { convoy: id(1), issues: from(2) },
        "unclose" => Request::ConvoyReopen { convoy: id(1) },
        "land" => Request::ConvoyLand { convoy: id(1) },
        "watch" => Request::ConvoyWatch { convoy: id(1), address: words.get("addr") },
        "unwatch" => Request::ConvoyUnwatch { convoy: id(1), address: words.get("addr") },
        "add" => Request::ConvoyAdd { convoy: id(1), issues: from(2) },
        "stage" => Request::Stage {
            what: from(1),
            title: words.get("title").map(|title| title.replace('_', " ")),
            owner: words.get("owner"),
            notify: words.list("notify"),
            merge: words.get("merge").map(|name| serde_json::from_value(name.into()).unwrap()),
            base: words.get("base"),
            max_parallel: words.get("max").map(|max| max.parse().unwrap()),
            launch: words.has("launch"),
            force: words.has("force"),
        },
        "launch" => Request::Launch { what: from(1), force: words.has("force") },
        "start" => Request::ConvoyStart { convoy: id(1) },
        "check" => Request::ConvoyCheck { convoy: words.bare.get(1).map(|name| names.id(name)) },
        "close" => {
            Request::ConvoyClose { convoy: id(1), reason: words.get("reason"), notify: words.list("notify") }
        }
        "sling" => Request::Sling {
            issues: from(1),
            target: words.get("target"),
            agent: words.get("agent"),
            model: words.get("model"),
            base: words.get("base"),
            no_convoy: words.has("no-convoy"),
            force: words.has("force"),
            budget: dollars(words, "budget"),
        },
        "assign" => Request::Assign {
            issue: id(1),
            convoy: id(2),
            agent: words.get("agent"),
            model: words.get("model"),
            budget: dollars(words, "budget"),
        },
        "budget" => Request::BudgetSet { scope: scope(names, words), amount: dollars(words, "to") },
        "retry" => Request::WorkRetry { issue: id(1) },
        "stop" => Request::WorkStop { issue: id(1) },
        "release" => Request::WorkRelease { issue: id(1) },
        "mq-retry" => Request::MergeRetry { issue: id(1) },
        "mq-reject" => Request::MergeReject { issue: id(1), reason: words.get("reason") },
        "read" => Request::MailRead { notice: id(1) },
        word if word.starts_with("session-") || word == "checkpoint-create" => own::request(names, words),
        "template" | "stop-convoy" | "synthesize" => templated::request(names, words),
        "send" | "archive" | "again" => mailing::request(names, words),
        other => panic!("{other:?} is no command: {line}"),
    }
}

/// An amount in dollars.
fn dollars(words: &Words<'_>, name: &str) -> Option<Money> {
    words.get(name).map(|text| text.parse().unwrap())
}

/// What a budget is for.
pub(crate) fn scope(names: &Names, words: &Words<'_>) -> BudgetScope {
    let of = |name: &str| words.get(name).map(|text| names.id(&text));
    if let Some(id) = of("convoy") {
        BudgetScope::Convoy(id)
    } else if let Some(id) = of("worker") {
        BudgetScope::Worker(id)
    } else if let Some(id) = of("session") {
        BudgetScope::Session(id)
    } else if let Some(name) = of("epic") {
        BudgetScope::Epic(name)
    } else if words.has("day") {
        BudgetScope::Day
    } else {
        BudgetScope::Only
    }
}

pub(crate) fn default_title(words: &Words<'_>) -> String {
    if words.bare.get(1) == Some(&"-") { "generated".into() } else { format!("T {}", words.bare[1]) }
}
