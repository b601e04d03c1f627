//! What goes wrong, and how applications hear of it.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::origin::{Origin, pattern};
use crate::tcp::{both_ends, socks};
use crate::world::{LOOPBACK, STAY, TestExit, World};

const GENERAL_FAILURE: u8 = 1;
const NOT_ALLOWED: u8 = 2;
const HOST_UNREACHABLE: u8 = 4;
const REFUSED: u8 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_reason_has_its_reply() {
    let world = World::start(STAY).await;
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(socks(world.socks, "127.0.0.1", closed.port()).await.1, REFUSED);
    assert_eq!(socks(world.socks, "does-not-exist.invalid", 80).await.1, HOST_UNREACHABLE);
    assert_eq!(socks(world.socks, "no name", 80).await.1, HOST_UNREACHABLE);
    assert_eq!(socks(world.socks, "10.0.0.1", 80).await.1, NOT_ALLOWED);
    assert_eq!(socks(world.socks, "127.0.0.1", 25).await.1, NOT_ALLOWED);
    // The connection to the exit is the same all the time.
    assert_eq!(world.seen.lock().unwrap().handshakes.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loopback_is_refused_unless_the_operator_says_otherwise() {
    let (world, origin) = (World::with(TestExit::start(""), STAY, 1, None).await, Origin::start().await);
    for host in ["127.0.0.1", "localhost"] {
        assert_eq!(socks(world.socks, host, origin.address.port()).await.1, NOT_ALLOWED, "{host}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_token_is_a_general_failure() {
    let (world, origin) = (World::with(TestExit::start(LOOPBACK), STAY, 1, Some("wrong")).await, Origin::start().await);
    assert_eq!(socks(world.socks, "127.0.0.1", origin.address.port()).await.1, GENERAL_FAILURE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tunnels_have_a_limit() {
    let exit = TestExit::start(&format!("{LOOPBACK}limits: {{tcp_tunnels_per_user: 2}}\n"));
    let (world, origin) = (World::with(exit, STAY, 1, None).await, Origin::start().await);
    let (first, _second) = (both_ends(&world).await, both_ends(&world).await);
    let port = origin.address.port();
    assert_eq!(socks(world.socks, "127.0.0.1", port).await.1, GENERAL_FAILURE);
    drop(first);
    // Until the exit has noticed.
    let again = async { while socks(world.socks, "127.0.0.1", port).await.1 != 0 {} };
    tokio::time::timeout(Duration::from_secs(10), again).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exit_that_was_restarted_is_connected_to_again() {
    let (mut world, origin) = (World::start(STAY).await, Origin::start().await);
    let (mut near, _far) = both_ends(&world).await;
    world.exit.stop().await;
    let ended = tokio::time::timeout(Duration::from_secs(20), near.read(&mut [0])).await.unwrap();
    assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    world.exit.again(LOOPBACK).await;
    let (mut stream, reply) = socks(world.socks, "127.0.0.1", origin.address.port()).await;
    assert_eq!(reply, 0);
    stream.write_all(b"GET /1000 HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.ends_with(&pattern(1000)));
}

/// Nobody says that it is gone: what is under way ends when nothing has come for a while, and what is new fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exit_that_is_away_is_noticed() {
    let world = World::start(STAY).await;
    let (mut near, _far) = both_ends(&world).await;
    world.seen.lock().unwrap().cut = true;
    near.write_all(b"into the void").await.unwrap();
    let (new, old) = tokio::time::timeout(Duration::from_secs(60), async {
        let mut byte = [0];
        tokio::join!(socks(world.socks, "127.0.0.1", 9), near.read(&mut byte))
    })
    .await
    .unwrap();
    assert_ne!(new.1, 0);
    assert_eq!(old.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

/// Whatever an application sends, the proxy serves the next one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_disturbs_nobody() {
    let (world, origin) = (World::start(STAY).await, Origin::start().await);
    let (socks_proxy, http_proxy) = (world.socks, world.http);
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || {
        let bytes = proptest::collection::vec(any::<u8>(), 0..200);
        let starts = prop_oneof![
            Just(&b""[..]),
            Just(&b"\x05\x01\x00\x05\x01\x00\x03"[..]),
            Just(&b"\x05\x01\x00\x05\x03\x00"[..]),
            Just(&b"CONNECT "[..]),
            Just(&b"GET http://"[..]),
            Just(&b"GET / HTTP/1.1\r\nHost: "[..]),
        ];
        TestRunner::new(ProptestConfig::with_cases(64)).run(
            &(starts, bytes, any::<bool>()),
            |(start, bytes, to_socks)| {
                runtime.block_on(async {
                    let proxy = if to_socks { socks_proxy } else { http_proxy };
                    let mut stream = TcpStream::connect(proxy).await.unwrap();
                    // It may be closed before all is sent.
                    let _ = stream.write_all(&[start, &bytes].concat()).await;
                    let _ = stream.shutdown().await;
                    let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut Vec::new())).await;
                });
                Ok(())
            },
        )
    })
    .await
    .unwrap()
    .unwrap();
    assert_eq!(socks(world.socks, "127.0.0.1", origin.address.port()).await.1, 0);
}
