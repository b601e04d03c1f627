//! The metrics page: everything on it is explained, and whatever the dashboard and the guide speak of is on it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests count as no tests

mod common;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use common::{Network, Options};
use mimiq_controller::{http, telemetry};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// All names of metrics in a text.
fn names(text: &str) -> BTreeSet<String> {
    let start = |place: usize| &text[place..];
    let name = |(place, _)| start(place).split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or("");
    text.match_indices("mimiq_controller_").map(name).map(str::to_owned).collect()
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// In the sources, but for where they are described.
fn used() -> BTreeSet<String> {
    let mut files = Vec::new();
    rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    files.retain(|file| !file.ends_with("telemetry.rs"));
    files.iter().flat_map(|file| names(&fs::read_to_string(file).unwrap())).collect()
}

#[tokio::test]
async fn the_page_has_all_metrics_and_explains_them() {
    let metrics = telemetry::install().unwrap();
    let network = Network::start(Options::default()).await;
    let controller = network.controller().await;
    let client = network.client("alice", 1, 1).await;
    client.acquire(2).await;
    let listener = http::listen((std::net::Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let (allocator, core) = (controller.allocator().clone(), controller.allocator().clone());
    let not_ready = Arc::new(move || core.with(|core, _| core.not_ready()));
    tokio::spawn(http::serve(
        listener,
        http::Pages { metrics, report: Arc::new(move || allocator.report()), not_ready },
    ));
    let get = async |path: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).await.unwrap();
        page
    };
    assert!(get("/ready").await.starts_with("HTTP/1.1 200 "));
    let page = get("/metrics").await;

    let of_type = |line: &str| line.strip_prefix("# TYPE ").and_then(|rest| rest.split(' ').next().map(str::to_owned));
    // The switches of this test count in the same process.
    let own = |name: &String| name.starts_with("mimiq_controller_");
    let served: BTreeSet<String> = page.lines().filter_map(of_type).filter(own).collect();
    let unexplained: Vec<_> = served.iter().filter(|name| !page.contains(&format!("# HELP {name} "))).collect();
    assert!(unexplained.is_empty(), "{unexplained:?}");
    assert_eq!(served, used(), "what is served, and what the sources count");
    assert!(page.contains("mimiq_controller_leases{pool=\"home\",state=\"leased\"} 2"), "{page}");

    // Histograms have three series each.
    let series: BTreeSet<String> = page.lines().flat_map(names).collect();
    for file in ["docs/grafana/mimiq-controller.json", "docs/operate.md"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
        let named = names(&fs::read_to_string(path).unwrap());
        assert!(named.len() > 5, "{file}: {named:?}");
        let unknown: Vec<_> = named.difference(&series).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
    controller.stop().await;
}
