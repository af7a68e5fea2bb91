//! Kafka's primitive types, read from and written to bytes. Nothing here trusts a length.

/// Bytes that are not what the protocol says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer is not what the protocol says: {what} at byte {at}")]
pub(crate) struct Malformed {
    what: &'static str,
    at: usize,
}

/// Reads from the start of some bytes.
#[derive(Debug, Clone)]
pub(crate) struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes read so far.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn malformed(&self, what: &'static str) -> Malformed {
        Malformed { what, at: self.at }
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| self.malformed("a value that is cut off"))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    pub(crate) fn i8(&mut self) -> Result<i8, Malformed> {
        self.array().map(i8::from_be_bytes)
    }

    pub(crate) fn i16(&mut self) -> Result<i16, Malformed> {
        self.array().map(i16::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_be_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Malformed> {
        self.array().map(i64::from_be_bytes)
    }

    pub(crate) fn uuid(&mut self) -> Result<[u8; 16], Malformed> {
        self.array()
    }

    pub(crate) fn unsigned_varint(&mut self) -> Result<u32, Malformed> {
        let mut value = 0_u64;
        for shift in (0..35).step_by(7) {
            let byte = self.array::<1>()?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(value).map_err(|_| self.malformed("a number too large"));
            }
        }
        Err(self.malformed("a number without an end"))
    }

    /// The length of a compact value, `None` for null.
    fn compact_length(&mut self) -> Result<Option<usize>, Malformed> {
        Ok(self.unsigned_varint()?.checked_sub(1).map(|length| length as usize))
    }

    pub(crate) fn compact_bytes(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        self.compact_length()?.map(|length| self.take(length)).transpose()
    }

    pub(crate) fn compact_text(&mut self) -> Result<Option<&'a str>, Malformed> {
        let bytes = self.compact_bytes()?;
        bytes.map(|bytes| self.utf8(bytes)).transpose()
    }

    fn utf8(&self, bytes: &'a [u8]) -> Result<&'a str, Malformed> {
        std::str::from_utf8(bytes).map_err(|_| self.malformed("a text that is not UTF-8"))
    }

    /// The number of elements of an array; null counts as none. Each takes at least `least` bytes, so that a wrong
    /// number asks for no memory.
    pub(crate) fn compact_array(&mut self, least: usize) -> Result<usize, Malformed> {
        let count = self.compact_length()?.unwrap_or(0);
        self.plausible(count, least)
    }

    pub(crate) fn array_length(&mut self, least: usize) -> Result<usize, Malformed> {
        let count = usize::try_from(self.i32()?).unwrap_or(0);
        self.plausible(count, least)
    }

    fn plausible(&self, count: usize, least: usize) -> Result<usize, Malformed> {
        let fits = count.checked_mul(least.max(1)).is_some_and(|bytes| bytes <= self.remaining());
        if fits { Ok(count) } else { Err(self.malformed("more elements than there are bytes")) }
    }

    /// Visits the tagged fields at the end of a structure.
    pub(crate) fn tags(
        &mut self,
        mut visit: impl FnMut(u32, &mut Input<'a>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        for _ in 0..self.unsigned_varint()? {
            let tag = self.unsigned_varint()?;
            let length = self.unsigned_varint()? as usize;
            let bytes = self.take(length)?;
            visit(tag, &mut Input::new(bytes))?;
        }
        Ok(())
    }

    pub(crate) fn skip_tags(&mut self) -> Result<(), Malformed> {
        self.tags(|_, _| Ok(()))
    }
}

/// Writes values behind each other.
#[derive(Debug, Default)]
pub(crate) struct Output {
    bytes: Vec<u8>,
}

impl Output {
    /// What was written, behind its length.
    pub(crate) fn into_frame(self) -> Vec<u8> {
        let mut frame = Vec::with_capacity(4 + self.bytes.len());
        frame.extend_from_slice(&(self.bytes.len() as i32).to_be_bytes());
        frame.extend_from_slice(&self.bytes);
        frame
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn i8(&mut self, value: i8) {
        self.raw(&value.to_be_bytes());
    }

    pub(crate) fn i16(&mut self, value: i16) {
        self.raw(&value.to_be_bytes());
    }

    pub(crate) fn i32(&mut self, value: i32) {
        self.raw(&value.to_be_bytes());
    }

    pub(crate) fn i64(&mut self, value: i64) {
        self.raw(&value.to_be_bytes());
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.i16(text.len().min(i16::MAX as usize) as i16);
        self.raw(&text.as_bytes()[..text.len().min(i16::MAX as usize)]);
    }

    pub(crate) fn unsigned_varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    pub(crate) fn compact_array(&mut self, count: usize) {
        self.unsigned_varint(count as u32 + 1);
    }

    pub(crate) fn compact_text(&mut self, text: &str) {
        self.compact_array(text.len());
        self.raw(text.as_bytes());
    }

    pub(crate) fn no_tags(&mut self) {
        self.bytes.push(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut out = Output::default();
        out.i8(-1);
        out.i16(-2);
        out.i32(-3);
        out.i64(-4);
        out.text("text");
        out.compact_text("compact");
        for value in [0, 127, 128, u32::MAX] {
            out.unsigned_varint(value);
        }
        out.no_tags();
        let frame = out.into_frame();
        let mut input = Input::new(&frame);
        assert_eq!(input.i32().unwrap() as usize, frame.len() - 4);
        assert_eq!((input.i8().unwrap(), input.i16().unwrap()), (-1, -2));
        assert_eq!((input.i32().unwrap(), input.i64().unwrap()), (-3, -4));
        assert_eq!(input.take(6).unwrap(), b"\0\x04text");
        assert_eq!(input.compact_text().unwrap(), Some("compact"));
        for value in [0, 127, 128, u32::MAX] {
            assert_eq!(input.unsigned_varint().unwrap(), value);
        }
        input.skip_tags().unwrap();
        assert_eq!(input.remaining(), 0);
        assert!(input.i8().is_err());
    }

    #[test]
    fn lengths_that_cannot_be_are_refused() {
        let long = [0xff, 0xff, 0xff, 0xff, 0x0f];
        assert!(Input::new(&long).compact_bytes().is_err());
        assert!(Input::new(&long).compact_array(1).is_err());
        assert!(Input::new(&[0xff; 6]).unsigned_varint().is_err());
        assert!(Input::new(&[0x7f, 0xff, 0xff, 0xff]).array_length(4).is_err());
        assert!(Input::new(&[3, 0xff, 0xfe]).compact_text().is_err(), "not UTF-8");
    }
}
