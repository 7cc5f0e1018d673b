//! A YAML document as a tree that knows where everything stands, and reading types out of it.
//!
//! [`read`] goes on after a mistake: what is wrong is noted and taken out, and the rest is read
//! again, so that one pass over a file says all of it. A field that nobody asked for is a mistake.

mod reading;

use std::cell::Cell;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::mistake::Position;

pub(super) use reading::{Misfit, read};

/// A value and where it stands.
#[derive(Debug)]
pub(super) struct Node {
    at: Position,
    value: Value,
    /// Found to be wrong, and no longer read.
    struck: Cell<bool>,
}

#[derive(Debug)]
enum Value {
    Null,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Debug)]
struct Key {
    text: String,
    at: Position,
}

// === impl Node ===

impl Node {
    /// Where it stands.
    pub(super) fn position(&self) -> Position {
        self.at
    }

    /// The text under a key, if it is one.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match &self.child(key)?.1.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Where a field such as `spec.env[1].name` stands, or what comes nearest to it when it is
    /// missing.
    pub(super) fn find(&self, field: &str) -> Position {
        let mut node = self;
        let mut nearest = self.at;
        for part in field.split(['.', '[']) {
            match part
                .strip_suffix(']')
                .and_then(|index| index.parse::<usize>().ok())
            {
                Some(index) => match &node.value {
                    Value::List(items) if index < items.len() => {
                        node = &items[index];
                        nearest = node.at;
                    }
                    _ => return nearest,
                },
                None => match node.child(part) {
                    Some((key, child)) => {
                        node = child;
                        nearest = key.at;
                    }
                    None => return nearest,
                },
            }
        }
        // What is there is pointed at itself; what is missing, at the key that lacks it.
        match node.value {
            Value::List(_) | Value::Map(_) | Value::Null => nearest,
            _ => node.at,
        }
    }

    /// Counts all lines from the beginning of the file instead of the document.
    pub(super) fn shift(&mut self, lines: u64) {
        self.at.line += lines;
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(|item| item.shift(lines)),
            Value::Map(entries) => entries.iter_mut().for_each(|(key, value)| {
                key.at.line += lines;
                value.shift(lines);
            }),
            _ => {}
        }
    }

    fn child(&self, key: &str) -> Option<(&Key, &Self)> {
        match &self.value {
            Value::Map(entries) => entries
                .iter()
                .find(|(found, _)| found.text == key)
                .map(|(key, value)| (key, value)),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self {
            at: position(spanned.referenced),
            value: spanned.value,
            struck: Cell::new(false),
        })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Signed(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Unsigned(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let key = Key {
                at: position(key.referenced),
                text: key.value,
            };
            entries.push((key, map.next_value()?));
        }
        Ok(Value::Map(entries))
    }
}

fn position(location: Location) -> Position {
    Position {
        line: location.line().max(1),
        column: location.column().max(1),
    }
}

#[cfg(test)]
mod tests;
