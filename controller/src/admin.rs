//! The admin API (`mimiq.admin.v1`): gRPC with TLS, for operators' certificates only.
//!
//! What is asked is answered from the core, behind its lock for a moment at a time, and from the switches beside their
//! sessions. Whoever changes something is logged by name.
#![allow(clippy::result_large_err)] // tonic's services and interceptors return `Result<_, Status>`

mod clients;
mod doors;
mod dump;
mod leases;
mod network;
mod page;
mod render;
mod server;

use std::{future::Future, io, net::SocketAddr, sync::Arc};

use mimiq_api::admin::{DESCRIPTORS, admin_server::AdminServer};
use tokio::{net::TcpListener, time::Instant};
use tonic::{service::interceptor::InterceptedService, transport::Server};

use crate::{advise::Advisor, live::Live};

pub(crate) use doors::Doors;

/// Why the admin API is not served.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The address cannot be bound.
    #[error(transparent)]
    Bind(#[from] io::Error),
    /// The interface's own description is damaged.
    #[error("reflection")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The contract's own description is damaged.
    #[error("p4info")]
    P4Info(#[from] p4runtime::TextError),
}

/// What the API is about.
pub(crate) struct Admin {
    live: Arc<Live>,
    advisor: Arc<Advisor>,
    start: Instant,
    names: render::Names,
}

/// Binds the address and serves there, for ever.
///
/// # Errors
/// If it cannot be bound.
pub(crate) fn serve(
    address: SocketAddr,
    live: Arc<Live>,
    advisor: Arc<Advisor>,
) -> Result<impl Future<Output = ()> + use<>, AdminError> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let doors = live.doors.clone();
    let reflection =
        tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(DESCRIPTORS).build_v1()?;
    let admin = Admin { live, advisor, start: Instant::now(), names: render::Names::new()? };
    let checks = |doors: Arc<Doors>| move |request| doors.check(request);
    let routes = Server::builder()
        .add_service(AdminServer::with_interceptor(admin, checks(doors.clone())))
        .add_service(InterceptedService::new(reflection, checks(doors.clone())));
    Ok(async move {
        if let Err(error) = routes.serve_with_incoming(doors.incoming(listener)).await {
            tracing::error!(%error, "the admin API has ended");
        }
    })
}
