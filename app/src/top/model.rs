//! What is on the screen, without a screen: what there is, what is selected, what the bottom line is for.
//!
//! Keys and news come in (`act`, `news`), pictures are made of it (`view`). It has no clock, no thread, no terminal.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use convoy_api::Failure;
use convoy_core::command::Request;
use convoy_core::id::{ConvoyId, IssueId, SessionId};
use convoy_core::time::Time;
use convoy_core::view::{Category, ConvoyLineView, ConvoyView, NeedKind, NeedView, TrackedView, WorkerView};

use super::data::{Data, Wanted};
use crate::text;

/// Events that are kept for looking back.
const EVENTS_MAX: usize = 500;
/// Lines of output that are kept for looking back.
pub(super) const OUTPUT_LINES_MAX: usize = 2000;
/// The longest search; a name that is longer is found by a part.
const SEARCH_CHARS_MAX: usize = 60;

/// The way to the engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Link {
    /// It is up, and its events come.
    Up,
    /// It was up; the way to it, or the next one, is being looked for.
    Lost,
    /// It is not up: what there is was read from the log.
    Down,
    /// What there is cannot be read.
    Broken(String),
}

/// What fills the screen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Page {
    Main,
    /// A convoy: its issues or roles, and who works on them.
    Convoy(ConvoyId),
    /// The output of an issue's worker.
    Logs(IssueId),
    Problems,
    Costs,
    Help,
}

/// The parts of the main page.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Pane {
    Convoys,
    Workers,
    Output,
    Events,
}

impl Pane {
    pub(super) const ALL: [Self; 4] = [Self::Convoys, Self::Workers, Self::Output, Self::Events];
}

/// Things of which one is selected.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum List {
    Convoys,
    Workers,
    Tracked,
    Problems,
}

/// Texts that can be scrolled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Scroll {
    Output,
    Events,
    Costs,
    Help,
}

/// What keys move: which list, or which text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Moves {
    Select(List),
    /// A text that grows at its end, and is scrolled back from there.
    Back(Scroll),
    /// A text that is read from its beginning.
    Down(Scroll),
}

/// What the bottom line is for.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Prompt {
    /// The keys.
    Keys,
    /// A search is being typed.
    Search,
    /// A person is asked whether to do it.
    Confirm { question: String, request: Box<Request>, done: &'static str },
}

/// What is said above the bottom line until the next key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) hint: Option<String>,
    pub(super) bad: bool,
}

impl Said {
    pub(super) fn good(text: impl Into<String>) -> Self {
        Self { text: text.into(), hint: None, bad: false }
    }
}

impl From<&Failure> for Said {
    fn from(failure: &Failure) -> Self {
        Self { text: failure.message.clone(), hint: failure.hint.clone(), bad: true }
    }
}

/// A row that is selected: by its id, and if that is gone, by where it was.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Selection {
    id: Option<String>,
    at: usize,
}

/// What a worker prints.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Printed {
    /// Whose.
    pub(super) session: Option<SessionId>,
    /// The last lines, safe to show.
    pub(super) lines: VecDeque<String>,
    /// Why there are none.
    pub(super) why_not: Option<String>,
}

/// Everything that a picture is made of.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Model {
    pub(super) workspace: String,
    pub(super) now: Time,
    pub(super) link: Link,
    pub(super) data: Data,
    pub(super) page: Page,
    /// The pages to which Esc leads back.
    pub(super) before: Vec<Page>,
    pub(super) pane: Pane,
    pub(super) prompt: Prompt,
    pub(super) said: Option<Said>,
    /// Something was ordered and is not answered yet.
    pub(super) busy: bool,
    pub(super) search: String,
    pub(super) printed: Printed,
    pub(super) events: VecDeque<String>,
    selected: BTreeMap<List, Selection>,
    scrolled: BTreeMap<Scroll, usize>,
}

impl Model {
    pub(super) fn new(workspace: String, link: Link, data: Data, now: Time) -> Self {
        Self {
            workspace,
            now,
            link,
            data: data.in_order(),
            page: Page::Main,
            before: Vec::new(),
            pane: Pane::Convoys,
            prompt: Prompt::Keys,
            said: None,
            busy: false,
            search: String::new(),
            printed: Printed::default(),
            events: VecDeque::new(),
            selected: BTreeMap::new(),
            scrolled: BTreeMap::new(),
        }
    }

    /// Takes what a look found.
    pub(super) fn found(&mut self, data: Data, link: Link) {
        self.data = data.in_order();
        self.link = link;
        // One that is selected stays so, wherever it is now.
        for list in [List::Convoys, List::Workers, List::Tracked, List::Problems] {
            if let Some(at) = self.at(list) {
                self.select(list, at);
            }
        }
    }

    /// Takes the line of an event.
    pub(super) fn happened(&mut self, line: &str) {
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(text::line(line.trim_end()).into_owned());
        self.keep_place(Scroll::Events, 1, EVENTS_MAX);
    }

    /// Takes lines that the shown session printed.
    pub(super) fn printed(&mut self, lines: impl IntoIterator<Item = String>) {
        let mut more = 0;
        for line in lines {
            // A tab has no width of its own in a cell.
            for line in text::block(&line).replace('\t', "    ").split('\n') {
                if self.printed.lines.len() == OUTPUT_LINES_MAX {
                    self.printed.lines.pop_front();
                }
                self.printed.lines.push_back(line.to_owned());
                more += 1;
            }
        }
        self.keep_place(Scroll::Output, more, OUTPUT_LINES_MAX);
    }

    /// Who has scrolled back goes on to see the same lines.
    fn keep_place(&mut self, of: Scroll, more: usize, max: usize) {
        if let Some(back) = self.scrolled.get_mut(&of).filter(|back| **back > 0) {
            *back = (*back + more).min(max);
        }
    }

    /// What the keys move now.
    pub(super) fn moves(&self) -> Moves {
        match (&self.page, self.pane) {
            (Page::Main, Pane::Convoys) => Moves::Select(List::Convoys),
            (Page::Main, Pane::Workers) => Moves::Select(List::Workers),
            (Page::Main, Pane::Output) | (Page::Logs(_), _) => Moves::Back(Scroll::Output),
            (Page::Main, Pane::Events) => Moves::Back(Scroll::Events),
            (Page::Convoy(_), _) => Moves::Select(List::Tracked),
            (Page::Problems, _) => Moves::Select(List::Problems),
            (Page::Costs, _) => Moves::Down(Scroll::Costs),
            (Page::Help, _) => Moves::Down(Scroll::Help),
        }
    }

    /// The convoys that fit the search.
    pub(super) fn convoys(&self) -> Vec<&ConvoyLineView> {
        let fits = |convoy: &&ConvoyLineView| {
            self.fits(&[
                convoy.id.as_str(),
                &convoy.title,
                &convoy.status,
                convoy.template.as_deref().unwrap_or(""),
            ])
        };
        self.data.convoys.iter().filter(fits).collect()
    }

    /// The workers that fit the search.
    pub(super) fn workers(&self) -> Vec<&WorkerView> {
        let fits = |worker: &&WorkerView| {
            let convoy = worker.convoy_id.as_ref().map_or("", ConvoyId::as_str);
            let model = worker.model.as_deref().unwrap_or("");
            self.fits(&[worker.issue_id.as_str(), &worker.name, &worker.state, &worker.agent, model, convoy])
        };
        self.data.workers.iter().filter(fits).collect()
    }

    /// What the open convoy tracks, as far as it fits the search.
    pub(super) fn tracked(&self) -> Vec<&TrackedView> {
        let fits = |issue: &&TrackedView| {
            self.fits(&[
                issue.id.as_str(),
                &issue.title,
                &issue.status,
                issue.worker.as_deref().unwrap_or(""),
            ])
        };
        self.open_convoy().map(|convoy| convoy.tracked.iter().filter(fits).collect()).unwrap_or_default()
    }

    /// What needs a person and fits the search.
    pub(super) fn problems(&self) -> Vec<&NeedView> {
        let fits = |need: &&NeedView| {
            let category = need.category.map_or("", Category::name);
            self.fits(&[&need.id, &need.title, category])
        };
        self.data.overview.needs.iter().filter(fits).collect()
    }

    fn problem(&self, kind: NeedKind) -> Option<&NeedView> {
        self.problems().get(self.at(List::Problems)?).copied().filter(|need| need.kind == kind)
    }

    fn fits(&self, texts: &[&str]) -> bool {
        let search = self.search.to_lowercase();
        search.is_empty() || texts.iter().any(|text| text.to_lowercase().contains(&search))
    }

    /// The convoy whose page is open, once it was asked for.
    pub(super) fn open_convoy(&self) -> Option<&ConvoyView> {
        let Page::Convoy(id) = &self.page else { return None };
        self.data.convoy.as_ref().filter(|convoy| convoy.id == *id)
    }

    /// What is to be asked for, beside what always is.
    pub(super) fn wants(&self) -> Wanted {
        match &self.page {
            Page::Convoy(id) => Wanted { convoy: Some(id.clone()), ..Wanted::default() },
            Page::Costs => Wanted { cost: true, ..Wanted::default() },
            Page::Main | Page::Logs(_) | Page::Problems | Page::Help => Wanted::default(),
        }
    }

    /// Whether the page shows something that was not asked for yet.
    pub(super) fn lacks(&self) -> bool {
        match &self.page {
            Page::Convoy(_) => self.open_convoy().is_none(),
            Page::Costs => self.data.cost.is_none(),
            Page::Main | Page::Logs(_) | Page::Problems | Page::Help => false,
        }
    }

    fn ids(&self, list: List) -> Vec<&str> {
        match list {
            List::Convoys => self.convoys().iter().map(|convoy| convoy.id.as_str()).collect(),
            List::Workers => self.workers().iter().map(|worker| worker.id.as_str()).collect(),
            List::Tracked => self.tracked().iter().map(|issue| issue.id.as_str()).collect(),
            List::Problems => self.problems().iter().map(|need| need.id.as_str()).collect(),
        }
    }

    /// Which row of a list is selected.
    pub(super) fn at(&self, list: List) -> Option<usize> {
        let ids = self.ids(list);
        let selection = self.selected.get(&list).cloned().unwrap_or_default();
        let found = selection.id.and_then(|id| ids.iter().position(|one| *one == id));
        found.or_else(|| (!ids.is_empty()).then(|| selection.at.min(ids.len() - 1)))
    }

    pub(super) fn select(&mut self, list: List, at: usize) {
        let ids = self.ids(list);
        let at = at.min(ids.len().saturating_sub(1));
        let id = ids.get(at).map(|id| (*id).to_owned());
        self.selected.insert(list, Selection { id, at });
    }

    /// How far a text is scrolled: back from its end, or down from its beginning.
    pub(super) fn scrolled(&self, of: Scroll) -> usize {
        self.scrolled.get(&of).copied().unwrap_or(0)
    }

    pub(super) fn scroll(&mut self, of: Scroll, lines: usize) {
        let max = match of {
            Scroll::Output => self.printed.lines.len(),
            Scroll::Events => self.events.len(),
            Scroll::Costs | Scroll::Help => EVENTS_MAX,
        };
        self.scrolled.insert(of, lines.min(max.saturating_sub(1)));
    }

    /// The worker that is meant: the selected one, the one of the selected issue, or the one whose output is open.
    pub(super) fn worker(&self) -> Option<&WorkerView> {
        let of_issue = |id: &IssueId| self.data.workers.iter().rev().find(|worker| worker.issue_id == *id);
        match &self.page {
            Page::Main | Page::Costs | Page::Help => {
                self.at(List::Workers).and_then(|at| self.workers().get(at).copied())
            }
            Page::Convoy(_) => of_issue(&self.issue()?),
            Page::Logs(issue) => of_issue(issue),
            Page::Problems => of_issue(&self.issue()?),
        }
    }

    /// The issue that is meant, on pages that list issues.
    pub(super) fn issue(&self) -> Option<IssueId> {
        match &self.page {
            Page::Convoy(_) => Some(self.tracked().get(self.at(List::Tracked)?)?.id.clone()),
            Page::Problems => self.problem(NeedKind::Issue)?.id.parse().ok(),
            Page::Logs(issue) => Some(issue.clone()),
            Page::Main if self.pane == Pane::Convoys => None,
            Page::Main | Page::Costs | Page::Help => self.worker().map(|worker| worker.issue_id.clone()),
        }
    }

    /// The convoy that is meant.
    pub(super) fn convoy(&self) -> Option<&ConvoyLineView> {
        let of_id = |id: &str| self.data.convoys.iter().find(|convoy| convoy.id.as_str() == id);
        match &self.page {
            Page::Main if self.pane == Pane::Convoys => self.convoys().get(self.at(List::Convoys)?).copied(),
            Page::Convoy(id) => of_id(id.as_str()),
            Page::Problems => of_id(&self.problem(NeedKind::Convoy)?.id),
            Page::Main | Page::Logs(_) | Page::Costs | Page::Help => None,
        }
    }

    /// The session whose output should be followed.
    pub(super) fn wanted(&self) -> Option<SessionId> {
        self.worker().and_then(|worker| worker.session_id.clone())
    }

    /// When the picture changes by itself: an age on it that becomes a minute more. Nothing if it has none.
    pub(super) fn ticks_in(&self) -> Option<Duration> {
        let shown = match &self.page {
            Page::Main | Page::Convoy(_) | Page::Logs(_) | Page::Problems => &self.data.workers[..],
            Page::Costs | Page::Help => &[],
        };
        let left = |worker: &WorkerView| {
            let age_s = self.now.since(worker.started_at).as_secs().max(0);
            Duration::from_secs(60 - (age_s % 60).unsigned_abs())
        };
        shown.iter().map(left).min()
    }

    /// Types into the search.
    pub(super) fn type_search(&mut self, c: char) {
        if self.search.chars().count() < SEARCH_CHARS_MAX {
            self.search.push(c);
        }
    }
}
