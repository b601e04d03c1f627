//! HTTP/3 through UDP ASSOCIATE: aioquic's client behind a few lines of Python that speak SOCKS5.

use std::io::Write as _;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::support::server::Aioquic;
use crate::world::{World, run, testbed};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aioquic_asks_aioquic() {
    let world = World::start(20).await;
    let Some(server) = Aioquic::start(&world.exit.identity) else { return };
    let python = testbed().join("venv/testbed/bin/python");
    let mut relay = tokio::process::Command::new(&python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/proxy/socks_udp.py"))
        .args([world.socks.to_string(), server.address.to_string()])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let port = BufReader::new(relay.stdout.take().unwrap()).lines().next_line().await.unwrap().expect("no association");
    let url = |size: usize| format!("https://127.0.0.1:{port}/{size}");
    let mut client = tokio::process::Command::new(&python);
    client
        .arg("http3_client.py")
        .args(["--include", "--output-dir"])
        .arg(world.folder.path())
        .arg("--ca-certs")
        .arg(world.exit.identity.certificate())
        .args([url(2_700), url(1_000_000)])
        .current_dir(testbed().join("testbed/aioquic-1.7.2/examples"));
    let output = run(&mut client).await;
    std::io::stdout().write_all(&output.stderr).unwrap();
    assert!(output.status.success());
    for size in [2_700, 1_000_000] {
        let answer = std::fs::read(world.folder.path().join(size.to_string())).unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap_or(0);
        assert!(
            answer.len() >= size && answer[answer.len() - size..].iter().all(|byte| *byte == b'Z'),
            "{size}: {end}"
        );
    }
    world.assert_unlinkable_hops(3).await;
}
