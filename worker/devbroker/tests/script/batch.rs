//! Record batches, made and read by the codec of the protocol library.

use bytes::{Bytes, BytesMut};
use devbroker::model::Producer;
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::records::{
    Compression, Record, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};

use super::language::{after, number};

pub(crate) const NO_PRODUCER: Producer = Producer { id: -1, epoch: -1 };

/// The batch that a `produce` line describes.
pub(crate) fn encode(words: &[&str], producer: Producer, transactional: bool, now: i64) -> Bytes {
    let times: Vec<i64> =
        after(words, "times").map_or_else(Vec::new, |times| times.split(',').map(number).collect());
    let count = match times.len() {
        0 => after(words, "count").map_or(1, number::<i64>),
        count => count as i64,
    };
    let sequence = after(words, "seq").map_or(-1, number::<i32>);
    let record = |at: i64| Record {
        transactional: transactional && !words.contains(&"plain"),
        control: words.contains(&"control"),
        delete_horizon: false,
        partition_leader_epoch: 0,
        producer_id: producer.id,
        producer_epoch: producer.epoch,
        timestamp_type: TimestampType::Creation,
        offset: at,
        sequence: sequence.wrapping_add(at as i32),
        timestamp: times.get(at as usize).copied().unwrap_or(now),
        key: words.contains(&"key").then(|| Bytes::from_static(b"key")),
        value: Some(Bytes::from_static(b"value")),
        headers: IndexMap::new(),
    };
    let records: Vec<_> = (0..count).map(record).collect();
    let mut batch = pack(&records, words.contains(&"lz4"));
    if let Some(at) = after(words, "spoil") {
        batch[number::<usize>(at)] ^= 0x40;
    }
    if words.contains(&"short") {
        batch.truncate(batch.len() - 1);
    }
    batch.freeze()
}

fn pack(records: &[Record], lz4: bool) -> BytesMut {
    let compression = if lz4 { Compression::Lz4 } else { Compression::None };
    let options = RecordEncodeOptions { version: 2, compression };
    let pack = |plain: &mut BytesMut, out: &mut BytesMut, codec: Compression| {
        if codec == Compression::None {
            out.extend_from_slice(plain);
        } else {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            std::io::Write::write_all(&mut encoder, plain).unwrap();
            out.extend_from_slice(&encoder.finish().unwrap());
        }
        Ok(())
    };
    let mut out = BytesMut::new();
    RecordBatchEncoder::encode_with_custom_compression(&mut out, records, &options, Some(pack))
        .unwrap();
    out
}

/// Offsets of the records, with `C` and `A` for the markers of commits and aborts; then the
/// transactions to skip.
pub(crate) fn seen(records: &mut Bytes, mut skips: Vec<(i64, String)>) -> String {
    let mut seen = Vec::new();
    while !records.is_empty() {
        for record in RecordBatchDecoder::decode(records).unwrap().records {
            let kind = match (record.control, record.key.as_deref()) {
                (false, _) => "",
                (true, Some([0, 0, 0, 1])) => "C",
                (true, Some([0, 0, 0, 0])) => "A",
                (true, other) => panic!("a marker with key {other:?}"),
            };
            seen.push(format!("{}{kind}", record.offset));
        }
    }
    skips.sort();
    let skips: Vec<_> =
        skips.into_iter().map(|(first, producer)| format!("{producer} from {first}")).collect();
    let skips =
        if skips.is_empty() { String::new() } else { format!(" skip {}", skips.join(", ")) };
    format!("{}{skips}", seen.join(" "))
}
