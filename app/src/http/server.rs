//! The server: one thread with its runtime; callers from the port and from the engine's socket; what is where.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use aide::axum::ApiRouter;
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router, middleware};
use convoy_api::query::EngineView;
use convoy_engine::face::{Opened, Shown};
use convoy_engine::tasks::{self as threads, Kind};
use futures_util::future::{Either, select};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::Error;
use super::guard::{self, Way};
use super::leaving::Leaving;
use super::patient::Patient;
use super::secret::Secret;
use super::site::{Inner, Site};
use super::stream::{self, Streams};
use super::{api, assets, pages, tasks};
use crate::ask;

/// How many callers are served at once, watchers with them; more wait in the port's own queue.
const CALLERS_MAX: u32 = 4096;
/// How many files that needs: a caller has one, and the engine some for each agent.
const FILES_MAX: u64 = 2 * CALLERS_MAX as u64;
/// How long a caller may take to send the head of a request.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// The largest body, in bytes: an issue's text of 1 MiB, escaped, with room.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How many calls may block at once; more wait for a thread.
const BLOCKING_MAX: usize = 16;
/// How long a thread for such calls is kept while there are none.
const BLOCKING_KEPT: Duration = Duration::from_secs(10);
/// How long nobody is let in after somebody could not be.
const PAUSE: Duration = Duration::from_millis(200);

/// Shows an engine: serves its port and whoever comes by its socket, until it leaves.
pub(crate) fn face(opened: Opened) -> std::io::Result<Shown> {
    let Opened { service, watching, workspace, env, listener, hosts, token } = opened;
    let address = listener.as_ref().and_then(|listener| listener.local_addr().ok());
    let engine =
        ask::engine(service.as_ref()).map(|view| engine_name(&view)).map_err(std::io::Error::other)?;
    let (leaves, leaving) = Leaving::channel();
    let site = Site(Arc::new(Inner {
        hosts: Site::hosts(address, &hosts),
        secret: Secret::new(token, &engine),
        streams: Streams::new(watching, &workspace, leaving.clone()),
        counters: api::Counters::default(),
        strangers: guard::Strangers::default(),
        service,
        workspace,
        env,
    }));
    convoy_engine::os::process::allow_open_files(FILES_MAX);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(BLOCKING_MAX)
        .thread_keep_alive(BLOCKING_KEPT)
        .thread_name("http-call")
        .build()?;
    let places = Arc::new(Semaphore::new(CALLERS_MAX as usize));
    // To lay something around a router is to build it again: not for each connection.
    let router = router(site.clone());
    let at_port = router.clone().layer(Extension(Way::Port));
    let at_socket = router.layer(Extension(Way::Socket));
    let handle = runtime.handle().clone();
    let (kept, until) = (Arc::clone(&places), leaving.clone());
    if let Some(listener) = &listener {
        listener.set_nonblocking(true)?;
    }
    threads::start(Kind::Listener, move || {
        runtime.block_on(async move {
            // Those at the socket come by themselves.
            if let Some(Ok(listener)) = listener.map(tokio::net::TcpListener::from_std) {
                let ended = until.clone().come();
                select(pin!(accept(listener, at_port, kept, until)), pin!(ended)).await;
            }
            std::future::pending::<()>().await;
        });
    })?;
    let (entered, all) = (handle.clone(), Arc::clone(&places));
    let callers = Box::new(move |stream: std::os::unix::net::UnixStream| {
        let (router, places, leaving) = (at_socket.clone(), Arc::clone(&places), leaving.clone());
        let _entered = entered.enter();
        let taken = stream.set_nonblocking(true).and_then(|()| tokio::net::UnixStream::from_std(stream));
        let Ok(stream) = taken else { return };
        tasks::start(async move {
            if let Ok(place) = places.acquire_owned().await {
                serve(stream, router, place, leaving).await;
            }
        });
    });
    let leave = move |patience| {
        leaves.now();
        handle.block_on(async {
            let gone = async {
                let _ = all.acquire_many(CALLERS_MAX).await;
                site.streams().ended().await;
            };
            let _ = tokio::time::timeout(patience, gone).await;
        });
    };
    Ok(Shown { callers, leave: Box::new(leave) })
}

/// What tells an engine from the one before it.
pub(crate) fn engine_name(view: &EngineView) -> String {
    format!("{}@{}", view.pid, view.started_at)
}

async fn accept(listener: tokio::net::TcpListener, router: Router, places: Arc<Semaphore>, leaving: Leaving) {
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true);
                tasks::start(serve(stream, router.clone(), place, leaving.clone()));
            }
            // Out of descriptors: it is no use to ask again at once.
            Err(_) => {
                let _ = tokio::time::timeout(PAUSE, std::future::pending::<()>()).await;
            }
        }
    }
}

/// Serves one caller, request after request; of an engine that leaves, only what was asked for already.
async fn serve<S>(stream: S, router: Router, place: OwnedSemaphorePermit, leaving: Leaving)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = TowerToHyperService::new(router);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .serve_connection(TokioIo::new(Patient::new(stream)), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    // That a caller went away, or spoke no HTTP, is nobody's concern but its own.
    if let Either::Right(_) = select(connection.as_mut(), pin!(leaving.come())).await {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
    drop(place);
}

/// Whether anybody may see it who calls this machine by its name: what says nothing of the work.
pub(super) fn is_public(path: &str) -> bool {
    path == "/health" || path == "/login" || path.starts_with("/assets/")
}

/// What is where.
fn router(site: Site) -> Router {
    let pages =
        pages::router().route("/login", get(login)).route("/assets/{hash}/{name}", get(assets::serve));
    let api: ApiRouter<Site> = api::router().merge(stream::router());
    let mut document = aide::openapi::OpenApi::default();
    let api = api.finish_api_with(&mut document, api::describe);
    Router::new()
        .merge(api)
        .merge(pages)
        .fallback(nothing)
        .method_not_allowed_fallback(not_allowed)
        .layer(middleware::from_fn_with_state(site.clone(), api::counted))
        .layer(Extension(Arc::new(document)))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(site.clone(), guard::guard))
        .with_state(site)
}

async fn nothing(request: Request) -> Response {
    let path = request.uri().path().to_owned();
    Error::new(StatusCode::NOT_FOUND, "not_found", format!("there is nothing at {path}"))
        .hint("what there is for programs: /api/openapi.json")
        .response(request.headers())
}

async fn not_allowed(request: Request) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    Error::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "not_allowed",
        format!("{path} cannot be asked for by {method}"),
    )
    .response(request.headers())
}

#[derive(serde::Deserialize)]
struct Link {
    code: String,
}

/// Lets a browser in, once for each link. The page that follows is asked for by the answer itself, so that the cookie is
/// sent with it although the link was followed from elsewhere.
async fn login(State(site): State<Site>, Query(link): Query<Link>) -> Result<Response, Response> {
    let secret = &site.0.secret;
    if !secret.use_link(&link.code) {
        let stranger = site.0.strangers.answer("this link was used already, or is too old");
        return Err(stranger.instead("get a new one: convoy dashboard").page());
    }
    let (value, lasts) = secret.cookie().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())?;
    let cookie = format!(
        "{}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}",
        secret.cookie_name(),
        lasts.as_secs()
    );
    let headers = [(header::SET_COOKIE, cookie), (header::REFRESH, "0; url=/".to_owned())];
    Ok((headers, pages::welcome()).into_response())
}
