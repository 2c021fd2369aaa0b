//! What keys do: one table, and what each deed changes or asks for.
//!
//! Nothing is decided here that the engine decides: whether a worker can be stopped is for it to say.

use convoy_core::command::Request;
use convoy_core::id::{IssueId, SessionId};

use super::key::Key;
use super::model::{List, Model, Moves, Page, Pane, Prompt, Said, Scroll};
use crate::text;

/// How far a page of a list or text goes.
const PAGE_ROWS: usize = 10;

/// What a key does while no line is being typed and nobody is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Deed {
    Down,
    Up,
    PageDown,
    PageUp,
    First,
    Last,
    NextPane,
    PaneBefore,
    Open,
    Back,
    Logs,
    Stop,
    Retry,
    Check,
    Search,
    Problems,
    Costs,
    Engine,
    Help,
    Quit,
}

/// The keys.
pub(super) const KEYS: &[(Key, Deed)] = &[
    (Key::Char('j'), Deed::Down),
    (Key::Down, Deed::Down),
    (Key::Char('k'), Deed::Up),
    (Key::Up, Deed::Up),
    (Key::PageDown, Deed::PageDown),
    (Key::Char(' '), Deed::PageDown),
    (Key::PageUp, Deed::PageUp),
    (Key::Char('b'), Deed::PageUp),
    (Key::Char('g'), Deed::First),
    (Key::Home, Deed::First),
    (Key::Char('G'), Deed::Last),
    (Key::End, Deed::Last),
    (Key::Tab, Deed::NextPane),
    (Key::Right, Deed::NextPane),
    (Key::BackTab, Deed::PaneBefore),
    (Key::Left, Deed::PaneBefore),
    (Key::Enter, Deed::Open),
    (Key::Esc, Deed::Back),
    (Key::Backspace, Deed::Back),
    (Key::Char('l'), Deed::Logs),
    (Key::Char('s'), Deed::Stop),
    (Key::Char('r'), Deed::Retry),
    (Key::Char('c'), Deed::Check),
    (Key::Char('/'), Deed::Search),
    (Key::Char('p'), Deed::Problems),
    (Key::Char('$'), Deed::Costs),
    (Key::Char('u'), Deed::Engine),
    (Key::Char('?'), Deed::Help),
    (Key::Char('q'), Deed::Quit),
];

/// What only the world can do.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Wish {
    /// Leave.
    Quit,
    /// Have something done that was confirmed.
    Order { request: Box<Request>, done: &'static str },
    /// Bring the engine up.
    Up,
    /// Look on while an agent works, in its terminal if it has one, else at its output.
    Watch { session: SessionId, issue: IssueId },
}

impl Model {
    /// Takes a key.
    pub(super) fn press(&mut self, key: Key) -> Option<Wish> {
        if key == Key::Ctrl('c') {
            return Some(Wish::Quit);
        }
        // What is pasted by mistake stops nobody, and answers nothing.
        if let Key::Pasted(c) = key {
            if self.prompt == Prompt::Search {
                self.type_search(c);
            }
            return None;
        }
        match std::mem::replace(&mut self.prompt, Prompt::Keys) {
            Prompt::Search => {
                self.search_key(key);
                None
            }
            Prompt::Confirm { question, request, done } => match key {
                Key::Char('y' | 'Y') => {
                    self.busy = true;
                    Some(Wish::Order { request, done })
                }
                Key::Char('n' | 'N' | 'q') | Key::Esc => {
                    self.said = Some(Said::good("Nothing was changed."));
                    None
                }
                // Whatever else was pressed is no answer.
                _ => {
                    self.prompt = Prompt::Confirm { question, request, done };
                    None
                }
            },
            Prompt::Keys => {
                self.said = None;
                let deed = KEYS.iter().find(|(known, _)| *known == key).map(|(_, deed)| *deed)?;
                self.act(deed)
            }
        }
    }

    fn search_key(&mut self, key: Key) {
        self.prompt = Prompt::Search;
        match key {
            Key::Char(c) => self.type_search(c),
            Key::Backspace => drop(self.search.pop()),
            Key::Ctrl('u') => self.search.clear(),
            Key::Enter => self.prompt = Prompt::Keys,
            Key::Esc => {
                self.search.clear();
                self.prompt = Prompt::Keys;
            }
            Key::Down => drop(self.act(Deed::Down)),
            Key::Up => drop(self.act(Deed::Up)),
            _ => {}
        }
    }

    fn act(&mut self, deed: Deed) -> Option<Wish> {
        match deed {
            Deed::Down => self.go(1),
            Deed::Up => self.go(-1),
            Deed::PageDown => self.go(PAGE_ROWS.cast_signed()),
            Deed::PageUp => self.go(-PAGE_ROWS.cast_signed()),
            Deed::First => self.go(isize::MIN),
            Deed::Last => self.go(isize::MAX),
            Deed::NextPane => self.turn(1),
            Deed::PaneBefore => self.turn(Pane::ALL.len() - 1),
            Deed::Open => return self.open(),
            Deed::Back => self.back(),
            Deed::Logs => match self.worker().map(|worker| worker.issue_id.clone()) {
                Some(issue) => self.visit(Page::Logs(issue)),
                None => self.nobody(),
            },
            Deed::Stop => self.ask_to_stop(),
            Deed::Retry => self.ask_to_retry(),
            Deed::Check => self.ask_to_check(),
            Deed::Search => self.prompt = Prompt::Search,
            Deed::Problems => self.visit(Page::Problems),
            Deed::Costs => self.visit(Page::Costs),
            Deed::Help => self.visit(Page::Help),
            Deed::Engine if self.link == super::model::Link::Up => {
                self.said = Some(Said::good("The engine is up."));
            }
            Deed::Engine => {
                self.busy = true;
                return Some(Wish::Up);
            }
            Deed::Quit => return Some(Wish::Quit),
        }
        None
    }

    fn go(&mut self, rows: isize) {
        match self.moves() {
            Moves::Select(list) => {
                let at = self.at(list).unwrap_or(0);
                self.select(list, at.saturating_add_signed(rows));
            }
            // Down is towards the end, from which such a text is counted.
            Moves::Back(text) => {
                let back = self.scrolled(text).saturating_add_signed(rows.saturating_neg());
                self.scroll(text, back);
            }
            Moves::Down(text) => {
                let down = self.scrolled(text).saturating_add_signed(rows);
                self.scroll(text, if rows == isize::MAX { 0 } else { down });
            }
        }
    }

    fn turn(&mut self, by: usize) {
        if self.page != Page::Main {
            return;
        }
        let at = Pane::ALL.iter().position(|pane| *pane == self.pane).unwrap_or(0);
        self.pane = Pane::ALL[(at + by) % Pane::ALL.len()];
    }

    /// Opens a page; the same key again closes it.
    pub(super) fn visit(&mut self, page: Page) {
        if self.page == page {
            self.back();
            return;
        }
        if matches!(page, Page::Costs | Page::Help) {
            self.scroll(if page == Page::Help { Scroll::Help } else { Scroll::Costs }, 0);
        }
        // What was searched for stood in another list.
        self.search.clear();
        let left = std::mem::replace(&mut self.page, page.clone());
        self.before.retain(|before| *before != page && *before != left);
        self.before.push(left);
    }

    fn back(&mut self) {
        if !self.search.is_empty() {
            self.search.clear();
        } else if let Some(page) = self.before.pop() {
            self.page = page;
        }
    }

    fn open(&mut self) -> Option<Wish> {
        if self.moves() == Moves::Select(List::Convoys)
            || (self.page == Page::Problems && self.convoy().is_some())
        {
            let id = self.convoy().map(|convoy| convoy.id.clone())?;
            self.select(List::Tracked, 0);
            self.visit(Page::Convoy(id));
            return None;
        }
        let reads = self.page == Page::Main && self.pane == Pane::Events;
        if reads || matches!(self.page, Page::Costs | Page::Help) {
            return None;
        }
        let Some(worker) = self.worker() else {
            self.nobody();
            return None;
        };
        let issue = worker.issue_id.clone();
        let Some(session) = worker.session_id.clone() else {
            self.said = Some(Said {
                text: format!("{issue} has had no session yet."),
                hint: Some(format!("see what it waits for: convoy why {issue}")),
                bad: false,
            });
            return None;
        };
        Some(Wish::Watch { session, issue })
    }

    fn nobody(&mut self) {
        let said = match self.issue() {
            Some(issue) => Said {
                text: format!("Nobody is at work on {issue}."),
                hint: Some(format!("what was printed before: convoy logs {issue}")),
                bad: false,
            },
            None => Said::good("Choose a worker first: Tab leads to the workers."),
        };
        self.said = Some(said);
    }

    fn ask_to_stop(&mut self) {
        if let Some(issue) = self.issue() {
            let question = format!("Stop the worker of {issue}? Its work is kept, and r goes on with it.");
            self.confirm(question, Request::WorkStop { issue: issue.to_string() }, "Stopped");
        } else if let Some(convoy) = self.convoy() {
            let (id, title) = (convoy.id.to_string(), text::cut(&convoy.title, 40));
            let what = if convoy.template.is_some() { "It is over then." } else { "Work is kept." };
            let question = format!("Stop every agent of {id} ({title})? {what}");
            self.confirm(question, Request::ConvoyStop { convoy: id }, "Stopped convoy");
        } else {
            self.said = Some(Said::good("Choose a worker or a convoy to stop."));
        }
    }

    fn ask_to_retry(&mut self) {
        match self.issue() {
            Some(issue) => {
                let question = format!("Let {issue} be worked on again?");
                self.confirm(question, Request::WorkRetry { issue: issue.to_string() }, "Retrying");
            }
            None => {
                self.said =
                    Some(Said::good("Choose a worker or an issue to retry: Tab, or Enter on a convoy."));
            }
        }
    }

    fn ask_to_check(&mut self) {
        let convoy = self.convoy().map(|convoy| convoy.id.to_string());
        let question = match &convoy {
            Some(id) => format!("Land {id} if all of its issues are closed?"),
            None => "Land every convoy whose issues are all closed?".to_owned(),
        };
        self.confirm(question, Request::ConvoyCheck { convoy }, "Landed");
    }

    fn confirm(&mut self, question: String, request: Request, done: &'static str) {
        self.prompt = Prompt::Confirm { question, request: Box::new(request), done };
    }
}
