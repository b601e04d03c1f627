//! Reads. An answer may come in any number of messages and any order (P4Runtime §11).

use p4runtime::v1::{Entity, ReadRequest, ReadResponse};
use rand::{Rng as _, seq::SliceRandom as _};
use tonic::Status;

use super::{answer::Answer, context::Context};
use crate::fault::Fault;

/// The messages of the answer; perhaps the last one is an error.
pub(super) type Messages = Vec<Result<ReadResponse, Status>>;

pub(super) async fn carry_out(mut context: Context, request: ReadRequest) -> Answer<Messages> {
    if let Some(answer) = context.before().await {
        return answer;
    }
    let read = read(&mut context, request).await;
    let result = read.map(|mut messages| {
        match context.fault {
            Some(Fault::Shuffle) => shuffle(&mut context, &mut messages),
            Some(Fault::Break) => {
                shuffle(&mut context, &mut messages);
                let kept = context.rng.random_range(0..=messages.len());
                context.note(format_args!("breaks off after {kept} of {} messages", messages.len()));
                messages.truncate(kept);
                messages.push(Err(Status::unavailable("the chaos switch broke off")));
                // This is the answer, and not that of a write that was broken off.
                context.fault = None;
            }
            _ => {}
        }
        messages
    });
    context.after(result).await
}

async fn read(context: &mut Context, request: ReadRequest) -> Result<Messages, Status> {
    let mut stream = context.switch().read(request).await?.into_inner();
    let mut messages = Vec::new();
    loop {
        match stream.message().await {
            Ok(Some(message)) => messages.push(Ok(message)),
            Ok(None) => return Ok(messages),
            Err(status) => {
                messages.push(Err(status));
                return Ok(messages);
            }
        }
    }
}

/// Deals the entities into messages anew.
fn shuffle(context: &mut Context, messages: &mut Messages) {
    let mut entities: Vec<Entity> = Vec::new();
    let mut failure = None;
    for message in messages.drain(..) {
        match message {
            Ok(message) => entities.extend(message.entities),
            Err(status) => failure = Some(Err(status)),
        }
    }
    entities.shuffle(&mut context.rng);
    while !entities.is_empty() {
        let most = entities.len().min(200);
        let count = context.rng.random_range(1..=most);
        messages.push(Ok(ReadResponse { entities: entities.drain(..count).collect() }));
    }
    messages.extend(failure);
}
