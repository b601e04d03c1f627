//! StreamChannels: messages pass both ways until one side ends, or what befalls the stream.

use std::{pin::pin, time::Duration};

use p4runtime::v1::{StreamMessageRequest, StreamMessageResponse};
use rand::Rng as _;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::{answer::Answer, context::Context};
use crate::fault::Fault;

/// For how long a switch takes a stream for alive whose controller was cut off.
const HALF_OPEN: Duration = Duration::from_secs(10);
/// As long as no test runs.
const NEVER: Duration = Duration::from_secs(86_400);

type Sender = mpsc::Sender<Result<StreamMessageResponse, Status>>;
type Receiver = mpsc::Receiver<Result<StreamMessageResponse, Status>>;

pub(super) async fn open(mut context: Context, inbound: Streaming<StreamMessageRequest>) -> Result<Receiver, Status> {
    match context.before::<()>().await {
        None => {}
        Some(Answer::Given(Err(status))) => return Err(status),
        Some(_) => std::future::pending().await,
    }
    let (outbound, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        if let Err(status) = relay(&mut context, inbound, &outbound).await {
            context.note(format_args!("ended: {:?}: {}", status.code(), status.message()));
            // The controller may have gone before.
            let _ = outbound.send(Err(status)).await;
        }
    });
    Ok(receiver)
}

async fn relay(
    context: &mut Context,
    mut inbound: Streaming<StreamMessageRequest>,
    outbound: &Sender,
) -> Result<(), Status> {
    let (requests, receiver) = mpsc::channel(8);
    // Servers may answer the call only with the first message.
    requests.send(inbound.message().await?.ok_or_else(gone)?).await.map_err(|_| gone())?;
    let mut responses = context.switch().stream_channel(ReceiverStream::new(receiver)).await?.into_inner();
    let longest = context.shared.settings.longest_delay;
    let life = if context.fault == Some(Fault::End) { longest.mul_f64(context.rng.random()) } else { NEVER };
    let mut end = pin!(sleep(life));
    let (mut answered, mut mute) = (false, false);
    loop {
        tokio::select! {
            request = inbound.message() => match request {
                Ok(Some(request)) => requests.send(request).await.map_err(|_| gone())?,
                Ok(None) | Err(_) => break,
            },
            response = responses.message() => {
                let Some(response) = response? else { return Ok(()) };
                if !answered {
                    answered = true;
                    match context.after(Ok(())).await {
                        Answer::Given(result) => result?,
                        Answer::Never => mute = true,
                    }
                }
                if !mute && outbound.send(Ok(response)).await.is_err() {
                    break;
                }
            }
            () = &mut end => return Err(Status::unavailable("the chaos switch ended the stream")),
        }
    }
    if context.connection.is_half_open() {
        context.note(format_args!("the switch does not notice"));
        let alive = async { while let Ok(Some(_)) = responses.message().await {} };
        // Either way the stream goes now.
        let _ = timeout(HALF_OPEN, alive).await;
    }
    drop(requests);
    Err(gone())
}

fn gone() -> Status {
    Status::unavailable("the controller is gone")
}
