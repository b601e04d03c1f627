//! Why there is no tunnel, as the proxy's applications hear it.

use std::net::SocketAddr;

use http::{HeaderMap, StatusCode};

use super::socks::Reply;
use crate::get;
use crate::sdk::{AgentError, ConnectError};

/// Why the proxy could not start.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// A file cannot be used.
    #[error("proxy.exit.{0}")]
    File(String),
    /// The exit's certificates cannot be checked.
    #[error("proxy.exit.ca: {0}")]
    Tls(#[from] rustls::Error),
    /// An address cannot be bound.
    #[error("{field}: {address}: {source}")]
    Listen {
        /// Which one.
        field: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// Reads who may have signed the exit's certificate.
pub(super) fn roots(path: &std::path::Path) -> Result<rustls::RootCertStore, ProxyError> {
    get::roots(path).map_err(|error| ProxyError::File(format!("{error:#}")))
}

/// Why there is no connection to the exit.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("no address: {0}")]
    Agent(#[from] AgentError),
    #[error("no connection to the exit: {0}")]
    Connect(#[from] ConnectError),
    #[error("no HTTP/3 with the exit: {0}")]
    Http(#[from] h3::error::ConnectionError),
    #[error("{0}")]
    Tls(#[from] quinn::crypto::rustls::NoInitialCipherSuite),
    #[error("the exit does not answer")]
    Timeout,
}

/// Why there is no tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TunnelError {
    /// There is no connection to the exit.
    #[error("the exit cannot be reached")]
    NoExit,
    /// The exit does not know the token.
    #[error("the exit refuses the token")]
    Unauthorized,
    /// The exit does not allow it.
    #[error("the exit does not allow this destination")]
    NotAllowed,
    /// This user has too many.
    #[error("too many tunnels")]
    TooMany,
    /// A name that leads nowhere, or the host is not there.
    #[error("the host cannot be reached")]
    Host,
    /// No route.
    #[error("the network cannot be reached")]
    Network,
    /// Nobody listens there.
    #[error("the connection was refused")]
    Refused,
    /// No answer.
    #[error("no answer in time")]
    Timeout,
    /// Something else.
    #[error("the exit answered {0}")]
    Status(u16),
}

impl TunnelError {
    /// What the exit's answer means.
    pub(crate) fn from_response(status: StatusCode, headers: &HeaderMap) -> Self {
        match proxy_status(headers) {
            Some("destination_ip_prohibited" | "http_request_denied") => Self::NotAllowed,
            Some("connection_limit_reached") => Self::TooMany,
            Some("dns_error" | "dns_timeout" | "destination_not_found" | "destination_unavailable") => Self::Host,
            Some("destination_ip_unroutable") => Self::Network,
            Some("connection_refused") => Self::Refused,
            Some("connection_timeout") => Self::Timeout,
            _ => match status {
                StatusCode::PROXY_AUTHENTICATION_REQUIRED | StatusCode::UNAUTHORIZED => Self::Unauthorized,
                StatusCode::FORBIDDEN => Self::NotAllowed,
                StatusCode::TOO_MANY_REQUESTS => Self::TooMany,
                StatusCode::GATEWAY_TIMEOUT => Self::Timeout,
                _ => Self::Status(status.as_u16()),
            },
        }
    }

    /// As SOCKS5 says it (RFC 1928 §6).
    pub(crate) fn reply(self) -> Reply {
        match self {
            Self::NoExit | Self::Unauthorized | Self::TooMany | Self::Status(_) => Reply::GeneralFailure,
            Self::NotAllowed => Reply::NotAllowed,
            Self::Host => Reply::HostUnreachable,
            Self::Network => Reply::NetworkUnreachable,
            Self::Refused => Reply::ConnectionRefused,
            // What other implementations say when connecting takes too long.
            Self::Timeout => Reply::TtlExpired,
        }
    }

    /// As HTTP says it. (407 would make a browser ask for a password.)
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::NotAllowed => StatusCode::FORBIDDEN,
            Self::TooMany => StatusCode::SERVICE_UNAVAILABLE,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::BAD_GATEWAY,
        }
    }

    /// The reason's name in metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NoExit => "no_exit",
            Self::Unauthorized => "unauthorized",
            Self::NotAllowed => "not_allowed",
            Self::TooMany => "too_many",
            Self::Host => "host",
            Self::Network => "network",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Status(_) => "other",
        }
    }
}

/// The error that `Proxy-Status` (RFC 9209) names.
fn proxy_status(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get("proxy-status")?.to_str().ok()?;
    value.split(';').find_map(|parameter| parameter.trim().strip_prefix("error=")).map(|error| error.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exits_reasons_are_understood() {
        for (status, value, error, reply) in [
            (502, Some("mimiq-exit; error=connection_refused"), TunnelError::Refused, Reply::ConnectionRefused),
            (502, Some("other; x=1; error=\"dns_error\"; y"), TunnelError::Host, Reply::HostUnreachable),
            (403, Some("p; error=destination_ip_prohibited"), TunnelError::NotAllowed, Reply::NotAllowed),
            (407, None, TunnelError::Unauthorized, Reply::GeneralFailure),
            (504, Some("nonsense"), TunnelError::Timeout, Reply::TtlExpired),
            (500, None, TunnelError::Status(500), Reply::GeneralFailure),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert("proxy-status", value.parse().unwrap());
            }
            let found = TunnelError::from_response(StatusCode::from_u16(status).unwrap(), &headers);
            assert_eq!((found, found.reply()), (error, reply));
        }
    }
}
