//! The admin API and `mimiqctl`, against a running controller and real switches.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests count as no tests

mod common;

use std::{fs, net::SocketAddr, path::PathBuf, process::Output};

use common::{Network, Options, eventually};
use mimiq_api::{
    admin::{AdviseRequest, Lease, LeaseState, ListLeasesRequest, admin_client::AdminClient},
    allocation::server_push::Push,
};
use mimiq_contract::{Entry, MacAddr, PortId, tables::*};
use mimiq_controller::{Controller, pki};
use p4runtime::v1::{CounterData, TableEntry, update::Type};
use serde_json::{Value, json};
use tokio::process::Command;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

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

#[tokio::test]
async fn operators_see_clients_and_leases_and_end_them() {
    let managed = Managed::start(Options::default()).await;
    let alice = managed.network.client("alice", 1, 1).await;
    let bob = managed.network.client("bob", 2, 1).await;
    let (of_alice, of_bob) = (alice.acquire(3).await, bob.acquire(2).await);

    let clients = managed.json("clients list").await;
    let rows = clients["clients"].as_array().unwrap();
    let shown: Vec<_> = rows.iter().map(|row| (row["name"].clone(), row["location"]["switch"].clone())).collect();
    assert_eq!(shown, [(json!("alice"), json!("access1")), (json!("bob"), json!("access2"))]);
    let text = managed.ctl("clients show alice").await;
    assert!(of_alice.iter().all(|address| text.contains(&address.to_string())), "{text}");

    let listed = |list: Value| {
        let mut addresses: Vec<String> =
            list["leases"].as_array().unwrap().iter().map(|row| row["address"].as_str().unwrap().to_owned()).collect();
        addresses.sort();
        addresses
    };
    let sorted = |addresses: &[std::net::Ipv6Addr]| {
        let mut addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        addresses.sort();
        addresses
    };
    assert_eq!(listed(managed.json("leases list").await), sorted(&[of_alice.clone(), of_bob.clone()].concat()));
    for filter in
        ["--client alice", "--switch access1", "--client alice --pool home --state leased --prefix 2001:db8:100::/48"]
    {
        assert_eq!(listed(managed.json(&format!("leases list {filter}")).await), sorted(&of_alice), "{filter}");
    }
    for filter in ["--pool legacy", "--state grace", "--prefix 2001:db8:200::/48"] {
        assert_eq!(listed(managed.json(&format!("leases list {filter}")).await), [""; 0], "{filter}");
    }
    let one = format!("leases list --prefix {}", of_bob[0]);
    assert_eq!(listed(managed.json(&one).await), [of_bob[0].to_string()]);
    assert_eq!(listed(managed.json("leases list --limit 4").await).len(), 4);

    let revoked = managed.ctl(&format!("leases revoke {} 2001:db8:100::1", of_alice[0])).await;
    assert_eq!(revoked, "1 addresses revoked\n2001:db8:100::1: is not leased\n");
    let Push::Revoke(push) = alice.pushed().await else { panic!("another push") };
    assert_eq!(push.addresses, [of_alice[0].octets().to_vec()]);
    assert_eq!(managed.ctl("clients revoke bob --close").await, "2 addresses revoked, 1 connections closed\n");
    bob.connection.closed().await;
    let grace = managed.json("leases list --state grace").await;
    assert_eq!(listed(grace), sorted(&[vec![of_alice[0]], of_bob].concat()));
    managed.controller.stop().await;
}

#[tokio::test]
async fn lists_come_in_pages() {
    let managed = Managed::start(Options { quota: 64, ..Options::default() }).await;
    let alice = managed.network.client("alice", 1, 1).await;
    alice.acquire(50).await;
    let mut server = managed.connect().await;
    let mut request = ListLeasesRequest { page_size: 20, client: "alice".into(), ..Default::default() };
    let (mut sizes, mut addresses) = (Vec::new(), std::collections::BTreeSet::new());
    loop {
        let page = server.list_leases(request.clone()).await.unwrap().into_inner();
        sizes.push(page.leases.len());
        addresses.extend(page.leases.into_iter().map(|lease| lease.address));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
        // Only good for this list.
        let other = ListLeasesRequest { client: String::new(), ..request.clone() };
        let refused = server.list_leases(other).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    }
    assert_eq!((sizes.iter().sum::<usize>(), addresses.len()), (50, 50));
    assert!(sizes.iter().all(|size| *size <= 20), "{sizes:?}");
    let unknown = ListLeasesRequest { client: "nobody".into(), ..Default::default() };
    let refused = server.list_leases(unknown).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (tonic::Code::NotFound, "client: nobody: is unknown"));
    managed.controller.stop().await;
}

#[tokio::test]
async fn pools_switches_and_aliases_are_listed_and_switches_drained() {
    let managed = Managed::start(Options { t_ip: "2s", ..Options::default() }).await;
    let alice = managed.network.client("alice", 1, 1).await;
    alice.acquire(3).await;
    let status = managed.json("status").await;
    assert_eq!(
        (&status["ready"], &status["synced_switches"], &status["occupancy"]["leased"]),
        (&json!(true), &json!(4), &json!(3))
    );
    let pools = managed.json("pools list").await;
    assert_eq!((&pools["pools"][0]["name"], &pools["pools"][0]["occupancy"]["leased"]), (&json!("home"), &json!(3)));
    assert_eq!((&pools["pools"][1]["codec"], &pools["pools"][1]["capacity"]), (&json!("naive"), &json!(131_070.0)));
    // Four of each of two switches.
    let aliases = managed.json("aliases list").await;
    let states: Vec<_> = aliases["aliases"].as_array().unwrap().iter().map(|row| row["state"].clone()).collect();
    assert_eq!(states, vec![json!("ALIAS_STATE_USABLE"); 8]);

    let switches = managed.json("switches list").await;
    for row in switches["switches"].as_array().unwrap() {
        let name = row["name"].as_str().unwrap();
        let dump = managed.json(&format!("table dump {name}")).await;
        assert_eq!(row["entries"], dump["rows"].as_array().unwrap().len(), "{name}");
        assert_eq!((&row["state"], &row["last_error"]), (&json!("SWITCH_STATE_SYNCED"), &json!("")), "{name}");
    }
    let drained = managed.ctl("switches drain access1").await;
    assert!(drained.starts_with("access1: draining: 3 leased"), "{drained}");
    assert!(alice.try_acquire(1).await.is_err());
    let drain_state = async || managed.json("switches list").await["switches"][0]["drain_state"].clone();
    eventually("the last leases have ended", drain_state, |state| state == "DRAIN_STATE_DRAINED").await;
    managed.ctl("switches undrain access1").await;
    eventually("new aliases", async || alice.try_acquire(1).await, Result::is_ok).await.unwrap();
    assert!(managed.refusal("operator", "switches drain nowhere").await.contains("name: nowhere: is unknown"));
    managed.controller.stop().await;
}

#[tokio::test]
async fn a_table_is_shown_beside_what_is_wanted() {
    let managed = Managed::start(Options::default()).await;
    let alice = managed.network.client("alice", 1, 1).await;
    let address = alice.acquire(1).await[0];
    let rows = managed.json("table dump access1 client_v6").await;
    let row = &rows["rows"][0];
    assert_eq!((&row["state"], &row["key"]), (&json!("STATE_SAME"), &json!(format!("dst_addr={address}"))));
    assert!(row["actual"].as_str().unwrap().starts_with("deliver_v6 port=1 mac="), "{row}");
    // Somebody else meddles with the switch.
    let other = ClientV6Key { dst_addr: "2001:db8:100::7".parse().unwrap() };
    let mine = ClientV6Key { dst_addr: address };
    let deliver = |port| ClientV6Action::Deliver { port: PortId(port), mac: MacAddr([2, 0, 0, 0, 0, 9]) };
    let meddled = vec![
        (Type::Insert, Entry::ClientV6(other, deliver(1)).to_p4()),
        (Type::Modify, Entry::ClientV6(mine, deliver(2)).to_p4()),
    ];
    managed.network.access[0].meddle(meddled).await;
    let text = managed.ctl("table dump access1 --differences").await;
    let states: Vec<_> = text.lines().skip(1).map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!(states, ["only", "different"], "{text}");
    assert!(managed.refusal("operator", "table dump access1 nothing").await.contains("table: nothing: is unknown"));
    managed.controller.stop().await;
}

#[tokio::test]
async fn reloading_lets_switches_come_and_go() {
    let mut managed = Managed::start(Options::default()).await;
    let client = managed.network.client("alice", 2, 1).await;
    client.acquire(1).await;
    assert_eq!(managed.ctl("config reload").await, "nothing was changed\n");
    // The second edge switch goes, and limits change.
    managed.network.edit("addresses_per_client: 64", "addresses_per_client: 1");
    let without = managed.network.remove_last_switch();
    let changes = managed.ctl("config reload").await;
    assert_eq!(changes, "limits.addresses_per_client: 64 is 1 now\nswitches: edge1 removed\n");
    assert!(client.try_acquire(1).await.is_err());
    assert_eq!(managed.json("switches list").await["switches"].as_array().unwrap().len(), 3);
    managed.network.append(&without);
    managed.network.edit("addresses_per_client: 1,", "addresses_per_client: 5,");
    managed.ctl("config reload").await;
    let state = async || managed.json("switches list").await["switches"][3]["state"].clone();
    eventually("the edge switch is back", state, |state| state == "SWITCH_STATE_SYNCED").await;
    client.acquire(1).await;
    // What needs a restart is refused, and nothing is applied.
    managed.network.edit("t_remove: 1s", "t_remove: 2s");
    managed.network.edit("addresses_per_client: 5", "addresses_per_client: 1");
    let refused = managed.refusal("operator", "config reload").await;
    assert!(refused.contains("cannot be changed while the controller runs: timing.t_remove"), "{refused}");
    client.acquire(1).await;
    managed.network.edit("t_remove: 2s", "t_remove: 2 s");
    let refused = managed.refusal("operator", "config reload").await;
    assert!(refused.contains("timing.t_remove: \"2 s\" is no duration"), "{refused}");
    managed.controller.stop().await;
}

#[tokio::test]
async fn the_revoked_are_closed_and_kept_out() {
    let managed = Managed::start(Options::default()).await;
    let alice = managed.network.client("alice", 1, 1).await;
    let bob = managed.network.client("bob", 1, 2).await;
    pki::enrol(&managed.network.pki(), pki::Kind::Operator, "olga").unwrap();
    assert!(managed.run_as("olga", "status").await.status.success());
    let keep =
        ["alice.pem", "alice.key", "olga.pem", "olga.key"].map(|name| (name, fs::read(managed.file(name)).unwrap()));
    for name in ["alice", "olga"] {
        pki::revoke(&managed.network.pki(), name).unwrap();
    }
    for (name, bytes) in keep {
        fs::write(managed.file(name), bytes).unwrap();
    }
    let changes = managed.ctl("config reload").await;
    assert_eq!(changes, "pki.crl: 2 certificates are revoked, 1 connections closed\n");
    let closed = alice.connection.closed().await;
    assert!(closed.to_string().contains("the certificate is revoked"), "{closed}");
    let at = managed.network.relays[0].attach(1).await;
    let again = match common::client::Client::connect(&managed.network.pki(), "alice", at).await {
        // TLS 1.3: the client hears of the refusal after its own part of the handshake.
        Ok(client) => client.connection.closed().await,
        Err(error) => error,
    };
    assert!(again.to_string().contains("Revoked"), "{again}");
    bob.acquire(1).await;
    let refused = managed.refusal("olga", "status").await;
    assert!(refused.contains("CertificateRevoked"), "{refused}");
    // Clients are no operators.
    let refused = managed.refusal("bob", "status").await;
    assert!(refused.contains("AccessDenied"), "{refused}");
    managed.controller.stop().await;
}

#[tokio::test]
async fn late_packets_are_seen() {
    let managed = Managed::start(Options { t_ip: "1s", t_remove: "4s", ..Options::default() }).await;
    let alice = managed.network.client("alice", 1, 1).await;
    let address = alice.acquire(1).await[0];
    let advice = managed.json("advise").await;
    assert_eq!((&advice["samples"], &advice["proposal"]), (&json!(0), &json!(null)));
    let server = managed.connect().await;
    let graced = async || {
        let request = ListLeasesRequest { state: LeaseState::Grace.into(), ..Default::default() };
        server.clone().list_leases(request).await.unwrap().into_inner().leases
    };
    let lease = eventually("the lease has ended", graced, |leases| !leases.is_empty()).await.remove(0);
    // In the last interval, as if packets had come: the switch's own counter says so from now on.
    let is_last = |lease: &Lease| lease.remaining_ms < 1400;
    assert!(!is_last(&lease), "{lease:?}");
    eventually("the last interval has begun", graced, |leases| leases.iter().all(is_last)).await;
    let access = &managed.network.access[0];
    let is_it = |entry: &Entry| matches!(entry, Entry::ClientV6(key, _) if key.dst_addr == address);
    let entry = access.entries().await.into_values().find(is_it).unwrap();
    let counter_data = Some(CounterData { byte_count: 500, packet_count: 5 });
    access.meddle(vec![(Type::Modify, TableEntry { counter_data, ..entry.to_p4() })]).await;
    let advice = async || server.clone().advise(AdviseRequest {}).await.unwrap().into_inner();
    let seen = eventually("the lease was watched", advice, |advice| advice.samples == 1).await;
    let buckets: Vec<u64> = seen.buckets.iter().map(|bucket| bucket.packets).collect();
    assert_eq!((buckets, seen.proposal), (vec![0, 0, 0, 0, 0, 0, 5], None));
    assert!(managed.ctl("advise").await.contains("1 (at least 1000 are needed)"));
    managed.controller.stop().await;
}

#[tokio::test]
async fn the_interface_describes_itself() {
    let managed = Managed::start(Options::default()).await;
    let mut server = ServerReflectionClient::new(managed.channel().await);
    let ask = |request| {
        let request = ServerReflectionRequest { host: String::new(), message_request: Some(request) };
        tokio_stream::once(request)
    };
    let services = server.server_reflection_info(ask(MessageRequest::ListServices(String::new()))).await.unwrap();
    let answer = services.into_inner().message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(services) = answer else { panic!("{answer:?}") };
    assert!(services.service.iter().any(|service| service.name == "mimiq.admin.v1.Admin"), "{services:?}");
    let symbol = MessageRequest::FileContainingSymbol("mimiq.admin.v1.Admin.ListLeases".into());
    let file = server.server_reflection_info(ask(symbol)).await.unwrap();
    let answer = file.into_inner().message().await.unwrap().unwrap().message_response.unwrap();
    assert!(matches!(answer, MessageResponse::FileDescriptorResponse(_)), "{answer:?}");
    managed.controller.stop().await;
}

#[tokio::test]
async fn a_wrong_command_line_is_told_from_a_failure() {
    let run = async |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mimiqctl"));
        let output = command.env_clear().args(arguments).kill_on_drop(true).output().await.unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, message) = run(&["status"]).await;
    assert_eq!(code, Some(2));
    assert!(message.contains("--pki DIR is needed"), "{message}");
    assert_eq!(run(&["frobnicate"]).await.0, Some(2));
    assert_eq!(run(&["leases", "list", "--prefix", "nonsense"]).await.0, Some(2));
    let (code, message) = run(&["--pki", "/nonexistent", "status"]).await;
    assert_eq!(code, Some(1));
    assert!(message.contains("/nonexistent/operator.pem"), "{message}");
    for shell in ["bash", "zsh", "fish"] {
        assert_eq!(run(&["completions", shell]).await.0, Some(0), "{shell}");
    }
}
