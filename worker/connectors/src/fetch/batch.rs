//! The record batch, format version 2: headers, records, and how damage shows.
//!
//! Layout: <https://kafka.apache.org/documentation/#recordbatch>.

use formats::varint;

/// Bytes of a batch before its first record.
pub(crate) const HEADER_BYTES: usize = 61;
/// The length field counts what comes after it.
const LENGTH_COVERS_FROM: usize = 12;
const CRC_COVERS_FROM: usize = 21;

const COMPRESSION_MASK: i16 = 0x07;
const LOG_APPEND_TIME: i16 = 0x08;
const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;
/// The timestamp of a record without one.
const NO_TIME: i64 = -1;

/// Why a batch cannot be read. The records before it can.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Damage {
    /// An old or unknown format.
    #[error("the batch at offset {offset} has record format {magic}, only 2 is read")]
    Format { offset: i64, magic: i8 },
    /// Other bytes than were written.
    #[error(
        "the batch at offset {offset} is damaged: its checksum is {found:08x}, not {stored:08x}"
    )]
    Checksum { offset: i64, stored: u32, found: u32 },
    /// A length or number that cannot be.
    #[error("the batch at offset {offset} is damaged: {what}")]
    Impossible { offset: i64, what: &'static str },
    /// It does not unpack.
    #[error("the batch at offset {offset} does not unpack: {detail}")]
    Packed { offset: i64, detail: String },
}

impl Damage {
    /// Whether it would be the same after another fetch for sure.
    pub(crate) fn is_permanent(&self) -> bool {
        matches!(self, Self::Format { .. })
    }
}

/// What a batch says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) base_offset: i64,
    /// All bytes, header included.
    pub(crate) size: usize,
    pub(crate) leader_epoch: i32,
    crc: u32,
    attributes: i16,
    pub(crate) last_delta: i32,
    pub(crate) base_timestamp: i64,
    pub(crate) max_timestamp: i64,
    pub(crate) producer_id: i64,
    pub(crate) count: u32,
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

impl Header {
    /// The header of the batch that `bytes` begin with; `None` where less than a whole batch is there, as at the end
    /// of what a broker cut to size.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<Self>, Damage> {
        // As far as all formats agree.
        if bytes.len() < 17 {
            return Ok(None);
        }
        let offset = i64::from_be_bytes(field(bytes, 0));
        let magic = i8::from_be_bytes(field(bytes, 16));
        if magic != 2 {
            return Err(Damage::Format { offset, magic });
        }
        let impossible = |what| Damage::Impossible { offset, what };
        let length = i32::from_be_bytes(field(bytes, 8));
        let size = usize::try_from(length).map_or(0, |length| length + LENGTH_COVERS_FROM);
        if size < HEADER_BYTES {
            return Err(impossible("it is shorter than its header"));
        }
        if bytes.len() < size {
            return Ok(None);
        }
        let (last_delta, count) =
            (i32::from_be_bytes(field(bytes, 23)), i32::from_be_bytes(field(bytes, 57)));
        if offset < 0 || last_delta < 0 || offset.checked_add(i64::from(last_delta) + 1).is_none() {
            return Err(impossible("its offsets are out of range"));
        }
        Ok(Some(Self {
            base_offset: offset,
            size,
            leader_epoch: i32::from_be_bytes(field(bytes, 12)),
            crc: u32::from_be_bytes(field(bytes, 17)),
            attributes: i16::from_be_bytes(field(bytes, 21)),
            last_delta,
            base_timestamp: i64::from_be_bytes(field(bytes, 27)),
            max_timestamp: i64::from_be_bytes(field(bytes, 35)),
            producer_id: i64::from_be_bytes(field(bytes, 43)),
            count: u32::try_from(count).map_err(|_| impossible("it counts less than no record"))?,
        }))
    }

    /// The offset after the batch, whichever of its records are left.
    pub(crate) fn next_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_delta) + 1
    }

    pub(crate) fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    pub(crate) fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// Number of the compression: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
    pub(crate) fn codec(&self) -> i16 {
        self.attributes & COMPRESSION_MASK
    }

    /// Compares the checksum of a whole batch.
    pub(crate) fn check(&self, batch: &[u8]) -> Result<(), Damage> {
        let found = crc32c::crc32c(&batch[CRC_COVERS_FROM..self.size]);
        if found == self.crc {
            return Ok(());
        }
        Err(Damage::Checksum { offset: self.base_offset, stored: self.crc, found })
    }
}

/// A record, its bytes where they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) offset: i64,
    pub(crate) timestamp_ms: Option<i64>,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    /// What lies behind the value.
    pub(crate) headers: &'a [u8],
}

/// Walks the records of one batch. It holds positions only, so that it can stop and go on.
#[derive(Debug, Clone)]
pub(crate) struct Records {
    at: usize,
    end: usize,
    left: u32,
    base_offset: i64,
    last_delta: i32,
    base_timestamp: i64,
    append_time: Option<i64>,
}

impl Records {
    /// The records of a batch, which lie unpacked in `at..end` of what [`Records::next`] is given.
    pub(crate) fn new(header: &Header, at: usize, end: usize) -> Self {
        let appended = header.attributes & LOG_APPEND_TIME != 0;
        Self {
            at,
            end,
            left: header.count,
            base_offset: header.base_offset,
            last_delta: header.last_delta,
            base_timestamp: header.base_timestamp,
            append_time: appended.then_some(header.max_timestamp),
        }
    }

    /// The next record.
    #[inline]
    pub(crate) fn next<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<Record<'a>>, Damage> {
        if self.left == 0 {
            return Ok(None);
        }
        match self.parse(bytes) {
            Some(record) => {
                self.left -= 1;
                Ok(Some(record))
            }
            None => Err(self.impossible()),
        }
    }

    #[cold]
    fn impossible(&self) -> Damage {
        Damage::Impossible { offset: self.base_offset, what: "a record is cut off" }
    }

    #[inline]
    fn parse<'a>(&mut self, bytes: &'a [u8]) -> Option<Record<'a>> {
        let mut rest = bytes.get(self.at..self.end)?;
        let before = rest.len();
        let length = usize::try_from(varint::read(&mut rest)?).ok()?;
        let mut record = rest.get(..length)?;
        self.at += before - rest.len() + length;
        record = record.get(1..)?; // attributes: none are used
        let time_delta = varint::read(&mut record)?;
        let delta = varint::read(&mut record)?;
        if !(0..=i64::from(self.last_delta)).contains(&delta) {
            return None;
        }
        let key = sized(&mut record)?;
        let value = sized(&mut record)?;
        let time = self.append_time.unwrap_or_else(|| self.base_timestamp.wrapping_add(time_delta));
        Some(Record {
            offset: self.base_offset + delta,
            timestamp_ms: (time != NO_TIME).then_some(time),
            key,
            value,
            headers: record,
        })
    }
}

/// Bytes behind their length; the inner `None` is null.
#[inline]
#[expect(clippy::option_option, reason = "cut off, null, and there")]
fn sized<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let Ok(length) = usize::try_from(varint::read(rest)?) else { return Some(None) };
    let (bytes, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(Some(bytes))
}

/// Whether a control batch ends a transaction by aborting it. `records` are its records.
pub(crate) fn is_abort_marker(header: &Header, records: &[u8]) -> bool {
    let mut walk = Records::new(header, 0, records.len());
    let Ok(Some(Record { key: Some(&[_, _, kind_high, kind_low, ..]), .. })) = walk.next(records)
    else {
        return false;
    };
    i16::from_be_bytes([kind_high, kind_low]) == 0
}

/// What a look at the headers of some batches found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Scan {
    /// Bytes of whole batches.
    pub(crate) whole: usize,
    /// The offset after them and the leader epoch of the last, if there is one.
    pub(crate) last: Option<(i64, i32)>,
}

/// Hops over the whole batches at the start of `bytes`. Damage ends it; whoever reads the records finds it again.
pub(crate) fn scan(bytes: &[u8]) -> (Scan, Option<Damage>) {
    let mut scan = Scan::default();
    loop {
        match Header::read(&bytes[scan.whole..]) {
            Ok(Some(header)) => {
                scan.whole += header.size;
                scan.last = Some((header.next_offset(), header.leader_epoch));
            }
            Ok(None) => return (scan, None),
            Err(damage) => return (scan, Some(damage)),
        }
    }
}
