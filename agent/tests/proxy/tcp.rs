//! TCP through SOCKS5, byte by byte.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::world::{STAY, World};

/// Asks a SOCKS5 proxy for a tunnel; what it replied.
pub(crate) async fn socks(proxy: SocketAddr, host: &str, port: u16) -> (TcpStream, u8) {
    let mut stream = TcpStream::connect(proxy).await.unwrap();
    stream.write_all(&[5, 1, 0]).await.unwrap();
    let mut hello = [0; 2];
    stream.read_exact(&mut hello).await.unwrap();
    assert_eq!(hello, [5, 0]);
    let mut request = vec![5, 1, 0, 3, host.len() as u8];
    request.extend(host.as_bytes());
    request.extend(port.to_be_bytes());
    stream.write_all(&request).await.unwrap();
    let mut reply = [0; 10];
    stream.read_exact(&mut reply).await.unwrap();
    assert_eq!((reply[0], reply[3]), (5, 1));
    (stream, reply[1])
}

/// A tunnel, and its far end.
pub(crate) async fn both_ends(world: &World) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let ((near, reply), far) = tokio::join!(socks(world.socks, "127.0.0.1", port), listener.accept());
    assert_eq!(reply, 0);
    (near, far.unwrap().0)
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it hangs")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_direction_ends_by_itself() {
    let world = World::start(STAY).await;
    for near_first in [true, false] {
        let (near, far) = both_ends(&world).await;
        let (mut first, mut second) = if near_first { (near, far) } else { (far, near) };
        first.write_all(b"question").await.unwrap();
        first.shutdown().await.unwrap();
        let mut text = String::new();
        in_time(second.read_to_string(&mut text)).await.unwrap();
        assert_eq!(text, "question");
        second.write_all(b"answer").await.unwrap();
        second.shutdown().await.unwrap();
        let mut text = String::new();
        in_time(first.read_to_string(&mut text)).await.unwrap();
        assert_eq!(text, "answer");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_is_a_reset_at_the_other_end() {
    let world = World::start(STAY).await;
    for near_first in [true, false] {
        let (near, far) = both_ends(&world).await;
        let (mut first, mut second) = if near_first { (near, far) } else { (far, near) };
        first.write_all(b"half of it").await.unwrap();
        let mut text = [0; 10];
        in_time(second.read_exact(&mut text)).await.unwrap();
        first.set_zero_linger().unwrap();
        drop(first);
        let error = in_time(second.read(&mut text)).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
}

/// Who does not read stops who writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backpressure_reaches_the_writer() {
    let world = World::start(STAY).await;
    for near_first in [true, false] {
        let (near, far) = both_ends(&world).await;
        let (mut writer, mut reader) = if near_first { (near, far) } else { (far, near) };
        let piece = vec![7; 1 << 20];
        let mut written = 0;
        // Buffers of two sockets at each end and the window of a stream: not more than that.
        while let Ok(count) = tokio::time::timeout(Duration::from_secs(2), writer.write(&piece)).await {
            written += count.unwrap();
            assert!(written < 64 << 20, "nobody stops the writer");
        }
        assert!(written > 0);
        let mut read = 0;
        let mut buffer = vec![0; 1 << 20];
        while read < written {
            let count = in_time(reader.read(&mut buffer)).await.unwrap();
            assert!(buffer[..count].iter().all(|byte| *byte == 7));
            read += count;
        }
        assert_eq!(read, written);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_in_the_middle_is_not_taken_for_all() {
    let world = World::start(STAY).await;
    let (mut near, mut far) = both_ends(&world).await;
    far.write_all(b"half of it").await.unwrap();
    let mut text = [0; 10];
    in_time(near.read_exact(&mut text)).await.unwrap();
    // The exit stops; it gives tunnels a moment, and this one does not end.
    let mut world = world;
    world.exit.stop().await;
    for stream in [&mut near, &mut far] {
        let error = in_time(stream.read(&mut text)).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
}

/// An HTTP answer that ends with its connection: half of it is no answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_an_answer_looks_like_half() {
    let world = World::start(STAY).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for whole in [true, false] {
        let mut client = TcpStream::connect(world.http).await.unwrap();
        let request = format!("GET http://{}/ HTTP/1.1\r\nHost: x\r\n\r\n", listener.local_addr().unwrap());
        client.write_all(request.as_bytes()).await.unwrap();
        let (mut server, _) = in_time(listener.accept()).await.unwrap();
        in_time(until(&mut server, b"\r\n\r\n")).await;
        server.write_all(b"HTTP/1.0 200 OK\r\n\r\nhalf").await.unwrap();
        in_time(until(&mut client, b"half\r\n")).await;
        if !whole {
            server.set_zero_linger().unwrap();
        }
        drop(server);
        // The last chunk says that it was all.
        let mut rest = Vec::new();
        let read = async {
            while !rest.ends_with(b"0\r\n\r\n") {
                rest.push(client.read_u8().await?);
            }
            std::io::Result::Ok(())
        };
        assert_eq!(in_time(read).await.is_ok(), whole);
    }
}

/// Reads to where this is.
async fn until(stream: &mut TcpStream, end: &[u8]) {
    let mut read = Vec::new();
    while !read.ends_with(end) {
        read.push(stream.read_u8().await.unwrap());
    }
}
