//! What keys do, and what stays as it was while news come in.

use std::time::Duration;

use convoy_core::command::Request;
use serde_json::json;

use super::super::act::{Deed, KEYS, Wish};
use super::super::key::Key::{self, *};
use super::super::model::{Link, List, Model, Page, Pane, Prompt};
use super::workspace::{busy, changed, empty};

/// Presses keys; the last wish that came of it.
fn press(model: &mut Model, keys: &[Key]) -> Option<Wish> {
    keys.iter().filter_map(|key| model.press(*key)).last()
}

fn typed(text: &str) -> Vec<Key> {
    text.chars().map(Char).collect()
}

#[test]
fn each_key_is_in_the_table_once() {
    for (at, (key, _)) in KEYS.iter().enumerate() {
        assert!(!KEYS[at + 1..].iter().any(|(other, _)| other == key), "{key:?}");
    }
    for promised in "jkgGlsrc/p$?q".chars() {
        assert!(KEYS.iter().any(|(key, _)| *key == Char(promised)), "{promised}");
    }
    assert_eq!(KEYS.iter().filter(|(_, deed)| *deed == Deed::Quit).count(), 1);
}

#[test]
fn keys_lead_to_pages_and_back() {
    let convoy = || Page::Convoy("hq-cv-stuck".parse().unwrap());
    let logs = || Page::Logs("gt-three".parse().unwrap());
    let table: Vec<(Vec<Key>, Page, Pane)> = vec![
        (vec![], Page::Main, Pane::Convoys),
        (vec![Tab], Page::Main, Pane::Workers),
        (vec![Tab, Tab, Tab], Page::Main, Pane::Events),
        (vec![Tab, Tab, Tab, Tab], Page::Main, Pane::Convoys),
        (vec![BackTab], Page::Main, Pane::Events),
        (vec![Enter], convoy(), Pane::Convoys),
        (vec![Enter, Esc], Page::Main, Pane::Convoys),
        (vec![Enter, Esc, Esc, Esc], Page::Main, Pane::Convoys),
        (typed("l"), logs(), Pane::Convoys),
        (typed("p"), Page::Problems, Pane::Convoys),
        (typed("pp"), Page::Main, Pane::Convoys),
        (typed("$"), Page::Costs, Pane::Convoys),
        (typed("?"), Page::Help, Pane::Convoys),
        (typed("p?"), Page::Help, Pane::Convoys),
        (vec![Char('p'), Char('?'), Esc], Page::Problems, Pane::Convoys),
        (vec![Char('p'), Char('$'), Char('p'), Esc, Esc], Page::Main, Pane::Convoys),
        (vec![Char('p'), Tab], Page::Problems, Pane::Convoys),
        (vec![Char('x'), Left, Right, Char('é')], Page::Main, Pane::Convoys),
    ];
    for (keys, page, pane) in table {
        let mut model = busy();
        assert_eq!(press(&mut model, &keys), None, "{keys:?}");
        assert_eq!((&model.page, model.pane), (&page, pane), "{keys:?}");
    }
}

#[test]
fn keys_move_what_has_them() {
    for (keys, at) in [
        (vec![], 0),
        (typed("j"), 1),
        (vec![Down, Down], 2),
        (typed("jjjjjj"), 3),
        (typed("jjk"), 1),
        (vec![Up], 0),
        (typed("G"), 3),
        (typed("Gg"), 0),
        (vec![PageDown], 3),
        (vec![PageDown, PageUp], 0),
        (vec![End, Home], 0),
    ] {
        let mut model = busy();
        press(&mut model, &keys);
        assert_eq!((model.at(List::Convoys), model.at(List::Workers)), (Some(at), Some(0)), "{keys:?}");
    }
    let mut model = busy();
    press(&mut model, &[Tab, Char('j')]);
    assert_eq!((model.at(List::Convoys), model.at(List::Workers)), (Some(0), Some(1)));
}

#[test]
fn what_changes_something_asks_first() {
    let issue = |id: &str| id.to_owned();
    let table: Vec<(Vec<Key>, Request)> = vec![
        (typed("s"), Request::ConvoyStop { convoy: issue("hq-cv-stuck") }),
        (vec![Tab, Char('s')], Request::WorkStop { issue: issue("gt-three") }),
        (vec![Tab, Char('j'), Char('s')], Request::WorkStop { issue: issue("gt-two") }),
        (vec![Tab, Tab, Char('s')], Request::WorkStop { issue: issue("gt-three") }),
        (vec![Tab, Char('r')], Request::WorkRetry { issue: issue("gt-three") }),
        (vec![Down, Enter, Down, Char('r')], Request::WorkRetry { issue: issue("gt-one") }),
        (typed("pjr"), Request::WorkRetry { issue: issue("gt-seven") }),
        (typed("ps"), Request::ConvoyStop { convoy: issue("hq-cv-stuck") }),
        (typed("c"), Request::ConvoyCheck { convoy: Some(issue("hq-cv-stuck")) }),
        (typed("jc"), Request::ConvoyCheck { convoy: Some(issue("hq-cv-logins")) }),
        (vec![Tab, Char('c')], Request::ConvoyCheck { convoy: None }),
    ];
    for (keys, wanted) in table {
        let mut model = busy();
        assert_eq!(press(&mut model, &keys), None, "{keys:?}: nothing is done before the answer");
        assert!(matches!(model.prompt, Prompt::Confirm { .. }), "{keys:?}");
        for no in [Char('n'), Esc, Char('q')] {
            let mut model = model.clone();
            assert_eq!(press(&mut model, &[no, Char('y')]), None, "{keys:?} {no:?}");
            assert_eq!(
                model.said.map(|said| said.text).as_deref(),
                None,
                "the next key clears what was said"
            );
        }
        // Whatever else is pressed is neither yes nor no.
        assert_eq!(press(&mut model, &[Char('s'), Enter, Char('j'), Tab]), None);
        match press(&mut model, &[Char('y')]) {
            Some(Wish::Order { request, .. }) => assert_eq!(*request, wanted, "{keys:?}"),
            other => panic!("{keys:?}: {other:?}"),
        }
        assert_eq!(model.prompt, Prompt::Keys);
    }
}

#[test]
fn what_is_pasted_is_no_answer_and_no_key() {
    let paste = |text: &str| -> Vec<Key> { text.chars().map(Pasted).collect() };
    for before in [vec![], vec![Tab], typed("s"), typed("p")] {
        let mut model = busy();
        press(&mut model, &before);
        let untouched = model.clone();
        assert_eq!(press(&mut model, &paste("systemry q/")), None, "{before:?}");
        assert_eq!(model, untouched, "{before:?}");
    }
    let mut model = busy();
    press(&mut model, &typed("/"));
    press(&mut model, &paste("log"));
    assert_eq!((model.search.as_str(), &model.prompt), ("log", &Prompt::Search));
}

#[test]
fn what_cannot_be_meant_is_said() {
    for (model, keys) in [
        (busy(), typed("r")),
        (busy(), typed("pr")),
        (empty(), typed("s")),
        (empty(), typed("r")),
        (empty(), typed("l")),
        (busy(), vec![Tab, End, Enter]),
    ] {
        let mut model = model;
        assert_eq!(press(&mut model, &keys), None, "{keys:?}");
        assert_eq!((&model.prompt, model.said.is_some()), (&Prompt::Keys, true), "{keys:?}");
    }
}

#[test]
fn leaving_works_from_everywhere() {
    for keys in [vec![], vec![Enter], typed("p"), typed("?"), typed("$"), vec![Tab]] {
        let mut model = busy();
        press(&mut model, &keys);
        assert_eq!(press(&mut model, &[Char('q')]), Some(Wish::Quit), "{keys:?}");
    }
    for keys in [typed("/lo"), typed("s"), vec![]] {
        let mut model = busy();
        press(&mut model, &keys);
        assert_eq!(press(&mut model, &[Ctrl('c')]), Some(Wish::Quit), "{keys:?}");
    }
}

#[test]
fn a_search_filters_as_it_is_typed() {
    let mut model = busy();
    let ids = |model: &Model| model.convoys().iter().map(|convoy| convoy.id.to_string()).collect::<Vec<_>>();
    assert_eq!(ids(&model), ["hq-cv-stuck", "hq-cv-logins", "hq-cv-later", "hq-cv-done"]);
    press(&mut model, &typed("/LOG"));
    assert_eq!(ids(&model), ["hq-cv-logins"]);
    // Letters of a search are no keys: 's' stops nobody, 'q' leaves nothing.
    assert_eq!(press(&mut model, &typed("sq")), None);
    assert_eq!((model.search.as_str(), ids(&model).len()), ("LOGsq", 0));
    press(&mut model, &[Backspace, Backspace, Enter]);
    assert_eq!((ids(&model).len(), &model.prompt), (1, &Prompt::Keys));
    assert!(matches!(press(&mut model, &typed("sy")), Some(Wish::Order { request, .. })
        if *request == Request::ConvoyStop { convoy: "hq-cv-logins".into() }));
    press(&mut model, &[Esc]);
    assert_eq!((ids(&model).len(), model.search.as_str()), (4, ""));
    press(&mut model, &typed("/log"));
    press(&mut model, &[Esc]);
    assert_eq!((ids(&model).len(), &model.prompt), (4, &Prompt::Keys));
}

#[test]
fn what_needs_a_person_comes_first() {
    let model = busy();
    let workers: Vec<&str> = model.workers().iter().map(|worker| worker.issue_id.as_str()).collect();
    assert_eq!(workers, ["gt-three", "gt-two", "gt-one", "gt-six"]);
    // What is counted above is what is listed.
    let problems: Vec<&str> = model.problems().into_iter().map(|problem| problem.id.as_str()).collect();
    assert_eq!(problems, ["hq-cv-stuck", "gt-seven"]);
    assert_eq!(model.data.overview.needs_total, problems.len());
    let convoys: Vec<&str> = model.convoys().iter().map(|convoy| convoy.id.as_str()).collect();
    assert_eq!(convoys, ["hq-cv-stuck", "hq-cv-logins", "hq-cv-later", "hq-cv-done"]);
}

#[test]
fn who_is_selected_stays_so_when_others_move() {
    let mut model = busy();
    press(&mut model, &[Tab, Char('j')]);
    let selected = |model: &Model| model.worker().map(|worker| worker.issue_id.to_string());
    assert_eq!(selected(&model).as_deref(), Some("gt-two"));
    let failed = changed(|look| look["workers"][1]["gave_up"] = json!(true));
    model.found(failed, Link::Up);
    assert_eq!((selected(&model).as_deref(), model.at(List::Workers)), (Some("gt-two"), Some(2)));
    // One that is gone gives its place to the next.
    let gone = changed(|look| drop(look["workers"].as_array_mut().map(|all| all.remove(0))));
    model.found(gone, Link::Up);
    assert!(selected(&model).is_some_and(|id| id != "gt-two"));
    model.found(changed(|look| look["workers"] = json!([])), Link::Up);
    assert_eq!((selected(&model), model.at(List::Workers)), (None, None));
    assert_eq!(press(&mut model, &[Char('j'), Char('k'), Enter]), None);
}

#[test]
fn time_wakes_nobody_before_an_age_changes() {
    let mut model = busy();
    // The youngest are on the minute: each is one minute older in sixty seconds.
    assert_eq!(model.ticks_in(), Some(Duration::from_secs(60)));
    model.now = convoy_core::time::Time::from_millis(model.now.as_millis() + 59_000);
    assert_eq!(model.ticks_in(), Some(Duration::from_secs(1)));
    press(&mut model, &typed("?"));
    assert_eq!(model.ticks_in(), None, "no age is shown");
    assert_eq!(empty().ticks_in(), None);
}

#[test]
fn what_a_page_shows_beside_is_asked_for() {
    let mut model = busy();
    assert!(!model.lacks());
    press(&mut model, &[Enter]);
    assert!(model.lacks(), "its page was not looked at yet");
    assert_eq!(model.wants().convoy.map(|id| id.to_string()).as_deref(), Some("hq-cv-stuck"));
    press(&mut model, &[Esc, Down, Enter]);
    assert!(!model.lacks());
    press(&mut model, &typed("$"));
    assert!(model.wants().cost && !model.lacks());
}

#[test]
fn enter_looks_on_while_a_worker_works() {
    let mut model = busy();
    let wish = press(&mut model, &[Tab, Char('j'), Enter]);
    assert_eq!(
        wish,
        Some(Wish::Watch { session: "s-two".parse().unwrap(), issue: "gt-two".parse().unwrap() })
    );
    let mut model = busy();
    let wish = press(&mut model, &[Char('j'), Enter, Char('j'), Enter]);
    assert_eq!(
        wish,
        Some(Wish::Watch { session: "s-one".parse().unwrap(), issue: "gt-one".parse().unwrap() })
    );
}
