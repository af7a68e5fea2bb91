//! Changed state, as byte strings for the store.

/// The entries of one state table that changed since the last call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableChanges {
    /// Number of the table, as in [`Shard::tables`](crate::Shard::tables).
    pub table: u16,
    /// Entries whose first eight key bytes (an order-preserving big-endian time, see `encode_time`) lie below
    /// this time are dead.
    pub live_from: Option<i64>,
    /// Sorted by key.
    pub entries: Entries,
}

/// Keys and values in one arena.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entries {
    bytes: Vec<u8>,
    ends: Vec<EntryEnds>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct EntryEnds {
    key: usize,
    value: usize,
    live: bool,
}

impl Entries {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Nothing changed.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all keys and values.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Key and value of every entry in order; no value = deleted.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|e| e.value));
        starts.zip(&self.ends).map(|(start, end)| {
            let value = end.live.then(|| &self.bytes[end.key..end.value]);
            (&self.bytes[start..end.key], value)
        })
    }

    /// Adds an entry after the others.
    pub fn push(&mut self, key: &[u8], value: Option<&[u8]>) {
        self.push_with(
            |out| out.extend_from_slice(key),
            |out| out.extend_from_slice(value.unwrap_or_default()),
        );
        if value.is_none() {
            self.ends.last_mut().expect("just added").live = false;
        }
    }

    pub(crate) fn push_with(
        &mut self,
        key: impl FnOnce(&mut Vec<u8>),
        value: impl FnOnce(&mut Vec<u8>),
    ) {
        key(&mut self.bytes);
        let key_end = self.bytes.len();
        value(&mut self.bytes);
        self.ends.push(EntryEnds { key: key_end, value: self.bytes.len(), live: true });
    }
}

/// The first eight bytes of a state key: order-preserving big-endian.
pub(crate) fn encode_time(time: i64) -> [u8; 8] {
    ((time as u64) ^ (1 << 63)).to_be_bytes()
}

/// The reverse of [`encode_time`], with what follows; none if the bytes do not begin with a time.
pub(crate) fn take_time(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (time, rest) = bytes.split_first_chunk::<8>()?;
    Some(((u64::from_be_bytes(*time) ^ (1 << 63)) as i64, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sort_as_bytes() {
        let times = [i64::MIN, -2, -1, 0, 1, 1000, i64::MAX];
        assert!(times.windows(2).all(|w| encode_time(w[0]) < encode_time(w[1])));
        assert!(times.iter().all(|t| take_time(&encode_time(*t)) == Some((*t, &[][..]))));
    }

    #[test]
    fn entries_come_back_as_pushed() {
        let mut entries = Entries::default();
        entries.push(b"a", Some(b"1"));
        entries.push(b"b", None);
        entries.push(b"", Some(b""));
        let read: Vec<_> = entries.iter().collect();
        let expected: Vec<(&[u8], Option<&[u8]>)> =
            vec![(b"a", Some(b"1")), (b"b", None), (b"", Some(b""))];
        assert_eq!(read, expected);
        assert_eq!((entries.len(), entries.bytes(), entries.is_empty()), (3, 3, false));
    }
}
