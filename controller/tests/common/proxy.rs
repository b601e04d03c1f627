use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::copy,
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// What stands between a controller and a switch, and can lose a connection in a way that the switch does not notice.
pub struct Proxy {
    pub address: SocketAddr,
    cut: watch::Sender<u32>,
    /// The switch's side of connections that were cut.
    open: Arc<Mutex<Vec<(OwnedReadHalf, OwnedWriteHalf)>>>,
}

impl Proxy {
    pub async fn start(switch: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cut, _) = watch::channel(0);
        let open = Arc::<Mutex<Vec<_>>>::default();
        let (cuts, kept) = (cut.clone(), open.clone());
        tokio::spawn(async move {
            while let Ok((controller, _)) = listener.accept().await {
                let (mut cuts, kept) = (cuts.subscribe(), kept.clone());
                tokio::spawn(async move {
                    let (mut from_controller, mut to_controller) = controller.into_split();
                    let (mut from_switch, mut to_switch) = TcpStream::connect(switch).await.unwrap().into_split();
                    tokio::select! {
                        _ = copy(&mut from_controller, &mut to_switch) => {}
                        _ = copy(&mut from_switch, &mut to_controller) => {}
                        _ = cuts.changed() => kept.lock().unwrap().push((from_switch, to_switch)),
                    }
                });
            }
        });
        Self { address, cut, open }
    }

    /// Closes the controller's side of all connections, and only that.
    pub fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }

    /// How many connections the switch still takes for alive.
    pub fn half_open(&self) -> usize {
        self.open.lock().unwrap().len()
    }
}
