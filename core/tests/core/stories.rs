//! Views that gather what is kept in several places: the story of an issue, every mailbox.

use convoy_core::command::Request;
use convoy_core::id::IssueId;
use convoy_core::issue::{DependencyType, IssueType};
use convoy_core::view;

use crate::door::Door;

fn issue(door: &mut Door, id: &str, parent: Option<&str>, needs: &[&str]) {
    let request = Request::IssueCreate {
        id: Some(id.to_owned()),
        rig: None,
        title: format!("Do {id}"),
        body: String::new(),
        issue_type: IssueType::Task,
        priority: 2,
        labels: Vec::new(),
        parent: parent.map(str::to_owned),
        needs: needs.iter().map(|id| (*id).to_owned()).collect(),
        acceptance: Vec::new(),
    };
    door.ask(request, "overseer", None).unwrap();
}

fn ask(door: &mut Door, request: Request) {
    door.ask(request, "overseer", None).unwrap();
}

#[test]
fn a_story_has_both_sides_of_dependencies() {
    let mut door = Door::new();
    issue(&mut door, "gt-epic", None, &[]);
    issue(&mut door, "gt-a", None, &[]);
    issue(&mut door, "gt-b", Some("gt-epic"), &["gt-a"]);
    issue(&mut door, "gt-c", Some("gt-epic"), &["gt-b"]);
    let related = Request::DependencyAdd {
        id: "gt-a".to_owned(),
        needs: "gt-b".to_owned(),
        kind: DependencyType::Related,
    };
    ask(&mut door, related);
    let story = |door: &Door, id: &str| {
        view::story(&door.state, &door.policy, &door.state.issues[&IssueId::new(id).unwrap()], door.now)
    };
    let ids = |all: &[view::NeighbourView]| -> Vec<(String, DependencyType)> {
        all.iter().map(|one| (one.id.to_string(), one.kind)).collect()
    };
    let of = story(&door, "gt-b");
    assert_eq!(ids(&of.needs), [("gt-a".to_owned(), DependencyType::Blocks)]);
    assert_eq!(
        ids(&of.needed_by),
        [("gt-a".to_owned(), DependencyType::Related), ("gt-c".to_owned(), DependencyType::Blocks)]
    );
    assert_eq!(of.needs[0].title.as_deref(), Some("Do gt-a"));
    assert!(of.workers.is_empty() && of.convoys.is_empty() && of.queued.is_none());
    let epic = story(&door, "gt-epic");
    assert_eq!((epic.parts_total, epic.parts.len(), epic.seq), (2, 2, door.state.seq));
}

#[test]
fn mailboxes_count_what_was_not_put_away() {
    let mut door = Door::new();
    for to in ["mayor/", "mayor/", "overseer"] {
        let (to, subject, body) = (to.to_owned(), "s".to_owned(), String::new());
        ask(&mut door, Request::MailSend { to, subject, body });
    }
    let mayors: Vec<String> = door
        .state
        .notices
        .values()
        .filter(|notice| notice.content.to.as_str() == "mayor/")
        .map(|notice| notice.content.id.to_string())
        .collect();
    ask(&mut door, Request::MailRead { notice: mayors[0].clone() });
    let seen = |door: &Door| -> Vec<(String, usize, usize)> {
        let all = view::mailboxes(&door.state);
        all.into_iter().map(|one| (one.address, one.notices, one.unread)).collect()
    };
    assert_eq!(seen(&door), [("mayor/".to_owned(), 2, 1), ("overseer".to_owned(), 1, 1)]);
    ask(&mut door, Request::MailArchive { notices: mayors });
    assert_eq!(seen(&door), [("mayor/".to_owned(), 0, 0), ("overseer".to_owned(), 1, 1)]);
}
