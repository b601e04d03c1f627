//! A real controller with real switches (P4Runtime over gRPC), all in this process, for the generator to measure.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use mimiq_contract::{P4INFO_TEXT, wellknown::RELAY_PORT};
use mimiq_controller::{Controller, config::Config, pki};
use mimiq_perf::{
    Options, Report,
    options::Relay,
    run::{Progress, run},
};
use mimiq_pipeline::DropCounters;
use mimiq_switch::{Device, pipeline_config::PipelineConfig, server::Server, tables};
use p4runtime::v1::p4_runtime_server::P4RuntimeServer;
use tempfile::TempDir;
use tokio::{runtime::Runtime, time::timeout};
use tokio_stream::wrappers::TcpListenerStream;

/// Nothing in these tests takes that long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a test can choose.
pub(crate) struct Choice {
    pub(crate) quota: u32,
}

impl Default for Choice {
    fn default() -> Self {
        Self { quota: 256 }
    }
}

/// Two client-facing switches, an edge switch, and the controller.
pub(crate) struct Network {
    pub(crate) addresses: [Ipv4Addr; 3],
    pub(crate) switches: Vec<Server>,
    pub(crate) controller: Option<Controller>,
    pub(crate) runtime: Runtime,
    dir: TempDir,
}

/// An address of 127.0.0.0/8 that no other test on this machine uses: relays have a fixed port.
pub(crate) fn loopback() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [a, b] = ((std::process::id() & 0x7fff) as u16).to_be_bytes();
    Ipv4Addr::new(127, a | 0x80, b, NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Network {
    pub(crate) fn start(choice: Choice) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let dir = tempfile::tempdir().unwrap();
        pki::init(&dir.path().join("pki")).unwrap();
        let addresses = [loopback(), loopback(), loopback()];
        let Choice { quota } = choice;
        let mut text = format!(
            "relay: '[::ffff:{}]:54172'\n\
             state_file: state.redb\n\
             pki: {{ca: pki/ca.pem, certificate: pki/controller.pem, key: pki/controller.key}}\n\
             pools: [{{name: home, prefix: '2001:db8:100::/48', codec: alias, alias_bits: 16}}, \
             {{name: legacy, prefix: 198.18.0.0/15, codec: naive}}]\n\
             aliases_per_sid: 4\n\
             timing: {{t_ip: {{min: 60s, max: 60s}}, t_remove: 100ms, t_sid: 60s, k: 3, cool_down: 100ms}}\n\
             limits: {{addresses_per_client: {quota}, requests_per_client: 10000/s, requests_per_port: 10000/s}}\n\
             switches:\n",
            addresses[0]
        );
        let mut switches = Vec::new();
        for id in 1..=3u8 {
            let (address, server) = serve(&runtime, id.into());
            switches.push(server);
            let (place, second) = match id {
                3 => ("tunnel_addr: 'fd00::3', edge: true".to_owned(), "upstream"),
                sid => (format!("tunnel_addr: '::ffff:{}', sid: {sid}", addresses[usize::from(sid)]), "client"),
            };
            text += &format!(
                "- {{name: switch{id}, device_id: {id}, p4runtime: 'http://{address}', {place}, \
                 mac: '02:00:00:00:00:0{id}', icmp_addr_v6: 'fd00::{id}', icmp_addr_v4: 10.0.0.{id}, fabric_mtu: 1540, \
                 ports: [{{id: 0, role: fabric}}, {{id: 1, role: {second}}}]}}\n"
            );
        }
        let file = dir.path().join("controller.yaml");
        fs::write(&file, text).unwrap();
        let config = Config::load(&file).unwrap();
        let controller = runtime.block_on(async {
            let mut controller = Controller::start(&config).unwrap();
            timeout(PATIENCE, controller.ready()).await.expect("the controller is not ready");
            controller
        });
        Self { addresses, switches, controller: Some(controller), runtime, dir }
    }

    pub(crate) fn pki(&self) -> PathBuf {
        self.dir.path().join("pki")
    }

    /// Options for a short closed loop over both relays.
    pub(crate) fn options(&self) -> Options {
        let [controller, relays @ ..] = self.addresses;
        let relay = |(n, address): (usize, Ipv4Addr)| Relay { sid: n as u16 + 1, address: IpAddr::V4(address) };
        Options {
            controller: SocketAddr::new(controller.into(), RELAY_PORT),
            relays: relays.into_iter().enumerate().map(relay).collect(),
            ports: (1, 4),
            pki: self.pki(),
            clients: 6,
            first: 0,
            rate: None,
            address_rate: None,
            ramp_to: None,
            outstanding: 2,
            ipv6: 4,
            ipv4: 0,
            hold: None,
            renew: 0.0,
            duration: Duration::from_secs(30),
            requests: Some(60),
            timeout: Duration::from_secs(5),
            connect_timeout: PATIENCE,
            threads: 2,
            watch: Vec::new(),
        }
    }

    /// Entries of a table in a switch, by the switch's index.
    pub(crate) fn entries(&self, switch: usize, table: &'static str) -> usize {
        let count = move |device: &mut Device| {
            let mut occupancy = device.tables().occupancy();
            occupancy.find(|(name, ..)| *name == table).map(|(_, used, _)| used).expect("a table of the switch")
        };
        self.runtime.block_on(self.switches[switch].with_device(count)).unwrap()
    }

    /// Ends the controller.
    pub(crate) fn stop_controller(&mut self) {
        if let Some(controller) = self.controller.take() {
            self.runtime.block_on(controller.stop());
        }
    }
}

/// Runs the generator; returns its report and what it said meanwhile.
pub(crate) fn measure(options: &Options) -> (Report, Vec<Progress>) {
    let mut said = Vec::new();
    let report = run(options, |progress| said.push(progress)).unwrap();
    (report, said)
}

impl Drop for Network {
    fn drop(&mut self) {
        self.stop_controller();
    }
}

fn serve(runtime: &Runtime, device_id: u64) -> (SocketAddr, Server) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let contract = p4runtime::p4info_from_text(P4INFO_TEXT).unwrap();
    let (writer, _) = mimiq_pipeline::tables(&tables::sizes(&contract));
    let tables = tables::Tables::new(writer, Arc::new(DropCounters::default()), &contract);
    let server = Server::new(Device::new(device_id, PipelineConfig::new(contract), tables));
    let service = P4RuntimeServer::new(server.clone());
    runtime.spawn(async move {
        let incoming = TcpListenerStream::new(tokio::net::TcpListener::from_std(listener).unwrap());
        tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming).await.unwrap();
    });
    (address, server)
}
