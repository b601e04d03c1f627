//! Why a request was refused, as the client hears it (status, and `Proxy-Status` of RFC 9209) and as metrics name it.

use std::io;

use http::{HeaderValue, Response, StatusCode, header::PROXY_AUTHENTICATE};

/// Why there is no tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// No valid token.
    #[error("no valid token")]
    Unauthorized,
    /// Neither CONNECT nor CONNECT-UDP.
    #[error("neither CONNECT nor connect-udp")]
    Method,
    /// No target that makes sense.
    #[error("no target that makes sense")]
    Target,
    /// A port that the operator does not allow.
    #[error("the port is not allowed")]
    Port,
    /// An address that is not for everybody, or that the operator does not allow.
    #[error("the address is not allowed")]
    Address,
    /// The user has as many tunnels as allowed.
    #[error("too many tunnels")]
    Tunnels,
    /// The user has as many connections as allowed.
    #[error("too many connections")]
    Connections,
    /// The name leads nowhere.
    #[error("the name cannot be resolved")]
    Dns,
    /// Nobody said where the name leads to.
    #[error("no answer from DNS")]
    DnsTimeout,
    /// Nobody listens there.
    #[error("connection refused")]
    Refused,
    /// There is no way to it.
    #[error("no route")]
    Unroutable,
    /// No answer.
    #[error("connecting took too long")]
    Timeout,
    /// The exit stops.
    #[error("the exit stops")]
    Stopping,
    /// The exit itself has a problem, such as no free file descriptor.
    #[error("the exit has a problem")]
    Internal,
}

impl Refusal {
    /// The reason's name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Method => "method",
            Self::Target => "target",
            Self::Port => "port",
            Self::Address => "address",
            Self::Tunnels => "tunnels",
            Self::Connections => "connections",
            Self::Dns => "dns",
            Self::DnsTimeout => "dns_timeout",
            Self::Refused => "refused",
            Self::Unroutable => "unroutable",
            Self::Timeout => "timeout",
            Self::Stopping => "stopping",
            Self::Internal => "internal",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::PROXY_AUTHENTICATION_REQUIRED,
            Self::Method => StatusCode::NOT_FOUND,
            Self::Target => StatusCode::BAD_REQUEST,
            Self::Port | Self::Address => StatusCode::FORBIDDEN,
            Self::Tunnels | Self::Connections => StatusCode::TOO_MANY_REQUESTS,
            Self::Dns | Self::Refused | Self::Unroutable => StatusCode::BAD_GATEWAY,
            Self::DnsTimeout | Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// RFC 9209 §2.3.
    fn proxy_status(self) -> Option<&'static str> {
        Some(match self {
            Self::Unauthorized | Self::Method | Self::Stopping => return None,
            Self::Target => "mimiq-exit; error=http_request_error",
            Self::Port => "mimiq-exit; error=http_request_denied",
            Self::Address => "mimiq-exit; error=destination_ip_prohibited",
            Self::Tunnels | Self::Connections => "mimiq-exit; error=connection_limit_reached",
            Self::Dns => "mimiq-exit; error=dns_error",
            Self::DnsTimeout => "mimiq-exit; error=dns_timeout",
            Self::Refused => "mimiq-exit; error=connection_refused",
            Self::Unroutable => "mimiq-exit; error=destination_ip_unroutable",
            Self::Timeout => "mimiq-exit; error=connection_timeout",
            Self::Internal => "mimiq-exit; error=proxy_internal_error",
        })
    }

    /// What the client is told.
    #[must_use]
    pub fn response(self) -> Response<()> {
        let mut response = Response::new(());
        *response.status_mut() = self.status();
        if let Some(value) = self.proxy_status() {
            response.headers_mut().insert("proxy-status", HeaderValue::from_static(value));
        }
        if self == Self::Unauthorized {
            response.headers_mut().insert(PROXY_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"mimiq-exit\""));
        }
        response
    }
}

/// Why a socket could not be opened or connected.
impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => Self::Refused,
            io::ErrorKind::TimedOut => Self::Timeout,
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable | io::ErrorKind::PermissionDenied => {
                Self::Unroutable
            }
            _ => Self::Internal,
        }
    }
}
