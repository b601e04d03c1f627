//! One request: who asks, for what, and what becomes of it.

use bytes::Bytes;
use h3::error::Code;
use h3::ext::Protocol;
use h3::server::RequestStream;
use http::{HeaderValue, Method, Request, Response};
use mimiq_masque::Target;
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::Instant;

use crate::connection::Context;
use crate::limits::{Kind, Slot};
use crate::refusal::Refusal;
use crate::{dial, tcp, udp};

pub(crate) type Stream = RequestStream<h3_quinn::BidiStream<Bytes>, Bytes>;

/// What is asked for: a kind of tunnel, and where it should lead to.
fn asked(request: &Request<()>) -> Result<(Kind, Target), Refusal> {
    if request.method() != Method::CONNECT {
        return Err(Refusal::Method);
    }
    let uri = request.uri();
    match request.extensions().get::<Protocol>() {
        // RFC 9298. The authority is the exit's own name, whichever it is.
        Some(protocol) if *protocol == Protocol::CONNECT_UDP => {
            Ok((Kind::Udp, Target::from_path(uri.path()).map_err(|_| Refusal::Target)?))
        }
        Some(_) => Err(Refusal::Method),
        // RFC 9114 §4.4. (Scheme and path, which must not be there, are what the h3 crate's client sends.)
        None => {
            let authority = uri.authority().ok_or(Refusal::Target)?;
            Ok((Kind::Tcp, authority.as_str().parse().map_err(|_| Refusal::Target)?))
        }
    }
}

/// Whether this request may have a tunnel.
fn admit(context: &Context, request: &Request<()>) -> Result<(Slot, Kind, Target), Refusal> {
    let shared = &context.shared;
    let Some(user) = shared.users.authenticate(request.headers()) else {
        context.strike();
        return Err(Refusal::Unauthorized);
    };
    context.admit(user)?;
    if *context.stopped.borrow() {
        return Err(Refusal::Stopping);
    }
    let (kind, target) = asked(request)?;
    Ok((shared.usage.take(kind, user)?, kind, target))
}

/// What a tunnel leads to.
enum Opened {
    Tcp(TcpStream),
    Udp(UdpSocket),
}

async fn open(context: &Context, kind: Kind, target: &Target) -> Result<Opened, Refusal> {
    let shared = &context.shared;
    let end = Instant::now() + shared.usage.limits().connect_timeout();
    match kind {
        Kind::Udp => Ok(Opened::Udp(dial::udp(&shared.policy, target, end).await?)),
        _ => Ok(Opened::Tcp(dial::tcp(&shared.policy, target, end).await?)),
    }
}

/// Serves a request to its end.
pub(crate) async fn serve(context: &Context, request: &Request<()>, mut stream: Stream) {
    let opened = async {
        let (slot, kind, target) = admit(context, request)?;
        Ok((slot, kind, open(context, kind, &target).await?))
    };
    let (slot, kind, opened) = match opened.await {
        Ok(opened) => opened,
        Err(refusal) => return refuse(refusal, stream).await,
    };
    let mut response = Response::new(());
    if kind == Kind::Udp {
        // RFC 9297 §3.4.
        response.headers_mut().insert("capsule-protocol", HeaderValue::from_static("?1"));
    }
    if stream.send_response(response).await.is_err() {
        return;
    }
    metrics::counter!("mimiq_exit_tunnels_total", "kind" => kind.name()).increment(1);
    let ended = match opened {
        Opened::Tcp(tcp) => tcp::carry(context, tcp, stream).await,
        Opened::Udp(udp) => udp::carry(context, udp, stream).await,
    };
    metrics::counter!("mimiq_exit_tunnels_ended_total", "kind" => kind.name(), "reason" => ended).increment(1);
    drop(slot);
}

async fn refuse(refusal: Refusal, mut stream: Stream) {
    metrics::counter!("mimiq_exit_refusals_total", "reason" => refusal.name()).increment(1);
    tracing::debug!(%refusal, "a request was refused");
    // A client that is gone does not need to know.
    if stream.send_response(refusal.response()).await.is_err() || stream.finish().await.is_err() {
        stream.stop_stream(Code::H3_REQUEST_CANCELLED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(uri: &str, protocol: Option<Protocol>) -> Result<(Kind, String), Refusal> {
        let mut request = Request::connect(uri).body(()).unwrap();
        if let Some(protocol) = protocol {
            request.extensions_mut().insert(protocol);
        }
        asked(&request).map(|(kind, target)| (kind, target.to_string()))
    }

    #[test]
    fn what_is_asked() {
        let udp = Some(Protocol::CONNECT_UDP);
        assert_eq!(connect("example.org:443", None), Ok((Kind::Tcp, "example.org:443".into())));
        assert_eq!(connect("https://example.org:443/", None), Ok((Kind::Tcp, "example.org:443".into())));
        let path = "https://exit/.well-known/masque/udp/192.0.2.1/53/";
        assert_eq!(connect(path, udp), Ok((Kind::Udp, "192.0.2.1:53".into())));
        assert_eq!(connect("https://exit/udp/192.0.2.1/53/", udp), Err(Refusal::Target));
        assert_eq!(connect("example.org", None), Err(Refusal::Target));
        assert_eq!(connect("user@example.org:443", None), Err(Refusal::Target));
        assert_eq!(connect("https://exit/", Some(Protocol::WEB_TRANSPORT)), Err(Refusal::Method));
        assert_eq!(asked(&Request::get("https://exit/").body(()).unwrap()), Err(Refusal::Method));
    }
}
