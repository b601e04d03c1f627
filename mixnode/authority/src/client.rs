//! Requests to an authority, which may be anybody: with an end, and answers of a bounded size.

use std::time::Duration;

use http::header::{ETAG, HOST, IF_NONE_MATCH};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::url::BaseUrl;

/// The longest that a request takes, connection and answer included.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most bytes of an explanation.
const MOST_EXPLANATION: usize = 1 << 10;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens there.
    #[error("connection: {0}")]
    Connect(#[from] std::io::Error),
    /// It is not HTTP, or it ended.
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// It cannot be asked.
    #[error("request: {0}")]
    Request(#[from] http::Error),
    /// The answer is larger than any can be, or broke off.
    #[error("answer: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
    /// It takes too long.
    #[error("no answer within {PATIENCE:?}")]
    Timeout,
    /// It says no.
    #[error("status {status}: {text}")]
    Status {
        /// The number.
        status: StatusCode,
        /// Why.
        text: String,
    },
}

/// A page, as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) bytes: Bytes,
    pub(crate) tag: Option<HeaderValue>,
}

/// Gets a page of at most so many bytes; none if it is still the one with this tag, or if there is none.
pub(crate) async fn get(
    url: &BaseUrl,
    path: &str,
    tag: Option<&HeaderValue>,
    most: usize,
) -> Result<Option<Answer>, ClientError> {
    let mut request = Request::get(url.path(path));
    if let Some(tag) = tag {
        request = request.header(IF_NONE_MATCH, tag);
    }
    let (status, answer) = ask(url, request.body(Full::default())?, most).await?;
    match status {
        StatusCode::OK => Ok(Some(answer)),
        StatusCode::NOT_MODIFIED | StatusCode::NOT_FOUND => Ok(None),
        _ => Err(refused(status, &answer.bytes)),
    }
}

/// Sends something.
pub(crate) async fn post(url: &BaseUrl, path: &str, bytes: Bytes) -> Result<(), ClientError> {
    let request = Request::builder().method(Method::POST).uri(url.path(path)).body(Full::new(bytes))?;
    match ask(url, request, MOST_EXPLANATION).await? {
        (status, _) if status.is_success() => Ok(()),
        (status, answer) => Err(refused(status, &answer.bytes)),
    }
}

fn refused(status: StatusCode, text: &Bytes) -> ClientError {
    // Control characters are not for whoever reads the log.
    let text = String::from_utf8_lossy(&text[..text.len().min(MOST_EXPLANATION)]);
    ClientError::Status { status, text: text.trim().chars().filter(|character| !character.is_control()).collect() }
}

async fn ask(
    url: &BaseUrl,
    mut request: Request<Full<Bytes>>,
    most: usize,
) -> Result<(StatusCode, Answer), ClientError> {
    request.headers_mut().insert(HOST, HeaderValue::try_from(&url.host).map_err(http::Error::from)?);
    let answer = async {
        let stream = TcpStream::connect(&url.address).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let exchange = async {
            let response = sender.send_request(request).await?;
            let (head, body) = response.into_parts();
            let bytes = Limited::new(body, most).collect().await.map_err(ClientError::Body)?.to_bytes();
            Ok((head.status, Answer { bytes, tag: head.headers.get(ETAG).cloned() }))
        };
        // The connection is driven here, and ends with the exchange.
        tokio::pin!(connection, exchange);
        tokio::select! {
            answer = &mut exchange => answer,
            ended = &mut connection => match ended {
                Ok(()) => exchange.await,
                Err(error) => Err(error.into()),
            },
        }
    };
    tokio::time::timeout(PATIENCE, answer).await.unwrap_or(Err(ClientError::Timeout))
}
