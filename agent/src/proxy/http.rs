//! The HTTP side of the proxy: CONNECT, and requests for `http:` with the whole address.

use std::sync::Arc;

use http::header::{CONNECTION, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::{TokioIo, TokioTimer};
use mimiq_masque::Target;
use tokio::net::TcpStream;

use super::carry;
use super::error::TunnelError;
use super::pipe::Pipe;
use super::pool::Pool;

type Answer = Response<Either<Incoming, Full<Bytes>>>;

/// Serves one application's connection.
pub(crate) async fn serve(pool: Arc<Pool>, stream: TcpStream) {
    let service = hyper::service::service_fn(move |request| {
        let pool = pool.clone();
        async move { Ok::<_, std::convert::Infallible>(answer(&pool, request).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "an application's HTTP ended");
    }
}

async fn answer(pool: &Arc<Pool>, request: Request<Incoming>) -> Answer {
    let outcome = match request.method() {
        &Method::CONNECT => connect(pool, request).await,
        _ => forward(pool, request).await,
    };
    outcome.unwrap_or_else(|error| {
        let (status, text) = match error {
            Problem::Request(text) => (StatusCode::BAD_REQUEST, text.to_owned()),
            Problem::Tunnel(error) => {
                metrics::counter!("mimiq_agent_proxy_failures_total", "reason" => error.name()).increment(1);
                (error.status(), error.to_string())
            }
            Problem::Http(error) => (StatusCode::BAD_GATEWAY, error.to_string()),
        };
        let mut answer = Response::new(Either::Right(Full::new(format!("mimiq-agent: {text}\n").into())));
        *answer.status_mut() = status;
        answer
    })
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("{0}")]
    Request(&'static str),
    #[error(transparent)]
    Tunnel(#[from] TunnelError),
    #[error(transparent)]
    Http(#[from] hyper::Error),
}

async fn connect(pool: &Arc<Pool>, request: Request<Incoming>) -> Result<Answer, Problem> {
    let authority = request.uri().authority().ok_or(Problem::Request("CONNECT: no HOST:PORT"))?;
    let target: Target = authority.as_str().parse().map_err(|_| Problem::Request("CONNECT: not HOST:PORT"))?;
    let tunnel = pool.tcp(&target).await?;
    tokio::spawn(async move {
        let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
        let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else { return };
        carry::tcp(parts.io.into_inner(), parts.read_buf, tunnel).await;
    });
    Ok(Response::new(Either::Right(Full::default())))
}

async fn forward(pool: &Arc<Pool>, mut request: Request<Incoming>) -> Result<Answer, Problem> {
    let uri = request.uri().clone();
    let (Some("http"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(Problem::Request("this is a proxy: ask with CONNECT, or for http://HOST/"));
    };
    // Without user information, which is not for the server.
    let authority = authority.as_str().rsplit('@').next().unwrap_or_default().to_owned();
    let with_port = if uri.port().is_some() { authority.clone() } else { format!("{authority}:80") };
    let target: Target = with_port.parse().map_err(|_| Problem::Request("not http://HOST[:PORT]/"))?;
    let tunnel = pool.tcp(&target).await?;

    let pipe = TokioIo::new(Pipe::new(tunnel));
    let (mut sender, connection) = hyper::client::conn::http1::handshake(pipe).await?;
    tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse::<Uri>().map_err(|_| Problem::Request("no path"))?;
    let host = HeaderValue::try_from(authority).map_err(|_| Problem::Request("no host"))?;
    // A proxy speaks its own version (RFC 9110 §2.5): an answer without a length gets one in chunks.
    *request.version_mut() = Version::HTTP_11;
    one_hop_only(request.headers_mut());
    request.headers_mut().insert(HOST, host);
    let mut response = sender.send_request(request).await?;
    one_hop_only(response.headers_mut());
    *response.version_mut() = Version::HTTP_11;
    Ok(response.map(Either::Left))
}

/// Removes what concerns one connection alone (RFC 9110 §7.6.1).
fn one_hop_only(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ] {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_concerns_one_connection_goes_no_further() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-One"),
            ("x-one", "1"),
            ("x-two", "2"),
            ("proxy-authorization", "secret"),
            ("proxy-connection", "keep-alive"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        one_hop_only(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-two"]);
    }
}
