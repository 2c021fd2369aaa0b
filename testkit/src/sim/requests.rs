//! What people ask for, and the clients that ask: again, with the same key, until they are answered.

use convoy_core::command::{BudgetScope, Request};
use convoy_core::decide::Command;
use convoy_core::event::IssueChange;
use convoy_core::issue::{CloseReason, DependencyType, IssueType};
use convoy_core::money::Money;
use convoy_core::state::State;

use super::Sim;
use super::driver::Input;
use super::queue::Happening;

/// A client with one request, which is made up when it is first handled.
pub(super) struct Client {
    request: Option<Request>,
    /// What sort of request, for those that set the scene.
    scene: Option<Scene>,
    sent: bool,
    answered: bool,
}

#[derive(Clone, Copy)]
enum Scene {
    Issue,
    Depends,
    Convoy,
    Template,
}

impl Sim {
    /// Makes issues and convoys, and spreads the other requests over time.
    pub(super) fn set_the_scene(&mut self) {
        self.starting_since = Some(0);
        self.queue.push(0, Happening::Restart);
        self.plan_faults();
        let issues = self.rng.u64(2..=4);
        for n in 0..issues {
            self.client(Some(Scene::Issue), 200 + 10 * n);
        }
        for n in 0..self.rng.u64(0..=2) {
            self.client(Some(Scene::Depends), 300 + 10 * n);
        }
        for n in 0..self.rng.u64(1..=2) {
            self.client(Some(Scene::Convoy), 400 + 10 * n);
        }
        for n in 0..self.rng.u64(0..=1) {
            self.client(Some(Scene::Template), 500 + 10 * n);
        }
        let count = self.rng.usize(0..=self.options.requests.max(1)).min(self.options.requests);
        for _ in 0..self.rng.u64(0..=2) {
            let at = self.rng.u64(500..90_000);
            self.queue.push(at, Happening::Patrol);
        }
        for _ in 0..count {
            let at = self.rng.u64(500..90_000);
            self.client(None, at);
        }
    }

    fn client(&mut self, scene: Option<Scene>, at: u64) {
        self.clients.push(Client { request: None, scene, sent: false, answered: false });
        self.queue.push(at, Happening::Ask(self.clients.len() - 1));
    }

    /// A client sends its request, or waits for an engine.
    pub(super) fn ask(&mut self, client: usize) {
        if self.clients[client].answered {
            return;
        }
        if self.engine.is_some() {
            self.clients[client].sent = true;
            self.receive(Input::Ask(client));
        } else {
            self.soon(500, 1_500, Happening::Ask(client));
        }
    }

    pub(super) fn answer_clients(&mut self, clients: &[usize]) {
        for client in clients {
            self.clients[*client].answered = true;
        }
    }

    /// Clients whose answer was lost ask again, with the same key.
    pub(super) fn unanswered(&mut self) {
        for client in 0..self.clients.len() {
            if self.clients[client].sent && !self.clients[client].answered {
                self.soon(100, 3_000, Happening::Ask(client));
            }
        }
    }

    pub(super) fn request_of(&mut self, client: usize, state: &State) -> (Command, String) {
        if self.clients[client].request.is_none() {
            let request = match self.clients[client].scene {
                Some(Scene::Issue) => self.create_issue(state),
                Some(Scene::Depends) => self.depend(state),
                Some(Scene::Template) => self.start_template(),
                Some(Scene::Convoy) => self.create_convoy(state),
                None => self.any(state),
            };
            self.clients[client].request = Some(request);
        }
        let request = self.clients[client].request.clone().expect("it was just made");
        (Command::Request(request), format!("client-{client}"))
    }

    fn issue(&mut self, state: &State) -> String {
        let count = state.issues.len();
        let id = (count > 0).then(|| state.issues.keys().nth(self.rng.usize(0..count))).flatten();
        id.map_or_else(|| "hq-none".into(), ToString::to_string)
    }

    fn convoy(&mut self, state: &State) -> String {
        let count = state.convoys.len();
        let id = (count > 0).then(|| state.convoys.keys().nth(self.rng.usize(0..count))).flatten();
        id.map_or_else(|| "hq-cv-none".into(), ToString::to_string)
    }

    fn some_issues(&mut self, state: &State) -> Vec<String> {
        (0..self.rng.u32(1..=3)).map(|_| self.issue(state)).collect()
    }

    fn create_issue(&mut self, state: &State) -> Request {
        let needs = if self.rng.u32(0..4) == 0 { vec![self.issue(state)] } else { Vec::new() };
        let rig = (self.rng.u32(0..4) == 0).then(|| "tools".to_owned());
        let epic = self.rng.u32(0..25) == 0;
        Request::IssueCreate {
            id: None,
            rig,
            title: "something".into(),
            body: String::new(),
            issue_type: if epic { IssueType::Epic } else { IssueType::Task },
            priority: self.rng.u8(0..=4),
            labels: Vec::new(),
            parent: None,
            needs: needs.into_iter().filter(|id| id != "hq-none").collect(),
            acceptance: Vec::new(),
        }
    }

    fn depend(&mut self, state: &State) -> Request {
        let kinds = [DependencyType::Blocks, DependencyType::Blocks, DependencyType::Related];
        let kind = self.rng.choice(kinds).unwrap_or(DependencyType::Blocks);
        Request::DependencyAdd { id: self.issue(state), needs: self.issue(state), kind }
    }

    fn create_convoy(&mut self, state: &State) -> Request {
        let notify = (0..self.rng.u32(0..3)).map(|n| ["mayor/", "overseer"][n as usize % 2].to_owned());
        let max_parallel = (self.rng.u32(0..3) == 0).then(|| self.rng.u32(1..=2));
        Request::ConvoyCreate {
            name: "work".into(),
            issues: self.some_issues(state),
            owner: None,
            notify: notify.collect(),
            merge: None,
            base: None,
            max_parallel,
            start: self.rng.u32(0..5) != 0,
            from_epic: None,
            epic: None,
            owned: self.rng.u32(0..12) == 0,
            due: None,
            budget: (self.rng.u32(0..4) == 0).then(|| self.amount()),
        }
    }

    /// What some agents spend at once, and others never.
    fn amount(&mut self) -> Money {
        Money::from_micros(self.rng.i64(1..=30) * 10_000)
    }

    fn close(&mut self, state: &State) -> Request {
        let ids = self.some_issues(state);
        Request::IssueClose { ids, reason: CloseReason::Dropped, duplicate_of: None, note: None }
    }

    fn sling(&mut self, state: &State) -> Request {
        Request::Sling {
            issues: self.some_issues(state),
            target: None,
            agent: None,
            model: None,
            base: None,
            no_convoy: self.rng.u32(0..5) == 0,
            force: false,
            budget: None,
        }
    }

    fn stage(&mut self, state: &State) -> Request {
        let what = if self.rng.bool() { self.some_issues(state) } else { vec![self.convoy(state)] };
        Request::Stage {
            what,
            title: None,
            owner: None,
            notify: Vec::new(),
            merge: None,
            base: None,
            max_parallel: None,
            launch: self.rng.bool(),
            force: self.rng.bool(),
        }
    }

    fn any(&mut self, state: &State) -> Request {
        match self.rng.u32(0..39) {
            35 => self.start_template(),
            36 => Request::ConvoyStop { convoy: self.convoy(state) },
            37 => Request::ConvoySynthesize { convoy: self.convoy(state), apply: false },
            24 => Request::ConvoyRemove { convoy: self.convoy(state), issues: self.some_issues(state) },
            25..=26 => Request::ConvoyReopen { convoy: self.convoy(state) },
            27 => Request::ConvoyLand { convoy: self.convoy(state) },
            28 => Request::ConvoyWatch { convoy: self.convoy(state), address: Some("eve".into()) },
            29 => Request::ConvoyUnwatch { convoy: self.convoy(state), address: Some("eve".into()) },
            30 => self.stage(state),
            31 => {
                let what = vec![if self.rng.bool() { self.convoy(state) } else { self.issue(state) }];
                Request::Launch { what, force: self.rng.bool() }
            }
            32..=33 => {
                let scope = BudgetScope::Convoy(self.convoy(state));
                Request::BudgetSet { scope, amount: Some(self.amount()) }
            }
            34 => {
                let scope = BudgetScope::Worker(self.issue(state));
                let amount = self.rng.bool().then(|| self.amount());
                Request::BudgetSet { scope, amount }
            }
            0..=2 => self.sling(state),
            3..=4 => self.close(state),
            5..=6 => Request::IssueReopen { ids: vec![self.issue(state)] },
            7..=8 => self.create_convoy(state),
            9..=10 => Request::ConvoyAdd { convoy: self.convoy(state), issues: self.some_issues(state) },
            11 => Request::ConvoyStart { convoy: self.convoy(state) },
            12 => Request::ConvoyCheck { convoy: None },
            13 => Request::ConvoyClose { convoy: self.convoy(state), reason: None, notify: vec!["x".into()] },
            14..=16 => Request::WorkStop { issue: self.issue(state) },
            17..=18 => Request::WorkRetry { issue: self.issue(state) },
            19 => Request::WorkRelease { issue: self.issue(state) },
            20 => self.depend(state),
            21 => Request::DependencyRemove { id: self.issue(state), needs: self.issue(state) },
            22 => Request::Assign {
                issue: self.issue(state),
                convoy: self.convoy(state),
                agent: None,
                model: None,
                budget: None,
            },
            _ => match state.notices.keys().next() {
                Some(notice) if self.rng.bool() => Request::MailRead { notice: notice.to_string() },
                _ => Request::IssueUpdate {
                    ids: vec![self.issue(state)],
                    change: IssueChange { priority: Some(self.rng.u8(0..=4)), ..IssueChange::default() },
                },
            },
        }
    }
}

impl Client {
    pub(super) fn is_answered(&self) -> bool {
        self.answered
    }
}
