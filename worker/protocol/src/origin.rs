//! Where in a record the value of a column stands. The query layer says it, the decoder follows it.

use std::fmt;

/// One step into a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathStep {
    /// Into an object: the field of that name.
    Name(String),
    /// Into an array: the element at that place, counted from 0.
    At(u32),
}

impl From<&str> for PathStep {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

/// Where a column's value stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A field of the value: the way to it from the outside in, at least one step, the first of them a name.
    Field(Vec<PathStep>),
    /// A field of the value by its place, counted from 0.
    Position(usize),
    /// The key of the Kafka record, as text.
    Key,
    /// The last header of that name, as text.
    Header(String),
    /// Kafka's timestamp of the record.
    Timestamp,
    /// The partition that the record lies in.
    Partition,
    /// The record's offset in its partition.
    Offset,
    /// When the record was read: not of the record, and another time with every reading.
    ProcessingTime,
}

impl Origin {
    /// The field of that name.
    pub fn field(name: impl Into<String>) -> Self {
        Self::Field(vec![PathStep::Name(name.into())])
    }

    /// Whether it is the field of that name and nothing more.
    pub fn is_field(&self, name: &str) -> bool {
        matches!(self, Self::Field(path) if matches!(&path[..], [PathStep::Name(only)] if only == name))
    }
}

/// `bid.items[0].price`, with the names as `name` writes them.
pub fn path_text(path: &[PathStep], name: impl Fn(&str) -> String) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            PathStep::Name(field) if text.is_empty() => text = name(field),
            PathStep::Name(field) => text = text + "." + &name(field),
            PathStep::At(place) => text = format!("{text}[{place}]"),
        }
    }
    text
}

/// For people: `field 'bid.auction'`, `field 3`, `the record's key`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(path) => write!(f, "field '{}'", path_text(path, str::to_owned)),
            Self::Position(at) => write!(f, "field {}", at + 1),
            Self::Key => f.write_str("the record's key"),
            Self::Header(name) => write!(f, "header '{name}'"),
            Self::Timestamp => f.write_str("the record's timestamp"),
            Self::Partition => f.write_str("the record's partition"),
            Self::Offset => f.write_str("the record's offset"),
            Self::ProcessingTime => f.write_str("the processing time"),
        }
    }
}
