//! What the C client does: transactions, offsets, topics, and a reader that ours is held to. No other module names a
//! type of it.

mod admin;
mod burst;
mod closing;
mod config;
mod context;
mod error;
#[cfg(feature = "sabotage")]
mod hanging;
mod log_cache;
mod native;
mod offsets;
mod outcome;
mod plain;
mod produce;
mod reader;
mod session;
mod transactions;

pub use admin::{Admin, NewTopic, Position, TopicCreation, TopicInfo, TopicSettings};
pub use burst::{Burst, BurstOffsets, BurstRecord};
pub use config::{KafkaConfig, slot_client_id};
pub use error::{KafkaError, KafkaErrorKind};
#[cfg(feature = "sabotage")]
pub use hanging::leave_open;
pub use offsets::GroupOffsets;
pub use outcome::{Outcome, TransactionTimeouts};
pub use plain::PlainProducer;
pub(crate) use reader::ClientReader;
pub use transactions::{Transactions, fence};
