//! The wire format against another implementation, PyPI's `p4runtime`: the same names, numbers and types, and every
//! field of every message in both directions.

mod fill;
mod peer;

use std::collections::{BTreeMap, BTreeSet};

use p4runtime::{config::v1::P4Info, rpc::Status, v1};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, ReflectMessage as _};

use fill::{Filler, fields_set};

/// Decodes and encodes with the generated type of this name.
fn through_generated(name: &str, bytes: &[u8]) -> Vec<u8> {
    macro_rules! generated {
        ($($full_name:literal => $ty:ty),+ $(,)?) => {
            match name {
                $($full_name => <$ty>::decode(bytes).unwrap().encode_to_vec(),)+
                _ => panic!("{name} is not in ROOTS"),
            }
        };
    }
    generated! {
        "p4.v1.WriteRequest" => v1::WriteRequest,
        "p4.v1.WriteResponse" => v1::WriteResponse,
        "p4.v1.ReadRequest" => v1::ReadRequest,
        "p4.v1.ReadResponse" => v1::ReadResponse,
        "p4.v1.SetForwardingPipelineConfigRequest" => v1::SetForwardingPipelineConfigRequest,
        "p4.v1.SetForwardingPipelineConfigResponse" => v1::SetForwardingPipelineConfigResponse,
        "p4.v1.GetForwardingPipelineConfigRequest" => v1::GetForwardingPipelineConfigRequest,
        "p4.v1.GetForwardingPipelineConfigResponse" => v1::GetForwardingPipelineConfigResponse,
        "p4.v1.StreamMessageRequest" => v1::StreamMessageRequest,
        "p4.v1.StreamMessageResponse" => v1::StreamMessageResponse,
        "p4.v1.CapabilitiesRequest" => v1::CapabilitiesRequest,
        "p4.v1.CapabilitiesResponse" => v1::CapabilitiesResponse,
        "p4.v1.Error" => v1::Error,
        "p4.config.v1.P4Info" => P4Info,
        "google.rpc.Status" => Status,
    }
}

/// From these all messages can be reached: what the service takes and returns, what a `Status` carries inside, and what
/// is in files.
const ROOTS: [&str; 15] = [
    "p4.v1.WriteRequest",
    "p4.v1.WriteResponse",
    "p4.v1.ReadRequest",
    "p4.v1.ReadResponse",
    "p4.v1.SetForwardingPipelineConfigRequest",
    "p4.v1.SetForwardingPipelineConfigResponse",
    "p4.v1.GetForwardingPipelineConfigRequest",
    "p4.v1.GetForwardingPipelineConfigResponse",
    "p4.v1.StreamMessageRequest",
    "p4.v1.StreamMessageResponse",
    "p4.v1.CapabilitiesRequest",
    "p4.v1.CapabilitiesResponse",
    "p4.v1.Error",
    "p4.config.v1.P4Info",
    "google.rpc.Status",
];

/// Enough for each oneof to get through its alternatives, also where it is inside another.
const ROUNDS: usize = 24;

fn our_pool() -> DescriptorPool {
    DescriptorPool::decode(p4runtime::FILE_DESCRIPTOR_SET).unwrap()
}

/// The message as the text format says it, read by our names.
fn by_name(pool: &DescriptorPool, message: &peer::Message) -> DynamicMessage {
    let descriptor = pool.get_message_by_name(&message.name).unwrap();
    DynamicMessage::parse_text_format(descriptor, &message.text)
        .unwrap_or_else(|e| panic!("{}: {e}\n{}", message.name, message.text))
}

/// The message as its bytes say it, read by our numbers.
fn by_number(pool: &DescriptorPool, name: &str, bytes: &[u8]) -> DynamicMessage {
    DynamicMessage::decode(pool.get_message_by_name(name).unwrap(), bytes).unwrap()
}

/// The fields that no message used. A map's entries have no names of their own in the reflected values.
fn unused(pool: &DescriptorPool, used: &BTreeSet<String>) -> Vec<String> {
    let messages = pool.all_messages().filter(|m| !m.is_map_entry());
    let fields = messages.flat_map(|m| m.fields().map(|f| f.full_name().to_owned()).collect::<Vec<_>>());
    fields.filter(|name| is_p4runtime(name) && !used.contains(name)).collect()
}

fn is_p4runtime(name: &str) -> bool {
    name.starts_with("p4.") || name.starts_with("google.rpc.Status")
}

fn field_line(field: &FieldDescriptor) -> String {
    let kind = match field.kind() {
        Kind::Message(message) => message.full_name().to_owned(),
        Kind::Enum(kind) => kind.full_name().to_owned(),
        kind => format!("{kind:?}"),
    };
    let oneof = field.containing_oneof().map(|o| o.name().to_owned());
    let (number, label, packed) = (field.number(), field.cardinality(), field.is_packed());
    format!("number {number}, {label:?} {kind}, packed {packed}, oneof {oneof:?}")
}

/// One line for each field, enumerator and method.
fn interface(pool: &DescriptorPool) -> BTreeMap<String, String> {
    let messages = pool.all_messages();
    let fields =
        messages.flat_map(|m| m.fields().map(|f| (f.full_name().to_owned(), field_line(&f))).collect::<Vec<_>>());
    let enumerators = pool.all_enums().flat_map(|e| {
        e.values().map(|v| (format!("{}.{}", e.full_name(), v.name()), v.number().to_string())).collect::<Vec<_>>()
    });
    let methods = pool.services().flat_map(|s| {
        let line = |m: prost_reflect::MethodDescriptor| {
            let (input, output) = (m.input().full_name().to_owned(), m.output().full_name().to_owned());
            let streams = (m.is_client_streaming(), m.is_server_streaming());
            (m.full_name().to_owned(), format!("{input} to {output}, streams {streams:?}"))
        };
        s.methods().map(line).collect::<Vec<_>>()
    });
    let empty = pool.all_messages().map(|m| (m.full_name().to_owned(), "message".to_owned()));
    fields.chain(enumerators).chain(methods).chain(empty).filter(|(name, _)| is_p4runtime(name)).collect()
}

#[test]
fn every_message_field_enumerator_and_method_is_the_peers() {
    let theirs = interface(&DescriptorPool::decode(peer::descriptors().as_slice()).unwrap());
    let our = interface(&our_pool());
    assert!(theirs.contains_key("p4.v1.P4Runtime.StreamChannel") && theirs.len() > 400, "{}", theirs.len());
    let names: BTreeSet<_> = theirs.keys().chain(our.keys()).collect();
    let different: Vec<_> = names
        .into_iter()
        .filter(|name| theirs.get(*name) != our.get(*name))
        .map(|name| format!("{name}: theirs {:?}, ours {:?}", theirs.get(name), our.get(name)))
        .collect();
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn the_peer_reads_every_field_that_we_write() {
    let pool = our_pool();
    let mut filler = Filler::default();
    let filled: Vec<_> =
        (0..ROUNDS).flat_map(|_| ROOTS).map(|name| filler.message(&pool.get_message_by_name(name).unwrap())).collect();
    let mut used = BTreeSet::new();
    filled.iter().for_each(|m| fields_set(m, &mut used));
    assert_eq!(unused(&pool, &used), Vec::<String>::new());

    let sent: Vec<_> = filled
        .iter()
        .map(|message| {
            let name = message.descriptor().full_name().to_owned();
            let bytes = through_generated(&name, &message.encode_to_vec());
            peer::Message { name, bytes, text: String::new() }
        })
        .collect();
    for (ours, theirs) in filled.iter().zip(peer::echo(&sent)) {
        assert_eq!(&by_name(&pool, &theirs), ours, "what the peer saw");
        assert_eq!(&by_number(&pool, &theirs.name, &theirs.bytes), ours, "what the peer sent back");
    }
}

#[test]
fn we_read_every_field_that_the_peer_writes() {
    let pool = our_pool();
    let theirs = peer::generate(&ROOTS);
    let mut used = BTreeSet::new();
    let mut answers = Vec::new();
    for message in &theirs {
        let bytes = through_generated(&message.name, &message.bytes);
        let seen = by_number(&pool, &message.name, &bytes);
        assert_eq!(seen, by_name(&pool, message), "what we saw");
        fields_set(&seen, &mut used);
        answers.push(peer::Message { name: message.name.clone(), bytes, text: String::new() });
    }
    assert_eq!(unused(&pool, &used), Vec::<String>::new());
    for (theirs, echoed) in theirs.iter().zip(peer::echo(&answers)) {
        assert_eq!(echoed.bytes, theirs.bytes, "{}: what we sent back", theirs.name);
    }
}
