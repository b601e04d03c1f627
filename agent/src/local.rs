//! The Unix socket that applications connect to. One request at a time per application; events come in between.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use mimiq_api::framing::{self, FrameError};
use mimiq_api::local::{AgentMessage, AppRequest, Reason, Reclaim, Refused, agent_message, app_request};
use tokio::net::unix::OwnedReadHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use crate::address::{self, IpVersion};
use crate::daemon::Event;
use crate::stock::AppId;

/// How many addresses one request may reclaim: the answer must fit a frame.
pub const MOST_RECLAIMED: usize = 1000;
/// The longest that a take waits.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Opens the socket with mode 0660, removing one that nobody listens at.
///
/// # Errors
/// If the path cannot be used, is another kind of file, or an agent listens there already.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => return Err(io::Error::new(io::ErrorKind::AddrInUse, "another agent listens here")),
        // Linux refuses connections to other files as well.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            if !std::fs::symlink_metadata(path)?.file_type().is_socket() {
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a file that is no socket"));
            }
            std::fs::remove_file(path)?;
        }
        Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

/// Accepts applications.
pub async fn serve(listener: UnixListener, events: mpsc::Sender<Event>) {
    let mut next = 0;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let app = AppId(next);
                next += 1;
                tokio::spawn(application(stream, app, events.clone()));
            }
            Err(error) => {
                tracing::error!(%error, "cannot accept an application");
                // Out of file descriptors: trying at once would spin.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn application(stream: UnixStream, app: AppId, events: mpsc::Sender<Event>) {
    let (messages, outbox) = mpsc::unbounded_channel();
    if events.send(Event::Opened(app, messages)).await.is_err() {
        return;
    }
    if let Err(error) = converse(stream, app, &events, outbox).await {
        metrics::counter!("mimiq_agent_local_errors_total").increment(1);
        tracing::warn!(app = app.0, %error, "an application's connection failed");
    }
    let _ = events.send(Event::Closed(app)).await;
}

async fn converse(
    stream: UnixStream,
    app: AppId,
    events: &mpsc::Sender<Event>,
    mut outbox: mpsc::UnboundedReceiver<AgentMessage>,
) -> Result<(), FrameError> {
    let (read, mut write) = stream.into_split();
    let (frames, mut requests) = mpsc::channel(1);
    let reader = AbortOnDrop(tokio::spawn(read_frames(read, frames)));
    let mut waiting = false;
    let mut next = None;
    loop {
        tokio::select! {
            // While an answer is due, one more request is read, so that the end of the stream is noticed.
            frame = requests.recv(), if next.is_none() => match frame {
                Some(Ok(request)) => next = Some(request),
                Some(Err(error)) => {
                    framing::write(&mut write, &refused(error.to_string())).await?;
                    return Err(error);
                }
                None => return Ok(()),
            },
            message = outbox.recv() => match message {
                Some(message) => {
                    waiting &= is_event(&message);
                    framing::write(&mut write, &message).await?;
                }
                // The daemon stops.
                None => break,
            },
        }
        if !waiting && let Some(request) = next.take() {
            match event(app, request) {
                Ok(event) => {
                    waiting = true;
                    if events.send(event).await.is_err() {
                        break;
                    }
                }
                Err(problem) => framing::write(&mut write, &refused(problem)).await?,
            }
        }
    }
    drop(reader);
    Ok(())
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn read_frames(mut read: OwnedReadHalf, frames: mpsc::Sender<Result<AppRequest, FrameError>>) {
    loop {
        let Some(frame) = framing::read(&mut read).await.transpose() else { return };
        let last = frame.is_err();
        if frames.send(frame).await.is_err() || last {
            return;
        }
    }
}

fn event(app: AppId, request: AppRequest) -> Result<Event, String> {
    match request.request {
        Some(app_request::Request::Take(take)) => match take.ip_version {
            0 | 6 => Ok(Event::Take(app, IpVersion::V6, wait(take.wait_ms))),
            4 => Ok(Event::Take(app, IpVersion::V4, wait(take.wait_ms))),
            other => Err(format!("take.ip_version: {other}: neither 4 nor 6")),
        },
        Some(app_request::Request::Return(back)) => match address::from_bytes(&back.address) {
            Some(address) => Ok(Event::Return(app, address)),
            None => Err(format!("return.address: {} bytes, not 4 or 16", back.address.len())),
        },
        Some(app_request::Request::Reclaim(Reclaim { addresses })) => {
            if addresses.len() > MOST_RECLAIMED {
                return Err(format!("reclaim.addresses: {}: more than {MOST_RECLAIMED}", addresses.len()));
            }
            let read = |bytes: &Vec<u8>| {
                let none = || format!("reclaim.addresses: {} bytes, not 4 or 16", bytes.len());
                address::from_bytes(bytes).ok_or_else(none)
            };
            Ok(Event::Reclaim(app, addresses.iter().map(read).collect::<Result<_, _>>()?))
        }
        Some(app_request::Request::Choose(choose)) => Ok(Event::Choose(app, choose)),
        Some(app_request::Request::Report(report)) => Ok(Event::Report(app, report)),
        Some(app_request::Request::GetStatus(_)) => Ok(Event::GetStatus(app)),
        None => Err("request: missing or unknown".to_owned()),
    }
}

/// Whether it came by itself, not as an answer.
fn is_event(message: &AgentMessage) -> bool {
    use agent_message::Message::{Expired, NotHopping};
    matches!(message.message, Some(Expired(_) | NotHopping(_)))
}

fn wait(ms: u64) -> Duration {
    Duration::from_millis(ms).min(LONGEST_WAIT)
}

fn refused(message: String) -> AgentMessage {
    AgentMessage {
        message: Some(agent_message::Message::Refused(Refused {
            message,
            retry_after_ms: 0,
            reason: Reason::Unspecified.into(),
        })),
    }
}
