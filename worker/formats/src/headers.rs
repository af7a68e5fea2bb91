//! The headers of a Kafka record, laid out as in its log: how many there are, then name and value of each behind their
//! lengths. Looked through only where a column is one of them.

use crate::varint;

/// The headers of a record, not yet looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Headers<'a>(&'a [u8]);

/// Headers that are not laid out as they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the headers are not laid out as such")]
pub struct Damaged;

impl<'a> Headers<'a> {
    /// Of the bytes behind a record's value.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(if bytes == [0] { &[] } else { bytes })
    }

    /// The bytes of these headers, for [`Self::new`]. Without a value: null.
    pub fn lay_out<'b>(
        headers: impl ExactSizeIterator<Item = (&'b [u8], Option<&'b [u8]>)>,
        out: &mut Vec<u8>,
    ) {
        varint::push(headers.len() as i64, out);
        for (name, value) in headers {
            varint::push(name.len() as i64, out);
            out.extend_from_slice(name);
            varint::push(value.map_or(-1, |value| value.len() as i64), out);
            out.extend_from_slice(value.unwrap_or_default());
        }
    }

    /// The value of the last header of that name; none without one, or where it has none.
    pub fn last(self, name: &str) -> Result<Option<&'a [u8]>, Damaged> {
        let mut rest = self.0;
        let count = if rest.is_empty() { 0 } else { varint::read(&mut rest).ok_or(Damaged)? };
        let mut found = None;
        for _ in 0..count {
            let key = sized(&mut rest)?.ok_or(Damaged)?;
            let value = sized(&mut rest)?;
            if key == name.as_bytes() {
                found = value;
            }
        }
        Ok(found)
    }
}

/// Bytes behind their length; a negative one is null.
fn sized<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Damaged> {
    let Ok(length) = usize::try_from(varint::read(rest).ok_or(Damaged)?) else { return Ok(None) };
    let (bytes, after) = rest.split_at_checked(length).ok_or(Damaged)?;
    *rest = after;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid_out(headers: &[(&str, Option<&str>)]) -> Vec<u8> {
        let mut out = Vec::new();
        let headers = headers.iter().map(|(n, v)| (n.as_bytes(), v.map(str::as_bytes)));
        Headers::lay_out(headers, &mut out);
        out
    }

    #[test]
    fn the_last_of_a_name_counts() {
        let long = "x".repeat(300);
        let bytes = laid_out(&[("a", Some("1")), ("b", Some("")), ("a", Some(&long)), ("c", None)]);
        let headers = Headers::new(&bytes);
        assert_eq!(headers.last("a"), Ok(Some(long.as_bytes())));
        assert_eq!(headers.last("b"), Ok(Some(&b""[..])));
        assert_eq!(headers.last("c"), Ok(None));
        assert_eq!(headers.last("d"), Ok(None));
        assert_eq!(Headers::default().last("a"), Ok(None));
        assert_eq!(Headers::new(&laid_out(&[])), Headers::default());
    }

    #[test]
    fn what_is_cut_off_is_damaged() {
        let bytes = laid_out(&[("name", Some("value")), ("other", Some("value"))]);
        for end in 1..bytes.len() {
            assert_eq!(Headers::new(&bytes[..end]).last("name"), Err(Damaged), "{end}");
        }
    }
}
