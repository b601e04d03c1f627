//! The doctor finds what is missing, and nothing where all is well.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::allocator::Allocator;
use crate::namespace::Namespace;
use crate::pki::Pki;
use crate::process::Process;

/// Status and text (what was found and what to do) by check.
struct Findings {
    healthy: bool,
    by_check: BTreeMap<String, (String, String)>,
}

impl Findings {
    fn of(namespace: &Namespace, by: &[&str], configuration: &Path) -> Self {
        let agent = env!("CARGO_BIN_EXE_mimiq-agent");
        let arguments = [agent, "doctor", "--json", "--config", configuration.to_str().unwrap()];
        let output = namespace.run(&[by, &arguments].concat());
        let findings: Vec<Value> = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        let text = |finding: &Value, field: &str| finding[field].as_str().unwrap_or_default().to_owned();
        let by_check = findings.iter().map(|finding| {
            let told = format!("{} -> {}", text(finding, "found"), text(finding, "advice"));
            (text(finding, "check"), (text(finding, "status"), told))
        });
        Self { healthy: output.status.success(), by_check: by_check.collect() }
    }

    fn assert_ok(&self, checks: &[&str]) {
        for check in checks {
            assert_eq!(self.by_check[*check].0, "ok", "{check}: {:?}", self.by_check[*check]);
        }
    }

    /// The check has a problem and says this.
    fn assert_problem(&self, check: &str, says: &str) {
        let (status, told) = &self.by_check[check];
        assert!(status == "problem" && told.contains(says), "{check}: {status}: {told}, not {says}");
        assert!(!self.healthy);
    }
}

const ALL: [&str; 16] = [
    "configuration",
    "capability",
    "anyip_v6",
    "anyip_v4",
    "interface",
    "link_local",
    "mtu",
    "route_v6",
    "route_v4",
    "ipv6",
    "rp_filter",
    "pki",
    "key",
    "clock",
    "socket",
    "metrics",
];

fn with_ipv4_and_metrics(configuration: &Path) {
    let text = std::fs::read_to_string(configuration).unwrap();
    let more = "stock_ipv4: {low: 1, high: 2}\nmetrics: 127.0.0.1:9641\n";
    std::fs::write(configuration, text + more).unwrap();
}

fn healthy(namespace: &Namespace) {
    namespace.up();
    namespace.ip("-6 route add default via fe80::6d:696d:6971 dev eth0");
    namespace.ip("-4 route add default via inet6 fe80::6d:696d:6971 dev eth0");
    sysctl(namespace, "net.ipv4.conf.all.rp_filter=0");
    sysctl(namespace, "net.ipv4.conf.eth0.rp_filter=0");
}

fn sysctl(namespace: &Namespace, setting: &str) {
    assert!(namespace.run(&["sysctl", "-qw", setting]).status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_is_well_where_it_is() {
    let Some(namespace) = Namespace::new("i") else { return };
    let pki = Pki::new();
    let configuration = pki.configuration(&namespace.inside);
    with_ipv4_and_metrics(&configuration);
    healthy(&namespace);
    let _allocator = Allocator::start(&namespace, &pki);
    // Duplicate address detection takes a second or two; the agent waits for its end.
    let mut process = Process::start(&namespace, &configuration);
    process.says("session: session with the allocation server").await;

    let beside = Findings::of(&namespace, &[], &configuration);
    beside.assert_ok(&ALL);
    assert_eq!(beside.by_check["controller"].0, "skipped", "the agent has the session");
    assert!(beside.healthy);
    process.terminate().await;

    let findings = Findings::of(&namespace, &[], &configuration);
    findings.assert_ok(&ALL);
    findings.assert_ok(&["ca_validity", "validity", "authority", "controller"]);
    assert!(findings.healthy);
    assert_eq!(namespace.local_routes().len(), 0, "it leaves nothing behind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bare_host_is_told_what_to_do() {
    let Some(namespace) = Namespace::new("j") else { return };
    let pki = Pki::new();
    let configuration = pki.configuration(&namespace.inside);
    with_ipv4_and_metrics(&configuration);
    // Nothing is up.
    let findings = Findings::of(&namespace, &[], &configuration);
    findings.assert_problem("anyip_v6", "ip link set lo up");
    findings.assert_problem("anyip_v4", "ip link set lo up");
    findings.assert_problem("interface", "ip link set eth0 up");
    findings.assert_problem("link_local", "no usable IPv6 link-local address");
    findings.assert_problem("route_v6", "ip -6 route replace default via fe80::6d:696d:6971 dev eth0");
    findings.assert_problem("route_v4", "ip -4 route replace default via inet6 fe80::6d:696d:6971 dev eth0");
    findings.assert_problem("controller", "no usable IPv6 link-local address");

    // Up, but wrong in every other way.
    namespace.up();
    namespace.ip("link set eth0 mtu 1200");
    namespace.ip("link add other type veth peer name another");
    namespace.ip("link set other up");
    namespace.ip("link set another up");
    namespace.ip("route add default dev other");
    namespace.ip("-6 route add default dev other");
    for setting in ["net.ipv4.conf.eth0.rp_filter=1", "net.ipv6.conf.all.disable_ipv6=1"] {
        sysctl(&namespace, setting);
    }
    let findings = Findings::of(&namespace, &[], &configuration);
    findings.assert_ok(&["interface"]);
    findings.assert_problem("mtu", "1200");
    findings.assert_problem("route_v4", "does not lead through eth0");
    findings.assert_problem("rp_filter", "rp_filter=2");
    findings.assert_problem("ipv6", "net.ipv6.conf.all.disable_ipv6=0");

    std::fs::write(&configuration, "interface: eth0\n").unwrap();
    Findings::of(&namespace, &[], &configuration).assert_problem("configuration", "missing field");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ways_that_lead_elsewhere_are_named() {
    let Some(namespace) = Namespace::new("k") else { return };
    let pki = Pki::new();
    let configuration = pki.configuration(&namespace.inside);
    namespace.up();
    namespace.ip("-6 route add default via fe80::1 dev eth0");
    // Somebody is there, but no controller.
    let findings = Findings::of(&namespace, &[], &configuration);
    findings.assert_problem("route_v6", "does not lead to fe80::6d:696d:6971");
    assert!(!findings.by_check.contains_key("route_v4") && !findings.by_check.contains_key("metrics"));

    let text = std::fs::read_to_string(&configuration).unwrap();
    std::fs::write(&configuration, text.replace("interface: eth0", "interface: eth7")).unwrap();
    Findings::of(&namespace, &[], &configuration).assert_problem("interface", "eth7: there is none");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_that_does_not_answer_and_one_that_refuses() {
    let Some(namespace) = Namespace::new("l") else { return };
    let (pki, stranger) = (Pki::new(), Pki::new());
    let configuration = pki.configuration(&namespace.inside);
    healthy(&namespace);
    // Until the link-local address is usable.
    let mut process = Process::start(&namespace, &configuration);
    process.says("no usable IPv6 link-local address").await;
    let found = async {
        loop {
            let findings = Findings::of(&namespace, &["timeout", "20"], &configuration);
            if findings.by_check["link_local"].0 == "ok" {
                break findings;
            }
        }
    };
    let waiting = found.await;
    assert_eq!(waiting.by_check["controller"].0, "skipped");
    process.terminate().await;
    Findings::of(&namespace, &[], &configuration).assert_problem("controller", "no answer within");

    let _allocator = Allocator::start(&namespace, &pki);
    Findings::of(&namespace, &[], &configuration).assert_ok(&["controller"]);
    // Another operator's certificate with this operator's authority: the controller says no.
    for file in ["client.pem", "client.key"] {
        std::fs::copy(stranger.directory.path().join(file), pki.directory.path().join(file)).unwrap();
    }
    let findings = Findings::of(&namespace, &[], &configuration);
    findings.assert_problem("authority", "same operator");
    findings.assert_problem("controller", "certificate");
}

#[test]
fn files_and_dates_are_judged() {
    let Some(namespace) = Namespace::new("m") else { return };
    namespace.up();
    let date = rcgen::date_time_ymd;
    for (from, to, check, says) in [
        (date(2020, 1, 1), date(2021, 1, 1), "validity", "expired"),
        (date(2020, 1, 1), date(2021, 1, 1), "ca_validity", "expired"),
        (date(2120, 1, 1), date(2125, 1, 1), "clock", "timedatectl"),
    ] {
        let pki = Pki::valid((from, to));
        Findings::of(&namespace, &[], &pki.configuration("eth0")).assert_problem(check, says);
    }

    let pki = Pki::new();
    let path = pki.directory.path();
    let configuration = pki.configuration("eth0");
    let mode = |file: &Path, mode| {
        std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    mode(&path.join("client.key"), 0o644);
    Findings::of(&namespace, &[], &configuration).assert_problem("key", "chmod o-rwx");
    mode(&path.join("client.key"), 0o640);
    mode(path, 0o777);
    Findings::of(&namespace, &[], &configuration).assert_problem("socket", "chmod o-w");
    mode(path, 0o700);
    std::fs::write(pki.socket(), "a file").unwrap();
    Findings::of(&namespace, &[], &configuration).assert_problem("socket", "no socket");
    std::fs::remove_file(path.join("ca.pem")).unwrap();
    Findings::of(&namespace, &[], &configuration).assert_problem("pki", "pki.ca");

    let text = std::fs::read_to_string(&configuration).unwrap() + "metrics: 192.0.2.1:9641\n";
    std::fs::write(&configuration, text).unwrap();
    Findings::of(&namespace, &[], &configuration).assert_problem("metrics", "192.0.2.1:9641");
}
