//! curl through the proxy, while the connection to the exit hops.

use crate::origin::{Origin, pattern};
use crate::world::{OFTEN, STAY, World, run};

const TEN_MB: usize = 10_000_000;

async fn curl(proxy: &str, more: &[&str]) -> std::process::Output {
    let mut command = tokio::process::Command::new("curl");
    let output = run(command.args(["--silent", "--show-error", "--proxy", proxy]).args(more)).await;
    println!("{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// 10 MB each way, every byte in its place; the name is resolved by the exit.
async fn ten_megabytes_each_way(proxy: impl Fn(&World) -> String, tunnel: &[&str]) {
    let (world, origin) = (World::start(OFTEN).await, Origin::start().await);
    let proxy = proxy(&world);
    let url = format!("http://localhost:{}/{TEN_MB}", origin.address.port());
    let mut arguments = tunnel.to_vec();
    arguments.push(&url);
    let down = curl(&proxy, &arguments).await;
    assert!(down.status.success());
    assert!(down.stdout == pattern(TEN_MB), "{} bytes", down.stdout.len());

    let file = world.folder.path().join("upload");
    std::fs::write(&file, pattern(TEN_MB)).unwrap();
    arguments.extend(["--upload-file", file.to_str().unwrap()]);
    assert!(curl(&proxy, &arguments).await.status.success());
    assert!(*origin.uploaded.lock().unwrap() == pattern(TEN_MB), "{}", origin.uploaded.lock().unwrap().len());
    world.assert_unlinkable_hops(5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn socks5_hostname() {
    ten_megabytes_each_way(|world| format!("socks5h://{}", world.socks), &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_connect() {
    ten_megabytes_each_way(|world| format!("http://{}", world.http), &["--proxytunnel"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_with_the_whole_address() {
    ten_megabytes_each_way(|world| format!("http://{}", world.http), &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_on_one_connection_and_nothing_about_the_proxy_goes_on() {
    let (world, origin) = (World::start(STAY).await, Origin::start().await);
    let url = |size| format!("http://alice@{}/{size}", origin.address);
    let proxy = format!("http://bob:secret@{}", world.http);
    let output = curl(&proxy, &["--header", "Connection: X-Gone", "--header", "X-Gone: 1", &url(5), &url(7)]).await;
    assert!(output.status.success());
    assert_eq!(output.stdout, [pattern(5), pattern(7)].concat());
    let headers = origin.headers.lock().unwrap();
    assert_eq!(headers["host"], origin.address.to_string());
    for gone in ["x-gone", "proxy-authorization", "proxy-connection"] {
        assert!(!headers.contains_key(gone), "{headers:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn problems_have_their_status() {
    let (world, _origin) = (World::start(STAY).await, Origin::start().await);
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let proxy = format!("http://{}", world.http);
    let urls = [
        (format!("http://{closed}/"), "502"),
        ("http://does-not-exist.invalid/".to_owned(), "502"),
        ("http://10.255.255.1/".to_owned(), "403"),
        (format!("http://{}/", world.http), "400"),
    ];
    for (url, status) in &urls[..3] {
        let output = curl(&proxy, &["--output", "/dev/null", "--write-out", "%{http_code}", url]).await;
        assert_eq!(String::from_utf8_lossy(&output.stdout), *status, "{url}");
    }
    // Asked like a server.
    let (url, status) = &urls[3];
    let mut command = tokio::process::Command::new("curl");
    let command =
        command.args(["--silent", "--noproxy", "*", "--output", "/dev/null", "--write-out", "%{http_code}", url]);
    assert_eq!(String::from_utf8_lossy(&run(command).await.stdout), *status);
}
