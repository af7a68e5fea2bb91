//! Rows that are handed to the producer many at a time. One at a time each looks up its topic by name and reads two
//! clocks, which costs as much as all the rest.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use rdkafka::client::{Client, ClientContext};
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka_sys as sys;

/// The partition of a row whose key decides.
const BY_KEY: i32 = -1;

/// Rows of one topic that wait to be handed over: those of one partition, or those whose keys decide. Together the
/// client of a transaction loses them while it does not know the topic yet.
pub(crate) struct Batch<'a> {
    name: &'a str,
    partition: Option<i32>,
    topic: Topic<'a>,
    messages: Vec<sys::rd_kafka_message_t>,
    rows: PhantomData<&'a [u8]>,
}

/// A topic of a client, by which rows are handed over.
struct Topic<'a>(NonNull<sys::rd_kafka_topic_t>, PhantomData<&'a ()>);

impl Drop for Topic<'_> {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `rd_kafka_topic_new`, which hands over one reference; it is used nowhere after.
        unsafe { sys::rd_kafka_topic_destroy(self.0.as_ptr()) }
    }
}

impl<'a> Batch<'a> {
    /// An empty batch for a partition of a topic, or for where keys say. Nothing where the client does not take the
    /// name.
    pub(crate) fn new<C: ClientContext>(
        client: &'a Client<C>,
        name: &'a str,
        partition: Option<i32>,
    ) -> Option<Self> {
        let text = CString::new(name).ok()?;
        // SAFETY: client and text are alive during the call, which copies the text; without settings of its own the
        // topic has the client's. `'a` keeps the client until the topic is destroyed.
        let topic =
            unsafe { sys::rd_kafka_topic_new(client.native_ptr(), text.as_ptr(), ptr::null_mut()) };
        let topic = Topic(NonNull::new(topic)?, PhantomData);
        Some(Self { name, partition, topic, messages: Vec::new(), rows: PhantomData })
    }

    /// The name of the topic.
    pub(crate) fn topic(&self) -> &'a str {
        self.name
    }

    /// Its partition, none where keys decide.
    pub(crate) fn partition(&self) -> Option<i32> {
        self.partition
    }

    /// Adds a row. `report` comes back with its delivery report.
    pub(crate) fn push(&mut self, key: Option<&'a [u8]>, value: Option<&'a [u8]>, report: usize) {
        let start = |part: Option<&'a [u8]>| part.map_or(ptr::null(), <[u8]>::as_ptr).cast_mut();
        self.messages.push(sys::rd_kafka_message_t {
            err: sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
            rkt: ptr::null_mut(),
            partition: BY_KEY,
            payload: start(value).cast(),
            len: value.map_or(0, <[u8]>::len),
            key: start(key).cast(),
            key_len: key.map_or(0, <[u8]>::len),
            offset: 0,
            _private: ptr::without_provenance_mut(report),
        });
    }

    /// Rows that wait.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Hands the rows over, in their order. After [`Code::QueueFull`] those that were not taken wait still, and the
    /// same call goes on with them; after another error nothing is known of the rest.
    pub(crate) fn hand_over(&mut self) -> Result<(), Code> {
        let partition = self.partition.unwrap_or(BY_KEY);
        let count = i32::try_from(self.messages.len()).map_err(|_| Code::InvalidArgument)?;
        // SAFETY: topic and messages are alive during the call; keys and values live as long as `'a` and are copied.
        // The client writes nothing but the error of each message.
        unsafe {
            let (topic, messages) = (self.topic.0.as_ptr(), self.messages.as_mut_ptr());
            let copy = sys::RD_KAFKA_MSG_F_COPY;
            sys::rd_kafka_produce_batch(topic, partition, copy, messages, count);
        }
        let failed = |message: &sys::rd_kafka_message_t| Code::from(message.err) != Code::NoError;
        let Some(first) = self.messages.iter().position(failed) else {
            self.messages.clear();
            return Ok(());
        };
        let code = Code::from(self.messages[first].err);
        // Behind one that found the queue full none is taken.
        self.messages.drain(..first);
        Err(code)
    }
}
