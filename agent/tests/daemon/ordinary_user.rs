//! The daemon as an ordinary user with CAP_NET_ADMIN and nothing else, as its systemd unit starts it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use mimiq_agent::sdk::Agent;

use crate::allocator::Allocator;
use crate::namespace::Namespace;
use crate::pki::Pki;
use crate::process::Process;

/// Debian's `nobody`; any user would do.
const USER: &str = "65534";

/// `setpriv` to that user, with this set of capabilities.
fn as_user(capabilities: &str) -> Vec<String> {
    ["setpriv", "--reuid", USER, "--regid", USER, "--clear-groups", "--no-new-privs", "--inh-caps", capabilities]
        .into_iter()
        .chain(["--ambient-caps", capabilities, "--bounding-set", capabilities])
        .map(str::to_owned)
        .collect()
}

fn give_to_user(path: &Path) {
    let path = path.to_str().unwrap();
    assert!(Command::new("chown").args(["-R", &format!("{USER}:{USER}"), path]).status().unwrap().success());
}

/// The binary where an ordinary user may read it: a checkout may be in a closed folder.
fn readable_binary(directory: &Path) -> String {
    let copy = directory.join("mimiq-agent");
    std::fs::copy(env!("CARGO_BIN_EXE_mimiq-agent"), &copy).unwrap();
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o755)).unwrap();
    copy.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_admin_is_enough() {
    let Some(namespace) = Namespace::new("n") else { return };
    let pki = Pki::new();
    let configuration = pki.configuration(&namespace.inside);
    let agent = readable_binary(pki.directory.path());
    give_to_user(pki.directory.path());
    namespace.up();
    namespace.ip("-6 route add default via fe80::6d:696d:6971 dev eth0");
    let mut allocator = Allocator::start(&namespace, &pki);
    let by = as_user("-all,+net_admin");
    let by: Vec<&str> = by.iter().map(String::as_str).collect();
    let mut process = Process::start_program(&namespace, &by, &agent, &configuration);
    process.says("ready").await;

    // It is who it should be, and has nothing more.
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    assert!(field("Uid:").split_whitespace().all(|id| id == USER), "{status}");
    const NET_ADMIN: u64 = 1 << 12;
    for set in ["CapEff:", "CapPrm:", "CapBnd:"] {
        assert_eq!(u64::from_str_radix(&field(set), 16).unwrap(), NET_ADMIN, "{set}");
    }
    assert_eq!(namespace.local_routes().len(), 2);

    let application = Agent::connect(pki.socket()).await.unwrap();
    let lease = application.take(6, Duration::from_secs(5)).await.unwrap();
    // After a crash, too: the next one may read what the last one wrote.
    process.kill().await;
    let mut process = Process::start_program(&namespace, &by, &agent, &configuration);
    process.says("reclaimed=1").await;
    assert!(!*lease.expired().borrow());
    let held = lease.address();
    drop((lease, application));
    while !allocator.released().await.contains(&held) {}
    process.terminate().await;
    assert_eq!(namespace.local_routes().len(), 0);

    let doctor = [&by[..], &[&agent, "doctor", "--config", configuration.to_str().unwrap()]].concat();
    let output = namespace.run(&doctor);
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_it_the_doctor_says_what_is_missing() {
    let Some(namespace) = Namespace::new("o") else { return };
    let pki = Pki::new();
    let configuration = pki.configuration(&namespace.inside);
    let agent = readable_binary(pki.directory.path());
    namespace.up();
    let by = as_user("-all");
    let by: Vec<&str> = by.iter().map(String::as_str).collect();
    let doctor = [&by[..], &[&agent, "doctor", "--config", configuration.to_str().unwrap()]].concat();
    let output = namespace.run(&doctor);
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    for expected in [
        "PROBLEM  capability     no CAP_NET_ADMIN",
        "-> start it with the systemd unit",
        "PROBLEM  anyip_v6",
        // The files are root's.
        "PROBLEM  pki            pki.key",
        "PROBLEM  socket",
    ] {
        assert!(told.contains(expected), "{expected} not in\n{told}");
    }
}

#[test]
fn the_unit_is_one_that_systemd_takes() {
    let Ok(version) = Command::new("systemd-analyze").arg("--version").output() else {
        panic!("systemd-analyze is missing: it is part of Debian's package systemd (scripts/setup.sh)");
    };
    assert!(version.status.success());
    let directory = tempfile::tempdir().unwrap();
    let unit = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/mimiq-agent.service")).unwrap();
    // systemd-analyze wants the program to be there.
    assert!(unit.contains("ExecStart=/usr/bin/mimiq-agent run"), "{unit}");
    let verify = |unit: &str| {
        let path = directory.path().join("mimiq-agent.service");
        std::fs::write(&path, unit.replace("/usr/bin/mimiq-agent", env!("CARGO_BIN_EXE_mimiq-agent"))).unwrap();
        let output = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        told.lines()
            .filter(|line| line.contains("mimiq-agent.service"))
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    };
    assert_eq!(verify(&unit), "");
    // It would have noticed.
    assert!(verify(&unit.replace("AmbientCapabilities=", "AmbientCapabilites=")).contains("AmbientCapabilites"));

    let unit: Vec<&str> = unit.lines().collect();
    for expected in ["NoNewPrivileges=yes", "AmbientCapabilities=CAP_NET_ADMIN", "CapabilityBoundingSet=CAP_NET_ADMIN"]
    {
        assert!(unit.contains(&expected), "{expected}");
    }
}
