//! The admin API and `mimiqctl`, against a running controller and real switches.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests count as no tests

mod changes;
#[path = "../common/mod.rs"]
mod common;
mod interface;
mod leases;
mod network;

use std::{fs, net::SocketAddr, path::PathBuf, process::Output};

use common::{Network, Options};
use mimiq_api::admin::admin_client::AdminClient;
use mimiq_controller::{Controller, pki};
use serde_json::Value;
use tokio::process::Command;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

/// A network whose controller serves the admin API.
struct Managed {
    network: Network,
    controller: Controller,
    admin: SocketAddr,
}

impl Managed {
    async fn start(options: Options) -> Self {
        let mut network = Network::start(options).await;
        let admin = SocketAddr::from((common::loopback(), 9572));
        network.edit("state_file: state.redb\n", &format!("state_file: state.redb\nadmin: '{admin}'\n"));
        network.edit("key: pki/controller.key}", "key: pki/controller.key, crl: pki/crl.pem}");
        let controller = network.controller().await;
        Self { network, controller, admin }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.network.pki().join(name)
    }

    async fn run_as(&self, operator: &str, arguments: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mimiqctl"));
        command.env_clear().env("MIMIQ_SERVER", self.admin.to_string()).env("MIMIQ_PKI", self.network.pki());
        command.env("MIMIQ_CERT", self.file(&format!("{operator}.pem")));
        command.env("MIMIQ_KEY", self.file(&format!("{operator}.key")));
        command.args(arguments.split_whitespace()).kill_on_drop(true).output().await.unwrap()
    }

    /// The admin API itself.
    async fn connect(&self) -> AdminClient<Channel> {
        AdminClient::new(self.channel().await)
    }

    async fn channel(&self) -> Channel {
        let read = |name: &str| fs::read(self.file(name)).unwrap();
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(read("ca.pem")))
            .identity(Identity::from_pem(read("operator.pem"), read("operator.key")))
            .domain_name(pki::SERVER_NAME);
        let endpoint = Endpoint::from_shared(format!("https://{}", self.admin)).unwrap().tls_config(tls).unwrap();
        endpoint.connect().await.unwrap()
    }

    /// What `mimiqctl` prints; it must succeed.
    async fn ctl(&self, arguments: &str) -> String {
        let output = self.run_as("operator", arguments).await;
        assert!(output.status.success(), "{arguments}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    async fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.ctl(&format!("--json {arguments}")).await).unwrap()
    }

    /// Its message when it fails.
    async fn refusal(&self, operator: &str, arguments: &str) -> String {
        let output = self.run_as(operator, arguments).await;
        assert_eq!(output.status.code(), Some(1), "{arguments}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}
