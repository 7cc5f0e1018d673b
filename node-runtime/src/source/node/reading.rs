//! Reads a type out of a tree, and everything that does not fit.

use std::cell::RefCell;
use std::fmt;

use serde::Deserialize;
use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::{Key, Node, Value};
use crate::source::mistake::Position;

/// More mistakes than anybody corrects in one go; also bounds the work for a hostile file.
const MOST_MISTAKES: usize = 64;

/// What was read.
pub(in crate::source) struct Read<T> {
    /// The value, without what did not fit.
    pub(in crate::source) value: Option<T>,
    /// What did not fit: where, which field, why.
    pub(in crate::source) misfits: Vec<Misfit>,
}

/// Something in a document that does not fit its type.
#[derive(Debug)]
pub(in crate::source) struct Misfit {
    pub(in crate::source) at: Position,
    pub(in crate::source) field: String,
    pub(in crate::source) text: String,
}

/// Reads a type out of a tree; `is_ignored` says which fields may be there without being read.
pub(in crate::source) fn read<'a, T: Deserialize<'a>>(
    root: &'a Node,
    is_ignored: fn(&str) -> bool,
) -> Read<T> {
    let mut misfits = Vec::new();
    loop {
        let walk = Walk {
            path: RefCell::default(),
            unknown: RefCell::default(),
            is_ignored,
        };
        match T::deserialize(NodeDeserializer {
            node: root,
            walk: &walk,
        }) {
            Ok(value) => {
                misfits.extend(walk.unknown.into_inner());
                return Read {
                    value: Some(value),
                    misfits,
                };
            }
            Err(error) => {
                let misfit = error.placed(root, &walk).misfit();
                misfits.push(misfit);
                // Struck at the root, or too often: nothing more can be learned.
                if root.struck.get() || misfits.len() >= MOST_MISTAKES {
                    return Read {
                        value: None,
                        misfits,
                    };
                }
            }
        }
    }
}

/// One pass over the tree.
struct Walk<'a> {
    path: RefCell<Vec<Segment<'a>>>,
    unknown: RefCell<Vec<Misfit>>,
    is_ignored: fn(&str) -> bool,
}

#[derive(Clone, Copy)]
enum Segment<'a> {
    Key(&'a str),
    Index(usize),
}

impl Walk<'_> {
    fn field(&self) -> String {
        let mut field = String::new();
        for segment in self.path.borrow().iter() {
            match segment {
                Segment::Key(key) if field.is_empty() => field.push_str(key),
                Segment::Key(key) => {
                    field.push('.');
                    field.push_str(key);
                }
                Segment::Index(index) => field.push_str(&format!("[{index}]")),
            }
        }
        field
    }
}

#[derive(Clone, Copy)]
struct NodeDeserializer<'a, 'w> {
    node: &'a Node,
    walk: &'w Walk<'a>,
}

impl<'a> NodeDeserializer<'a, '_> {
    /// Reads a child, and places its error at the innermost node that has one.
    fn child<S: DeserializeSeed<'a>>(
        self,
        segment: Segment<'a>,
        node: &'a Node,
        seed: S,
    ) -> Result<S::Value, Error> {
        self.walk.path.borrow_mut().push(segment);
        let result = if node.struck.get() {
            seed.deserialize(Stand)
        } else {
            seed.deserialize(NodeDeserializer { node, ..self })
        };
        let result = result.map_err(|error| error.placed(node, self.walk));
        self.walk.path.borrow_mut().pop();
        result
    }
}

impl<'a> Deserializer<'a> for NodeDeserializer<'a, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Signed(value) => visitor.visit_i64(*value),
            Value::Unsigned(value) => visitor.visit_u64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(value) => visitor.visit_borrowed_str(value),
            Value::List(items) => visitor.visit_seq(List {
                list: self,
                items: items.iter().enumerate(),
            }),
            Value::Map(entries) => visitor.visit_map(Map {
                map: self,
                fields: &[],
                entries: entries.iter(),
                value: None,
            }),
        }
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::Map(entries) => visitor.visit_map(Map {
                map: self,
                fields,
                entries: entries.iter(),
                value: None,
            }),
            // A derived visitor would take a list as the fields in their order.
            Value::List(_) => Err(de::Error::invalid_type(
                Unexpected::Seq,
                &"fields, as in name: value",
            )),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        <V: Visitor<'a>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct List<'a, 'w> {
    list: NodeDeserializer<'a, 'w>,
    items: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
}

impl<'a> SeqAccess<'a> for List<'a, '_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'a>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let Some((index, item)) = self.items.next() else {
            return Ok(None);
        };
        self.list.child(Segment::Index(index), item, seed).map(Some)
    }
}

struct Map<'a, 'w> {
    map: NodeDeserializer<'a, 'w>,
    /// The fields of a struct; none for a map with free keys.
    fields: &'static [&'static str],
    entries: std::slice::Iter<'a, (Key, Node)>,
    value: Option<(&'a Key, &'a Node)>,
}

impl<'a> MapAccess<'a> for Map<'a, '_> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'a>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        while let Some((key, value)) = self.entries.next() {
            // Kubernetes drops fields without a value.
            if value.struck.get() || matches!(value.value, Value::Null) && self.is_known(key) {
                continue;
            }
            if !self.is_known(key) {
                self.note_unknown(key);
                continue;
            }
            self.value = Some((key, value));
            let key: StrDeserializer<'_, Error> = key.text.as_str().into_deserializer();
            return seed.deserialize(key).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let (key, value) = self
            .value
            .take()
            .ok_or_else(|| de::Error::custom("no value"))?;
        self.map.child(Segment::Key(&key.text), value, seed)
    }
}

impl<'a> Map<'a, '_> {
    fn is_known(&self, key: &Key) -> bool {
        self.fields.is_empty() || self.fields.contains(&key.text.as_str())
    }

    fn note_unknown(&self, key: &'a Key) {
        let walk = self.map.walk;
        walk.path.borrow_mut().push(Segment::Key(&key.text));
        let field = walk.field();
        walk.path.borrow_mut().pop();
        if !(walk.is_ignored)(&field) {
            let text = format!("unknown field; write one of {}", self.fields.join(", "));
            walk.unknown.borrow_mut().push(Misfit {
                at: key.at,
                field,
                text,
            });
        }
    }
}

/// Stands for an item of a list that was struck, so that the items after it keep their numbers.
struct Stand;

impl<'a> Deserializer<'a> for Stand {
    type Error = Error;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str("")
    }

    fn deserialize_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(de::value::MapDeserializer::new(std::iter::empty::<(
            &str,
            &str,
        )>()))
    }

    forward_to_deserialize_any! {
        <V: Visitor<'a>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map enum identifier ignored_any option newtype_struct
    }
}

/// Why a value does not fit, and where once that is known.
#[derive(Debug)]
struct Error {
    text: String,
    placed: Option<(Position, String)>,
}

// === impl Error ===

impl Error {
    /// Notes where it happened, unless a deeper place is known, and strikes what stands there.
    fn placed(mut self, node: &Node, walk: &Walk<'_>) -> Self {
        if self.placed.is_none() {
            node.struck.set(true);
            self.placed = Some((node.at, walk.field()));
        }
        self
    }

    fn misfit(self) -> Misfit {
        let (at, field) = self
            .placed
            .unwrap_or((Position { line: 1, column: 1 }, String::new()));
        Misfit {
            at,
            field,
            text: self.text,
        }
    }
}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            text: message.to_string(),
            placed: None,
        }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let wanted = expected.to_string();
        let text = match found {
            Unexpected::Bool(value) if wanted == "a string" => {
                format!("{value} is a boolean here; write it in quotes")
            }
            Unexpected::Signed(value) if wanted == "a string" => in_quotes(value),
            Unexpected::Unsigned(value) if wanted == "a string" => in_quotes(value),
            Unexpected::Float(value) if wanted == "a string" => in_quotes(value),
            Unexpected::Str(text) => {
                format!("{:?} is text; write {}", crop(text), plain(&wanted))
            }
            Unexpected::Seq => format!("a list; write {}", plain(&wanted)),
            Unexpected::Map => format!("fields below a name; write {}", plain(&wanted)),
            Unexpected::Unit | Unexpected::Option => format!("nothing; write {}", plain(&wanted)),
            other => format!("{other}; write {}", plain(&wanted)),
        };
        Self { text, placed: None }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}

fn in_quotes(value: impl fmt::Display) -> String {
    format!("{value} is a number here; write it in quotes")
}

fn crop(text: &str) -> String {
    text.chars().take(40).collect()
}

/// serde's words for what it expected, in the words of a manifest's author.
fn plain(expected: &str) -> &str {
    match expected {
        "a string" => "text",
        "a sequence" => "a list, as in [a, b]",
        "a map" => "fields, as in name: value",
        "i64" => "a whole number",
        other if other.starts_with("struct ") => "fields, as in name: value",
        other => other,
    }
}
