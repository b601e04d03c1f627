//! An allocation server of the test's.

use std::net::{IpAddr, Ipv6Addr, SocketAddrV6};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use h3_quinn::quinn;
use mimiq_agent::address;
use mimiq_api::allocation::{
    self, AddressSet, ClientRequest, RefusalReason, Refused, Released, Revoke, ServerPush, ServerReply, client_request,
    server_push, server_reply,
};
use mimiq_contract::wellknown::{CONTROL_PORT, GATEWAY};
use prost::Message as _;
use tokio::sync::{broadcast, mpsc};

use crate::namespace::Namespace;
use crate::pki::Pki;

/// Serves allocation; requests are shown to the test, pushes go to all sessions.
pub(crate) struct Allocator {
    requests: mpsc::UnboundedReceiver<client_request::Request>,
    push: broadcast::Sender<Option<ServerPush>>,
    endpoint: quinn::Endpoint,
    config: quinn::ServerConfig,
}

impl Allocator {
    pub(crate) fn start(namespace: &Namespace, pki: &Pki) -> Self {
        let at = SocketAddrV6::new(GATEWAY, CONTROL_PORT, 0, namespace.index());
        let endpoint = quinn::Endpoint::server(pki.server.clone(), at.into()).unwrap();
        let (shown, requests) = mpsc::unbounded_channel();
        let (push, _) = broadcast::channel(4);
        let (accepting, pushes) = (endpoint.clone(), push.clone());
        tokio::spawn(async move {
            let next = Arc::new(AtomicU16::new(0));
            while let Some(incoming) = accepting.accept().await {
                tokio::spawn(session(incoming, shown.clone(), pushes.subscribe(), next.clone()));
            }
        });
        Self { requests, push, endpoint, config: pki.server.clone() }
    }

    pub(crate) fn revoke(&self, address: IpAddr) {
        let revoke = Revoke { addresses: vec![address::to_bytes(address)] };
        self.push.send(Some(ServerPush { push: Some(server_push::Push::Revoke(revoke)) })).unwrap();
    }

    pub(crate) fn away(&self) {
        self.endpoint.set_server_config(None);
        self.push.send(None).unwrap();
    }

    pub(crate) fn back(&self) {
        self.endpoint.set_server_config(Some(self.config.clone()));
    }

    pub(crate) async fn next(&mut self) -> client_request::Request {
        tokio::time::timeout(Duration::from_secs(20), self.requests.recv()).await.unwrap().unwrap()
    }

    pub(crate) async fn released(&mut self) -> Vec<IpAddr> {
        loop {
            if let client_request::Request::Release(release) = self.next().await {
                return release.addresses.iter().map(|bytes| address::from_bytes(bytes).unwrap()).collect();
            }
        }
    }
}

async fn session(
    incoming: quinn::Incoming,
    shown: mpsc::UnboundedSender<client_request::Request>,
    mut pushes: broadcast::Receiver<Option<ServerPush>>,
    next: Arc<AtomicU16>,
) {
    let Ok(connection) = incoming.await else { return };
    loop {
        tokio::select! {
            stream = connection.accept_bi() => {
                let Ok((mut send, mut receive)) = stream else { return };
                let bytes = receive.read_to_end(allocation::MAX_MESSAGE).await.unwrap();
                let reply = match ClientRequest::decode(bytes.as_slice()).unwrap().request {
                    Some(request) => {
                        let reply = answer(&request, &next);
                        let _ = shown.send(request);
                        reply
                    }
                    // As the doctor asks.
                    None => server_reply::Reply::Refused(Refused {
                        reason: RefusalReason::Invalid.into(),
                        ..Refused::default()
                    }),
                };
                send.write_all(&ServerReply { reply: Some(reply) }.encode_to_vec()).await.unwrap();
                send.finish().unwrap();
            }
            push = pushes.recv() => {
                let Ok(Some(push)) = push else { return };
                let mut stream = connection.open_uni().await.unwrap();
                stream.write_all(&push.encode_to_vec()).await.unwrap();
                stream.finish().unwrap();
            }
        }
    }
}

fn answer(request: &client_request::Request, next: &AtomicU16) -> server_reply::Reply {
    match request {
        client_request::Request::Acquire(acquire) if acquire.ipv6 > 3 => server_reply::Reply::Refused(Refused {
            reason: RefusalReason::Quota.into(),
            message: format!("acquire.ipv6: {}", acquire.ipv6),
            retry_after_ms: 10,
        }),
        client_request::Request::Acquire(acquire) => {
            let one = |_| {
                let number = next.fetch_add(1, Ordering::Relaxed);
                Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number).octets().to_vec()
            };
            let addresses = (0..acquire.ipv6).map(one).collect();
            server_reply::Reply::AddressSet(AddressSet {
                addresses,
                lifetime_ms: 3_600_000,
                grace_ms: 60_000,
                mtu: 1460,
            })
        }
        // Nonsense, which must not trouble the agent.
        client_request::Request::Release(release) if release.addresses.len() == 1 => {
            let addresses = release.addresses.clone();
            server_reply::Reply::AddressSet(AddressSet { addresses, ..AddressSet::default() })
        }
        client_request::Request::Release(release) => {
            server_reply::Reply::Released(Released { count: release.addresses.len() as u32 })
        }
        client_request::Request::Renew(_) => panic!("the agent does not renew"),
    }
}
