//! What every handler has: the service, the workspace's files, the secret.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::FromRef;
use convoy_api::{Failure, Outcome, Service};
use convoy_core::command::Request;
use convoy_engine::os::spawn::Environment;
use convoy_engine::workspace::Workspace;

use super::api::Counters;
use super::guard::Strangers;
use super::secret::Secret;
use super::stream::Streams;
use super::take::Caller;
use super::tasks;
use crate::ask;

/// What every handler has. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Site(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) service: Arc<dyn Service + Send + Sync>,
    pub(super) workspace: Workspace,
    pub(super) env: Environment,
    pub(super) secret: Secret,
    pub(super) streams: Streams,
    pub(super) counters: Counters,
    pub(super) strangers: Strangers,
    /// What may stand in `Host`, in lower case.
    pub(super) hosts: BTreeSet<String>,
}

impl Site {
    /// Asks the service something.
    ///
    /// # Errors
    /// What the service says.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn Service) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let service = Arc::clone(&self.0.service);
        tasks::blocking(move || ask(service.as_ref())).await
    }

    /// Has something done, on behalf of the person.
    ///
    /// # Errors
    /// What the service says.
    pub(crate) async fn order(&self, request: Request, key: Option<String>) -> Result<Outcome, Failure> {
        self.act(request, Caller { actor: None, key }).await
    }

    /// Has something done, on behalf of whoever asks.
    ///
    /// # Errors
    /// What the service says.
    pub(super) async fn act(&self, request: Request, caller: Caller) -> Result<Outcome, Failure> {
        let order = caller.order(request);
        self.ask(move |service| service.order(order)).await
    }

    /// Has something made, and asks what it is like; also whether it was made now.
    ///
    /// # Errors
    /// What the service says.
    pub(super) async fn make<T: Send + 'static>(
        &self,
        request: Request,
        caller: Caller,
        show: impl FnOnce(&dyn Service, &str) -> Result<T, Failure> + Send + 'static,
    ) -> Result<(T, bool), Failure> {
        let order = caller.order(request);
        self.ask(move |service| {
            let (outcome, value) = ask::after(service, order, show)?;
            Ok((value, outcome.items.first().is_some_and(|item| item.changed)))
        })
        .await
    }

    /// What streams share.
    pub(super) fn streams(&self) -> &Streams {
        &self.0.streams
    }

    /// What was asked for so far.
    pub(super) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// Where the files are.
    pub(crate) fn workspace(&self) -> &Workspace {
        &self.0.workspace
    }

    /// The environment of the engine.
    pub(crate) fn env(&self) -> &Environment {
        &self.0.env
    }

    /// Under which names a port may be called: its address, `localhost` where it is this machine's own, and what the
    /// configuration names, which is with any port if it is without one.
    pub(super) fn hosts(address: Option<SocketAddr>, more: &[String]) -> BTreeSet<String> {
        let mut hosts: BTreeSet<String> = more.iter().map(|host| host.to_lowercase()).collect();
        if let Some(address) = address {
            hosts.insert(address.to_string());
            if address.ip().is_loopback() {
                hosts.insert(format!("localhost:{}", address.port()));
            }
        }
        hosts
    }
}

impl FromRef<Site> for Secret {
    fn from_ref(site: &Site) -> Self {
        site.0.secret.clone()
    }
}
