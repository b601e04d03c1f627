//! The configuration file and the command that checks it.

use std::{net::SocketAddr, process::Command};

use mimiq_switch::config::{Backend, Config};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/mimiq-switch.example.yaml");

#[test]
fn least_configuration_has_defaults() {
    let config = Config::parse("device_id: 7\nports: []", "".as_ref()).unwrap();
    assert_eq!(config.listen, "[::1]:9559".parse::<SocketAddr>().unwrap());
    assert_eq!((config.backend, config.metrics), (Backend::AfXdp, None));
}

#[test]
fn files_count_from_the_configuration_s_folder() {
    let text = "device_id: 7\nports: []\ntls: {ca: pki/ca.pem, certificate: /etc/switch.pem, key: switch.key}";
    let tls = Config::parse(text, "/etc/mimiq".as_ref()).unwrap().tls.unwrap();
    let files = [tls.ca, tls.certificate, tls.key];
    assert_eq!(
        files.map(|file| file.display().to_string()),
        ["/etc/mimiq/pki/ca.pem", "/etc/switch.pem", "/etc/mimiq/switch.key"]
    );
}

#[test]
fn errors_name_field_and_value() {
    for (text, field, value) in [
        ("device_id: 0\nports: []", "device_id", "0"),
        ("device_id: -3\nports: []", "device_id", "-3"),
        ("device_id: 1\nports: []\nlisten: here", "listen", "here"),
        ("device_id: 1\nports: []\nbackend: dpdk", "backend", "dpdk"),
        ("device_id: 1\nports: []\nbackends: af_xdp", "backends", "unknown field"),
        ("device_id: 1", "ports", "missing field"),
        ("device_id: 1\nports: [{id: 512, interface: a}]", "ports[0].id", "512"),
        ("device_id: 1\nports: [{id: 1, interface: a}, {id: 1, interface: b}]", "ports[1].id", "twice"),
        ("device_id: 1\nports: [{id: 1, interface: a}, {id: 2, interface: a}]", "ports[1].interface", "twice"),
        ("device_id: 1\nports: [{id: 1, interface: averylonginterface}]", "ports[0].interface", "averylonginterface"),
        ("device_id: 1\nports: [{id: 1, interface: a, speed: 1}]", "ports", "speed"),
        ("device_id: 1\nports: []\ntls: {ca: a, key: b}", "tls", "certificate"),
    ] {
        let message = Config::parse(text, "".as_ref()).unwrap_err().to_string();
        assert!(message.contains(field) && message.contains(value), "{text:?}: {message}");
    }
}

#[test]
fn config_check_accepts_the_example_and_refuses_others() {
    let check = |file: &std::path::Path| {
        Command::new(env!("CARGO_BIN_EXE_mimiq-switch")).args(["config", "check"]).arg(file).output().unwrap()
    };
    let good = check(EXAMPLE.as_ref());
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, b"device_id: 0\nports: []\n").unwrap();
    let bad = check(file.path());
    // Files that cannot be used are found before the switch runs.
    let mut tls = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(
        &mut tls,
        b"device_id: 1\nports: []\ntls: {ca: no.pem, certificate: no.pem, key: no.key}\n",
    )
    .unwrap();
    let no_files = check(tls.path());
    assert_eq!(no_files.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&no_files.stderr).contains("tls.ca: "), "{no_files:?}");
    assert_eq!(bad.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&bad.stderr).contains("device_id: 0"), "{bad:?}");
}
