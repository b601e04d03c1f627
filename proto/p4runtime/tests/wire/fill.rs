//! Messages in which every field has a value of its own, made by reflection.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};

/// Makes values that are all different; each oneof and each enum takes its alternatives in turn.
#[derive(Default)]
pub struct Filler {
    number: u64,
    turns: BTreeMap<String, usize>,
}

impl Filler {
    pub fn message(&mut self, descriptor: &MessageDescriptor) -> DynamicMessage {
        self.fill(descriptor, &mut Vec::new())
    }

    fn turn(&mut self, name: &str, count: usize) -> usize {
        let turn = self.turns.entry(name.to_owned()).or_default();
        *turn += 1;
        (*turn - 1) % count
    }

    fn fill(&mut self, descriptor: &MessageDescriptor, path: &mut Vec<String>) -> DynamicMessage {
        path.push(descriptor.full_name().to_owned());
        let mut message = DynamicMessage::new(descriptor.clone());
        // A type may be inside itself once.
        let usable = |field: &FieldDescriptor| match field.kind() {
            Kind::Message(m) => path.iter().filter(|p| *p == m.full_name()).count() < 2,
            _ => true,
        };
        let (alternatives, mut fields): (Vec<_>, Vec<_>) =
            descriptor.fields().filter(usable).partition(|f| f.containing_oneof().is_some());
        for oneof in descriptor.oneofs() {
            let of: Vec<_> = alternatives.iter().filter(|f| f.containing_oneof().as_ref() == Some(&oneof)).collect();
            if !of.is_empty() {
                fields.push(of[self.turn(oneof.full_name(), of.len())].clone());
            }
        }
        for field in fields {
            let value = self.field(&field, path);
            message.set_field(&field, value);
        }
        path.pop();
        message
    }

    fn field(&mut self, field: &FieldDescriptor, path: &mut Vec<String>) -> Value {
        if field.is_map() {
            let Kind::Message(entry) = field.kind() else { unreachable!("a map's kind is its entry") };
            let key = format!("key {}", self.number);
            let value = self.value(&entry.map_entry_value_field(), path);
            Value::Map([(MapKey::String(key), value)].into())
        } else if field.is_list() {
            Value::List(vec![self.value(field, path), self.value(field, path)])
        } else {
            self.value(field, path)
        }
    }

    fn value(&mut self, field: &FieldDescriptor, path: &mut Vec<String>) -> Value {
        self.number += 1;
        let number = self.number;
        // Every second one uses the highest bit, every other second one is negative where it may be.
        let high = |bits: u32| number + if number % 2 == 1 { 1 << (bits - 1) } else { 0 };
        let sign = if number % 4 < 2 { -1 } else { 1 };
        match field.kind() {
            Kind::Bool => Value::Bool(true),
            Kind::Int32 => Value::I32(sign as i32 * high(31) as i32),
            Kind::Uint32 => Value::U32(high(32) as u32),
            Kind::Int64 => Value::I64(sign * high(63) as i64),
            Kind::Uint64 => Value::U64(high(64)),
            Kind::String => Value::String(format!("s{number} \u{fc}")),
            Kind::Bytes => Value::Bytes([&number.to_le_bytes()[..4], &[0xff]].concat().into()),
            Kind::Enum(kind) => Value::EnumNumber(self.enumerator(field, &kind)),
            Kind::Message(descriptor) => Value::Message(self.fill(&descriptor, path)),
            kind => panic!("{}: {kind:?} is new: say here how to fill it", field.full_name()),
        }
    }

    fn enumerator(&mut self, field: &FieldDescriptor, kind: &EnumDescriptor) -> i32 {
        let numbers: Vec<_> = kind.values().map(|v| v.number()).filter(|n| *n != 0).collect();
        numbers[self.turn(field.full_name(), numbers.len())]
    }
}

/// Adds the full names of all fields that are set in the message, also deep inside.
pub fn fields_set(message: &DynamicMessage, names: &mut BTreeSet<String>) {
    for (field, value) in message.fields() {
        names.insert(field.full_name().to_owned());
        fields_in(value, names);
    }
}

fn fields_in(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Message(message) => fields_set(message, names),
        Value::List(values) => values.iter().for_each(|v| fields_in(v, names)),
        Value::Map(values) => values.values().for_each(|v| fields_in(v, names)),
        _ => {}
    }
}
