use std::error::Error;

use tonic::{Code, Status};

use super::ElectionId;

/// Why a switch cannot be used at the moment.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    #[error("{}", with_causes(.0))]
    Transport(#[from] tonic::transport::Error),
    #[error("{call}: {code:?}: {message}")]
    Call { call: &'static str, code: Code, message: String },
    #[error("{0}: no answer in time")]
    Timeout(&'static str),
    /// Another controller is, or one has this very ID.
    #[error("arbitration: not primary with election_id {}: {message}", .election_id.0)]
    NotPrimary { election_id: ElectionId, message: String },
    /// BMv2 does not say what it dislikes; the question is what is probably wrong.
    #[error("{call}: {code:?}: {message} ({question}?)")]
    Puzzling { call: &'static str, code: Code, message: String, question: String },
    #[error("{0}: the switch closed the stream")]
    Closed(&'static str),
    /// Without the message, which may name a client's address.
    #[error("write: {0:?} without the error of each update")]
    NoDetails(Code),
    #[error("the switch refused to delete an entry")]
    Undone,
    #[error(transparent)]
    P4Info(#[from] p4runtime::TextError),
}

/// A transport's error says in its own words only that there is one.
fn with_causes(error: &tonic::transport::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

pub(super) fn call(call: &'static str) -> impl Fn(Status) -> Lost {
    move |status| Lost::Call { call, code: status.code(), message: status.message().to_owned() }
}

pub(super) fn puzzling(call: &'static str, question: String) -> impl FnOnce(Status) -> Lost {
    move |status| Lost::Puzzling { call, code: status.code(), message: status.message().to_owned(), question }
}

/// An ID that another stream has ends this one with INVALID_ARGUMENT (P4Runtime §5.3).
pub(super) fn not_arbitrated(election_id: ElectionId, status: &Status) -> Lost {
    let message = status.message().to_owned();
    match status.code() {
        Code::InvalidArgument => Lost::NotPrimary { election_id, message },
        code => Lost::Call { call: "arbitration", code, message },
    }
}
