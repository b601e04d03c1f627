//! UDP ASSOCIATE: packet by packet, and HTTP/3 by aioquic's client behind a few lines of Python that speak SOCKS5.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::support::server::Aioquic;
use crate::world::{LOOPBACK, OFTEN, STAY, TestExit, World, run, testbed};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aioquic_asks_aioquic() {
    let world = World::start(OFTEN).await;
    let server = Aioquic::start(&world.exit.identity);
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

/// An association: its control connection, and where packets go.
async fn associate(proxy: SocketAddr) -> (TcpStream, SocketAddr) {
    let mut control = TcpStream::connect(proxy).await.unwrap();
    control.write_all(&[5, 1, 0, 5, 3, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
    let mut reply = [0; 12];
    control.read_exact(&mut reply).await.unwrap();
    assert_eq!(reply[..6], [5, 0, 5, 0, 0, 1]);
    let address: [u8; 4] = reply[6..10].try_into().unwrap();
    (control, SocketAddr::from((address, u16::from_be_bytes([reply[10], reply[11]]))))
}

/// A packet for `localhost`.
fn packet(fragment: u8, port: u16, payload: &[u8]) -> Vec<u8> {
    [&[0, 0, fragment, 3, 9], &b"localhost"[..], &port.to_be_bytes(), payload].concat()
}

async fn echo() -> u16 {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = socket.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut buffer = vec![0; 65536];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            socket.send_to(&buffer[..length], from).await.unwrap();
        }
    });
    port
}

async fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 65536];
    let length = timeout(Duration::from_secs(10), socket.recv(&mut buffer)).await.expect("no packet").unwrap();
    buffer.truncate(length);
    buffer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_association_has_one_client_and_many_targets() {
    let world = World::start(STAY).await;
    let (control, bound) = associate(world.socks).await;
    let (client, stranger) =
        (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
    client.connect(bound).await.unwrap();
    stranger.connect(bound).await.unwrap();
    for target in [echo().await, echo().await] {
        client.send(&packet(0, target, b"hello")).await.unwrap();
        // From whom, in the words of the client.
        assert_eq!(receive(&client).await, packet(0, target, b"hello"));
        stranger.send(&packet(0, target, b"not mine")).await.unwrap();
        for nonsense in [&packet(1, target, b"a fragment")[..], &[0, 0, 0, 9], b"", &packet(0, 0, b"no port")] {
            client.send(nonsense).await.unwrap();
        }
        client.send(&packet(0, target, b"")).await.unwrap();
        assert_eq!(receive(&client).await, packet(0, target, b""), "none of those before it");
        // Larger than a packet on the way to the exit: lost, and the next one is not.
        client.send(&packet(0, target, &[7; 5000])).await.unwrap();
        client.send(&packet(0, target, &[7; 1000])).await.unwrap();
        assert_eq!(receive(&client).await, packet(0, target, &[7; 1000]));
    }
    // The association ends with its control connection.
    drop(control);
    let gone = async { while client.send(&packet(0, 9, b"")).await.is_ok() {} };
    timeout(Duration::from_secs(10), gone).await.unwrap();
}

/// A full packet of the least MTU of IPv6 and more, both ways: from the first one on, and while the connection hops; none is lost,
/// also right after a hop.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_packets_pass_from_the_first_on_and_after_each_hop() {
    let world = World::start(OFTEN).await;
    let (_control, bound) = associate(world.socks).await;
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(bound).await.unwrap();
    let target = echo().await;
    let (mut hops, mut after_a_hop, mut lost, mut number) = (0, 0, 0, 0u8);
    while after_a_hop < 20 {
        number = number.wrapping_add(1);
        for size in [1280, 1200] {
            let packet = packet(0, target, &vec![number; size]);
            // A packet of UDP may get lost in a hop; but not again and again.
            while !passes(&client, &packet).await {
                lost += 1;
                assert!(lost <= 3, "{size} bytes, after {hops} hops");
            }
        }
        let now = world.stats.hops().await;
        after_a_hop += u32::from(now > std::mem::replace(&mut hops, now));
    }
    world.assert_unlinkable_hops(20).await;
}

/// Whether a packet comes back within a second. Late ones of before are skipped.
async fn passes(client: &UdpSocket, packet: &[u8]) -> bool {
    client.send(packet).await.unwrap();
    let back = async { while receive(client).await != packet {} };
    timeout(Duration::from_secs(1), back).await.is_ok()
}

/// A path that carries less than the first packets have: QUIC notices, and what is small enough passes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_large_packets_get_lost_smaller_ones_pass() {
    let (world, origin) = (World::start(STAY).await, crate::origin::Origin::start().await);
    world.seen.lock().unwrap().largest = Some(1250);
    let (mut stream, reply) = crate::tcp::socks(world.socks, "127.0.0.1", origin.address.port()).await;
    assert_eq!(reply, 0);
    stream.write_all(b"GET /1000000 HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    timeout(Duration::from_secs(60), stream.read_to_end(&mut answer)).await.expect("it hangs").unwrap();
    assert!(answer.ends_with(&crate::origin::pattern(1_000_000)));
    let (_control, bound) = associate(world.socks).await;
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(bound).await.unwrap();
    let target = echo().await;
    client.send(&packet(0, target, &[7; 1100])).await.unwrap();
    assert_eq!(receive(&client).await, packet(0, target, &[7; 1100]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_tunnels_end_and_a_packet_opens_one_again() {
    let exit = TestExit::start(&format!("{LOOPBACK}limits: {{udp_idle_timeout_s: 1, tcp_idle_timeout_s: 1}}\n"));
    let world = World::with(exit, STAY, 1, None).await;
    let (_control, bound) = associate(world.socks).await;
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(bound).await.unwrap();
    let target = echo().await;
    client.send(&packet(0, target, b"one")).await.unwrap();
    assert_eq!(receive(&client).await, packet(0, target, b"one"));
    // A TCP tunnel that is younger ends by the same time.
    let (mut near, _far) = crate::tcp::both_ends(&world).await;
    let ended = timeout(Duration::from_secs(10), near.read(&mut [0])).await.unwrap();
    assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    let again = async {
        loop {
            client.send(&packet(0, target, b"two")).await.unwrap();
            if let Ok(answer) = timeout(Duration::from_millis(200), receive(&client)).await {
                return answer;
            }
        }
    };
    assert_eq!(timeout(Duration::from_secs(10), again).await.unwrap(), packet(0, target, b"two"));
}
