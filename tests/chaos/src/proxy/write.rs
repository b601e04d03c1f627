//! Writes: whole, twice, in another order, or a part of them.

use p4runtime::{
    rpc,
    v1::{Update, WriteRequest, WriteResponse},
};
use prost::Message as _;
use rand::{Rng as _, seq::SliceRandom as _};
use tonic::{Code, Response, Status};

use super::{answer::Answer, context::Context};
use crate::fault::Fault;

type Result<T> = std::result::Result<T, Status>;

pub(super) async fn carry_out(mut context: Context, request: WriteRequest) -> Answer<WriteResponse> {
    if let Some(answer) = context.before().await {
        return answer;
    }
    let result = match context.fault {
        Some(Fault::Duplicate) => twice(&mut context, request).await,
        Some(Fault::Shuffle) => {
            let mut order: Vec<usize> = (0..request.updates.len()).collect();
            order.shuffle(&mut context.rng);
            some(&mut context, request, &order).await
        }
        Some(Fault::Half | Fault::Break) => {
            let order: Vec<usize> = (0..request.updates.len()).filter(|_| context.rng.random()).collect();
            context.note(format_args!("{} of {} updates are forwarded", order.len(), request.updates.len()));
            some(&mut context, request, &order).await
        }
        _ => forward(&context, request).await,
    };
    context.after(result).await
}

async fn forward(context: &Context, request: WriteRequest) -> Result<WriteResponse> {
    context.switch().write(request).await.map(Response::into_inner)
}

async fn twice(context: &mut Context, request: WriteRequest) -> Result<WriteResponse> {
    let first = forward(context, request.clone()).await;
    let second = forward(context, request).await;
    if context.rng.random() { first } else { second }
}

/// Forwards these updates in this order; the others fail.
async fn some(context: &mut Context, request: WriteRequest, order: &[usize]) -> Result<WriteResponse> {
    let count = request.updates.len();
    let updates: Vec<Update> = order.iter().filter_map(|index| request.updates.get(*index).cloned()).collect();
    let result =
        if updates.is_empty() { Ok(WriteResponse {}) } else { forward(context, WriteRequest { updates, ..request }).await };
    let details = match &result {
        Ok(_) => vec![detail(Code::Ok, ""); order.len()],
        Err(status) => rpc::Status::decode(status.details()).map(|status| status.details).unwrap_or_default(),
    };
    if details.len() != order.len() {
        // The switch itself did not say more.
        return result;
    }
    let mut all = vec![detail(Code::Internal, "left out by the chaos switch"); count];
    for (index, detail) in order.iter().zip(details) {
        all[*index] = detail;
    }
    if result.is_ok() && order.len() == count {
        return result;
    }
    let (code, message) = (Code::Unknown, "left out by the chaos switch");
    let status = rpc::Status { code: code as i32, message: message.into(), details: all };
    Err(Status::with_details(code, message, status.encode_to_vec().into()))
}

fn detail(code: Code, message: &str) -> prost_types::Any {
    let error =
        p4runtime::v1::Error { canonical_code: code as i32, message: message.into(), ..p4runtime::v1::Error::default() };
    prost_types::Any { type_url: "type.googleapis.com/p4.v1.Error".into(), value: error.encode_to_vec() }
}
