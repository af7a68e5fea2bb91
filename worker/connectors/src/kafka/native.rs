//! What the safe wrapper of the C client does not offer: messages in batches, the cached end of a log, topic ids,
//! the length of the event queue, and metadata of offsets as bytes. Only this module has unsafe code; each block says
//! why it is sound.
#![allow(unsafe_code)]

mod batch;

use std::ffi::{CStr, CString, c_char};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Duration;

use formats::Headers;
use rdkafka::TopicPartitionList;
use rdkafka::client::{Client, ClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka_sys as sys;

pub(crate) use batch::Batch;

use super::context::Watch;

/// Whole milliseconds, rounded up: less than one that became none would turn waiting into spinning.
fn millis(timeout: Duration) -> i32 {
    i32::try_from(timeout.as_micros().div_ceil(1_000)).unwrap_or(i32::MAX)
}

/// A queue of the C client; destroyed when dropped.
struct Queue(NonNull<sys::rd_kafka_queue_t>);

impl Queue {
    fn from_ptr(queue: *mut sys::rd_kafka_queue_t) -> Option<Self> {
        NonNull::new(queue).map(Self)
    }

    fn ptr(&self) -> *mut sys::rd_kafka_queue_t {
        self.0.as_ptr()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a function that hands over one reference, and is used nowhere after this.
        unsafe { sys::rd_kafka_queue_destroy(self.ptr()) }
    }
}

/// Messages of a consumer in batches, over a queue of its own, so that the client's events stay where the safe
/// wrapper looks for them.
pub(crate) struct BatchQueue {
    // Declared before the consumer: fields are dropped in this order, and a queue must go before its client.
    queue: Queue,
    messages: Vec<*mut sys::rd_kafka_message_t>,
    consumer: Arc<BaseConsumer<Watch>>,
}

// SAFETY: the C client's queues may be used from any thread (its manual says that all of its API is thread safe),
// `messages` is empty between calls, and `&mut self` keeps two threads from using the buffer at a time.
unsafe impl Send for BatchQueue {}

/// A message or an event of a partition, valid during the visit only.
#[derive(Clone, Copy)]
pub(crate) struct Message<'a>(&'a sys::rd_kafka_message_t);

/// The messages of one call that were not visited yet. Dropped early (by a panic of the visitor) it gives the rest
/// back to the client.
struct Pending<'a> {
    messages: &'a mut Vec<*mut sys::rd_kafka_message_t>,
    next: usize,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        for message in &self.messages[self.next..] {
            // SAFETY: the client handed each of these over to us, and those before `next` are the destroyed ones.
            unsafe { sys::rd_kafka_message_destroy(*message) }
        }
        self.messages.clear();
    }
}

impl BatchQueue {
    pub(crate) fn new(consumer: Arc<BaseConsumer<Watch>>) -> Option<Self> {
        // SAFETY: the client is alive, the consumer is held by this struct.
        let queue = unsafe { sys::rd_kafka_queue_new(consumer.client().native_ptr()) };
        Some(Self { queue: Queue::from_ptr(queue)?, messages: Vec::new(), consumer })
    }

    /// Sends the messages of a partition here, those that wait in its own queue first. Called before the partition is
    /// assigned, else its first messages could go to the consumer's own queue. Stopping a partition undoes it, at a
    /// time of the client's choice.
    pub(crate) fn attach(&self, topic: &CStr, partition: i32) {
        let client = self.consumer.client().native_ptr();
        // SAFETY: client and text are alive during the call, the client copies the text.
        let source =
            unsafe { sys::rd_kafka_queue_get_partition(client, topic.as_ptr(), partition) };
        if let Some(source) = Queue::from_ptr(source) {
            // SAFETY: both queues are alive; the client keeps a reference to the second for as long as it forwards.
            unsafe { sys::rd_kafka_queue_forward(source.ptr(), self.queue.ptr()) }
        }
    }

    /// Visits up to `max` messages: what is there, or after at most `timeout` what has come. The C call waits until
    /// its buffer is full or time is over, so waiting is done for one message only. `None` when the client failed.
    pub(crate) fn visit(
        &mut self,
        timeout: Duration,
        max: usize,
        mut visit: impl FnMut(Message<'_>),
    ) -> Option<usize> {
        self.take(Duration::ZERO, max)?;
        if self.messages.is_empty() && !timeout.is_zero() {
            self.take(timeout, 1)?;
            if !self.messages.is_empty() {
                self.take(Duration::ZERO, max.saturating_sub(1))?;
            }
        }
        let count = self.messages.len();
        let mut pending = Pending { messages: &mut self.messages, next: 0 };
        while let Some(&message) = pending.messages.get(pending.next) {
            // SAFETY: the client handed over a valid message that nobody else refers to; it is destroyed below, after
            // the visitor (whose argument cannot outlive the call) is done with it.
            visit(Message(unsafe { &*message }));
            pending.next += 1;
            // SAFETY: `next` was moved past it, so that it is destroyed once.
            unsafe { sys::rd_kafka_message_destroy(message) }
        }
        Some(count)
    }

    /// Appends up to `max` messages to the buffer.
    fn take(&mut self, timeout: Duration, max: usize) -> Option<()> {
        let filled = self.messages.len();
        self.messages.reserve(max);
        // SAFETY: the buffer has room for `max` pointers behind `filled`; the client writes at most that many.
        let taken = unsafe {
            let free = self.messages.as_mut_ptr().add(filled);
            sys::rd_kafka_consume_batch_queue(self.queue.ptr(), millis(timeout), free, max)
        };
        let taken = usize::try_from(taken).ok()?;
        debug_assert!(taken <= max);
        // SAFETY: the client wrote `taken` pointers behind `filled`.
        unsafe { self.messages.set_len(filled + taken.min(max)) };
        Some(())
    }

    /// The end of a log as the last fetch reported it (the high watermark, open transactions included).
    pub(crate) fn cached_end(&self, topic: &CStr, partition: i32) -> Option<i64> {
        let (mut low, mut high) = (-1_i64, -1_i64);
        let client = self.consumer.client().native_ptr();
        // SAFETY: client, text and both numbers are alive during the call.
        let code = unsafe {
            let (low, high) = (&raw mut low, &raw mut high);
            sys::rd_kafka_get_watermark_offsets(client, topic.as_ptr(), partition, low, high)
        };
        (Code::from(code) == Code::NoError && high >= 0).then_some(high)
    }
}

impl<'a> Message<'a> {
    /// What kind of event this is; [`Code::NoError`] for a record.
    pub(crate) fn code(self) -> Code {
        self.0.err.into()
    }

    /// Stands for the topic: equal as long as one of its partitions stays assigned.
    pub(crate) fn topic_token(self) -> usize {
        self.0.rkt as usize
    }

    pub(crate) fn topic(self) -> Option<&'a str> {
        if self.0.rkt.is_null() {
            return None;
        }
        // SAFETY: the message holds a reference to its topic, whose name lives as long as the topic.
        let name = unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(self.0.rkt)) };
        name.to_str().ok()
    }

    pub(crate) fn partition(self) -> i32 {
        self.0.partition
    }

    pub(crate) fn offset(self) -> i64 {
        self.0.offset
    }

    pub(crate) fn timestamp_ms(self) -> Option<i64> {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is valid, the client writes one enum value of its own.
        let time = unsafe { sys::rd_kafka_message_timestamp(self.0, &raw mut kind) };
        (kind != sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE).then_some(time)
    }

    pub(crate) fn key(self) -> Option<&'a [u8]> {
        // SAFETY: see `slice`; both fields describe the key of this message.
        unsafe { slice(self.0.key.cast(), self.0.key_len) }
    }

    /// The value of a record, the text of an error.
    pub(crate) fn payload(self) -> Option<&'a [u8]> {
        // SAFETY: see `slice`; both fields describe the payload of this message.
        unsafe { slice(self.0.payload.cast(), self.0.len) }
    }
}

impl Message<'_> {
    /// The headers of a record, laid out in `buffer`.
    pub(crate) fn headers(self, buffer: &mut Vec<u8>) -> Headers<'_> {
        let mut list = ptr::null_mut();
        // SAFETY: the message is valid; the client keeps the list that it hands out as long as the message.
        let code = unsafe { sys::rd_kafka_message_headers(self.0, &raw mut list) };
        if Code::from(code) != Code::NoError || list.is_null() {
            return Headers::default();
        }
        // SAFETY: the list is valid.
        let count = unsafe { sys::rd_kafka_header_cnt(list) };
        let header = |index: usize| {
            let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
            // SAFETY: list and places are valid during the call; name and value live as long as the list. An index
            // beyond the last one would leave the name null.
            unsafe {
                let (name, value) = (&raw mut name, &raw mut value);
                sys::rd_kafka_header_get_all(list, index, name, value, &raw mut size);
            }
            let none: &[u8] = &[];
            if name.is_null() {
                return (none, None);
            }
            // SAFETY: the name is a C text, the value `size` bytes or null; see `slice`.
            unsafe { (CStr::from_ptr(name).to_bytes(), slice(value.cast(), size)) }
        };
        buffer.clear();
        Headers::lay_out((0..count).map(header), buffer);
        Headers::new(buffer)
    }
}

/// # Safety
/// `start` is null or the start of `len` bytes that live as long as `'a`.
unsafe fn slice<'a>(start: *const u8, len: usize) -> Option<&'a [u8]> {
    if start.is_null() {
        return None;
    }
    // SAFETY: by the contract of this function.
    Some(unsafe { std::slice::from_raw_parts(start, len) })
}

/// Events of a client that nobody has looked at yet.
pub(crate) fn waiting_events<C: ClientContext>(client: &Client<C>) -> usize {
    // SAFETY: the client is alive; the call returns a reference of our own to its main queue, which `Queue` drops.
    let main = unsafe { sys::rd_kafka_queue_get_main(client.native_ptr()) };
    // SAFETY: the queue is alive.
    Queue::from_ptr(main).map_or(0, |queue| unsafe { sys::rd_kafka_queue_length(queue.ptr()) })
}

/// Offset and metadata of the entries of a list, in its order. The safe accessor panics on what is not UTF-8.
pub(crate) fn offsets_and_metadata(list: &TopicPartitionList) -> Vec<(i64, &[u8])> {
    (0..list.count())
        .map(|index| {
            // SAFETY: `elems` has `cnt` valid entries; their metadata lives as long as the list, which is borrowed.
            unsafe {
                let element = &*(*list.ptr()).elems.add(index);
                let metadata = slice(element.metadata.cast(), element.metadata_size);
                (element.offset, metadata.unwrap_or_default())
            }
        })
        .collect()
}

/// A topic as the cluster describes it.
pub(crate) struct Described {
    pub(crate) name: String,
    /// Base64 of the topic id; zeros from brokers that have none.
    pub(crate) id: String,
    pub(crate) partitions: usize,
    pub(crate) code: Code,
}

/// An object of the admin API with its destructor.
struct Owned<'a, T> {
    ptr: NonNull<T>,
    destroy: unsafe extern "C" fn(*mut T),
    client: PhantomData<&'a ()>,
}

impl<'a, T> Owned<'a, T> {
    /// `destroy` is the destructor of what `ptr` points to; both come from the same page of the C manual.
    fn new(ptr: *mut T, destroy: unsafe extern "C" fn(*mut T)) -> Option<Self> {
        NonNull::new(ptr).map(|ptr| Self { ptr, destroy, client: PhantomData::<&'a ()> })
    }
}

impl<T> Drop for Owned<'_, T> {
    fn drop(&mut self) {
        // SAFETY: made by `new` from a pointer that was handed over to us with this destructor.
        unsafe { (self.destroy)(self.ptr.as_ptr()) }
    }
}

/// Describes topics, ids included. `Err` is the code of the request as a whole.
pub(crate) fn describe_topics<C: ClientContext>(
    client: &Client<C>,
    names: &[&str],
    timeout: Duration,
) -> Result<Vec<Described>, Code> {
    let texts: Result<Vec<CString>, _> = names.iter().map(|name| CString::new(*name)).collect();
    let texts = texts.map_err(|_| Code::InvalidTopic)?;
    let mut pointers: Vec<*const c_char> = texts.iter().map(|text| text.as_ptr()).collect();
    let handle = client.native_ptr();
    let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
    // SAFETY: the client and the texts outlive the calls, the collection copies the texts; each object is destroyed
    // by its own destructor; the request copies collection and options, so they may go before its answer comes.
    let event = unsafe {
        let queue = Queue::from_ptr(sys::rd_kafka_queue_new(handle)).ok_or(Code::Fail)?;
        let topics = Owned::new(
            sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len()),
            sys::rd_kafka_TopicCollection_destroy,
        )
        .ok_or(Code::InvalidTopic)?;
        let options = Owned::new(
            sys::rd_kafka_AdminOptions_new(handle, operation),
            sys::rd_kafka_AdminOptions_destroy,
        )
        .ok_or(Code::Fail)?;
        sys::rd_kafka_AdminOptions_set_request_timeout(
            options.ptr.as_ptr(),
            millis(timeout),
            ptr::null_mut(),
            0,
        );
        sys::rd_kafka_DescribeTopics(
            handle,
            topics.ptr.as_ptr(),
            options.ptr.as_ptr(),
            queue.ptr(),
        );
        let event = sys::rd_kafka_queue_poll(queue.ptr(), millis(timeout + ANSWER_MARGIN));
        Owned::new(event, sys::rd_kafka_event_destroy).ok_or(Code::OperationTimedOut)?
    };
    // SAFETY: the event is alive until the end of this function; what it lends is copied before that.
    unsafe { copy_descriptions(event.ptr.as_ptr()) }
}

/// The client itself answers with a timeout; this much later we stop believing that it will.
const ANSWER_MARGIN: Duration = Duration::from_secs(1);

/// # Safety
/// `event` is a valid event of any kind.
unsafe fn copy_descriptions(event: *mut sys::rd_kafka_event_t) -> Result<Vec<Described>, Code> {
    // SAFETY: all pointers are lent by the event, which the caller keeps alive; counts come with their arrays.
    unsafe {
        let code = Code::from(sys::rd_kafka_event_error(event));
        if code != Code::NoError {
            return Err(code);
        }
        let result = sys::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return Err(Code::Fail);
        }
        let mut count = 0_usize;
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        let mut described = Vec::with_capacity(count);
        for index in 0..count {
            let topic = *topics.add(index);
            let mut partitions = 0_usize;
            sys::rd_kafka_TopicDescription_partitions(topic, &raw mut partitions);
            let id = sys::rd_kafka_TopicDescription_topic_id(topic);
            let error = sys::rd_kafka_TopicDescription_error(topic);
            described.push(Described {
                name: text(sys::rd_kafka_TopicDescription_name(topic)),
                id: if id.is_null() {
                    String::new()
                } else {
                    text(sys::rd_kafka_Uuid_base64str(id))
                },
                partitions,
                code: Code::from(sys::rd_kafka_error_code(error)),
            });
        }
        Ok(described)
    }
}

/// # Safety
/// `start` is null or a text that ends with a zero byte.
unsafe fn text(start: *const c_char) -> String {
    if start.is_null() {
        return String::new();
    }
    // SAFETY: by the contract of this function.
    unsafe { CStr::from_ptr(start) }.to_string_lossy().into_owned()
}
