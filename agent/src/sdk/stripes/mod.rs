//! One large reply over several connections, each of which changes its address in turn.

mod lane;
mod link;
mod pace;
mod pieces;
mod range;
mod shared;

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes};
use h3::error::StreamError;
use http::{Request, Response, StatusCode, header};
use tokio::task::JoinSet;

use self::lane::Lane;
use self::link::{Link, Stream};
use self::range::Whole;
use self::shared::Shared;
use super::connector::{ConnectError, Connector};
use super::http3::Http3Error;
use crate::policy::Policy;

/// Why a download ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The first connection, or its request.
    #[error(transparent)]
    Http3(#[from] Http3Error),
    /// What is asked for is not an URI for this.
    #[error("uri: {0}")]
    Uri(#[from] http::Error),
    /// It is another one than when the download began.
    #[error("the file changed on the server")]
    Changed,
    /// No connection gets any further.
    #[error("no connection gets any further: {0}")]
    GivenUp(String),
}

impl From<ConnectError> for DownloadError {
    fn from(error: ConnectError) -> Self {
        Http3Error::from(error).into()
    }
}

impl From<StreamError> for DownloadError {
    fn from(error: StreamError) -> Self {
        Http3Error::from(error).into()
    }
}

/// Downloads: over several connections if the policy is [`Policy::Stripes`], else over one that follows the policy.
///
/// The body is asked for in parts (RFC 9110 §14), which the connections share. A change of address makes the server begin anew with a
/// small congestion window (RFC 9000 §9.4); they change one after the other, so that the others go on meanwhile. A server that
/// cannot send parts, or has no strong validator for the whole, sends it over one connection.
#[derive(Clone)]
pub struct Stripes {
    connector: Connector,
    server: SocketAddr,
    name: String,
}

/// How one download is spread.
#[derive(Clone)]
struct Striping {
    connector: Connector,
    server: SocketAddr,
    name: String,
    connections: usize,
    /// How long a connection stays at an address.
    stay: RangeInclusive<Duration>,
}

impl Stripes {
    /// From this server; ALPN must be `h3`.
    #[must_use]
    pub fn new(connector: Connector, server: SocketAddr, server_name: &str) -> Self {
        Self { connector, server, name: server_name.to_owned() }
    }

    /// Asks for it.
    ///
    /// # Errors
    /// If there is no response.
    pub async fn get(&self, uri: http::Uri) -> Result<Download, DownloadError> {
        let Self { connector, server, name } = self.clone();
        let policy = connector.choose(server, &name).await?;
        let Policy::Stripes { connections, min, max } = policy else {
            let link = Arc::new(Link::open(connector.policy(policy), server, name).await?);
            let (head, stream) = link.ask(Request::get(uri).body(())?).await?;
            let mut lanes = JoinSet::new();
            lanes.spawn(lane::keep(link));
            return Ok(Download { head, body: Body::Whole(Box::new(stream)), lanes });
        };
        let connector = connector.policy(policy).by_hand();
        let stay = min.duration()..=max.duration();
        let striping = Striping { connector, server, name, connections: usize::from(connections), stay };
        striping.get(uri).await
    }
}

impl Striping {
    async fn get(self, uri: http::Uri) -> Result<Download, DownloadError> {
        let start = Instant::now();
        let shared = Arc::new(Shared::new(self.connections));
        let lane = |number| Lane::new(number, self.clone(), shared.clone(), uri.clone(), start);
        let mut lanes = JoinSet::new();
        for number in 1..self.connections {
            lanes.spawn(lane(number).run(None));
        }
        let link = Arc::new(Link::open(self.connector.clone(), self.server, self.name.clone()).await?);
        let request = Request::get(uri.clone()).header(header::RANGE, range::header(&(0..pieces::PIECE))).body(())?;
        let (head, stream) = link.ask(request).await?;
        match range::part(&head) {
            Some((whole, part)) if part.start == 0 => {
                let whole = Arc::new(whole);
                let name = shared.begin(whole.clone(), part.end);
                lanes.spawn(lane(0).run(Some((link, name, stream))));
                Ok(Download { head: whole_head(head, &whole), body: Body::Striped(shared), lanes })
            }
            // There are no parts of nothing, and this part could not be told from one of another file: without parts, then.
            _ if matches!(head.status(), StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::PARTIAL_CONTENT) => {
                let (head, stream) = link.ask(Request::get(uri.clone()).body(())?).await?;
                lanes.abort_all();
                lanes.spawn(lane(0).hop(link));
                Ok(Download { head, body: Body::Whole(Box::new(stream)), lanes })
            }
            // As it comes, from one connection.
            _ => {
                lanes.abort_all();
                lanes.spawn(lane(0).hop(link));
                Ok(Download { head, body: Body::Whole(Box::new(stream)), lanes })
            }
        }
    }
}

/// As if nobody had asked for parts.
fn whole_head(mut head: Response<()>, whole: &Whole) -> Response<()> {
    *head.status_mut() = StatusCode::OK;
    head.headers_mut().remove(header::CONTENT_RANGE);
    head.headers_mut().insert(header::CONTENT_LENGTH, whole.size.into());
    head
}

enum Body {
    Striped(Arc<Shared>),
    Whole(Box<Stream>),
}

/// A response. Its connections close when it is dropped.
pub struct Download {
    head: Response<()>,
    body: Body,
    lanes: JoinSet<()>,
}

impl Download {
    /// Status and header fields, as of a request for the whole.
    #[must_use]
    pub fn head(&self) -> &Response<()> {
        &self.head
    }

    /// Whether more than one connection can take part.
    #[must_use]
    pub fn is_striped(&self) -> bool {
        matches!(self.body, Body::Striped(_))
    }

    /// The next piece of the body, in order; none at its end.
    ///
    /// # Errors
    /// If it will not be complete.
    pub async fn data(&mut self) -> Result<Option<Bytes>, DownloadError> {
        match &mut self.body {
            Body::Striped(shared) => shared.read().await,
            Body::Whole(stream) => {
                Ok(stream.recv_data().await?.map(|mut chunk| chunk.copy_to_bytes(chunk.remaining())))
            }
        }
    }

    /// Closes the connections and waits until their last packets are out.
    pub async fn close(mut self) {
        match self.body {
            Body::Striped(shared) => shared.end(),
            Body::Whole(_) => self.lanes.abort_all(),
        }
        while self.lanes.join_next().await.is_some() {}
    }
}
