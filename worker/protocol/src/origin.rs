//! Where in a record the value of a column stands. The query layer says it, the decoder follows it.

use std::fmt;

/// Where a column's value stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A field of the value: the names from the outside in, at least one. All but the last are objects.
    Field(Vec<String>),
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
}

impl Origin {
    /// The field of that name.
    pub fn field(name: impl Into<String>) -> Self {
        Self::Field(vec![name.into()])
    }

    /// Whether it is the field of that name and nothing more.
    pub fn is_field(&self, name: &str) -> bool {
        matches!(self, Self::Field(path) if path.len() == 1 && path[0] == name)
    }
}

/// For people: `field 'bid.auction'`, `field 3`, `the record's key`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(path) => write!(f, "field '{}'", path.join(".")),
            Self::Position(at) => write!(f, "field {}", at + 1),
            Self::Key => f.write_str("the record's key"),
            Self::Header(name) => write!(f, "header '{name}'"),
            Self::Timestamp => f.write_str("the record's timestamp"),
            Self::Partition => f.write_str("the record's partition"),
            Self::Offset => f.write_str("the record's offset"),
        }
    }
}
