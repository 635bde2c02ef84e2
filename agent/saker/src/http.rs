//! `/metrics`, `/healthz`, `/readyz`, `/versions` (docs/metrics.md).

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, anyhow};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::{Registry, TEXT_FORMAT};
use saker_engine::loader::{BUILT_IN_PLUGINS, ENGINE_VERSION};
use serde_json::json;

use crate::health::Health;
use crate::metrics;

/// What the handlers answer from.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    /// Health of the agent.
    pub health: Health,
    /// Set when there is something to count.
    pub registry: OnceLock<Registry>,
}

/// Opens the listening socket, before anything else that could fail slowly.
///
/// # Errors
/// An address that is none, or one that is taken.
pub(crate) fn listen(address: &str) -> anyhow::Result<TcpListener> {
    let parsed: SocketAddr = address.parse().map_err(|_| {
        anyhow!(
            "http.listen_address {address:?} is not an IP address with a port; \
             write it like 127.0.0.1:8765"
        )
    })?;
    let listener = TcpListener::bind(parsed).with_context(|| {
        format!(
            "cannot listen on {parsed}; set http.listen_address to a free address and port, \
             or http.enabled to false"
        )
    })?;
    listener
        .set_nonblocking(true)
        .context("cannot use the listening socket")?;
    Ok(listener)
}

/// Serves until the runtime ends.
///
/// # Errors
/// When the socket fails.
pub(crate) async fn serve(listener: TcpListener, pages: Arc<Pages>) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    axum::serve(listener, router(pages)).await
}

fn router(pages: Arc<Pages>) -> Router {
    Router::new()
        .route("/metrics", get(metrics_page))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/versions", get(versions))
        .with_state(pages)
}

async fn metrics_page(State(pages): State<Arc<Pages>>) -> Response {
    let Some(registry) = pages.registry.get() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "the agent is starting\n").into_response();
    };
    match metrics::encode(registry) {
        Ok(page) => ([(header::CONTENT_TYPE, TEXT_FORMAT)], page).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")).into_response(),
    }
}

async fn healthz(State(pages): State<Arc<Pages>>) -> Response {
    status(pages.health.healthy().map(|()| json!({"status": "ok"})))
}

async fn readyz(State(pages): State<Arc<Pages>>) -> Response {
    let ready = pages.health.ready();
    status(ready.map(|driver| json!({"status": "ok", "driver": driver})))
}

fn status(result: Result<serde_json::Value, String>) -> Response {
    let (code, body) = match result {
        Ok(body) => (StatusCode::OK, body),
        Err(reason) => (
            StatusCode::SERVICE_UNAVAILABLE,
            json!({"status": "error", "reason": reason}),
        ),
    };
    (
        code,
        [(header::CONTENT_TYPE, "application/json")],
        format!("{body}\n"),
    )
        .into_response()
}

async fn versions() -> Response {
    let plugins = BUILT_IN_PLUGINS
        .iter()
        .map(|(name, version)| (*name, version.to_string()));
    let body = json!({
        "saker_version": env!("CARGO_PKG_VERSION"),
        "abi_version": saker_abi::raw::SAKER_ABI_VERSION,
        "engine_version": ENGINE_VERSION.minor.to_string(),
        "engine_version_semver": ENGINE_VERSION.to_string(),
        "plugin_versions": plugins.collect::<BTreeMap<_, _>>(),
    });
    (
        [(header::CONTENT_TYPE, "application/json")],
        format!("{body}\n"),
    )
        .into_response()
}
