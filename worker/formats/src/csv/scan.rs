//! From one field to the next, eight bytes a step.

/// What the scan did not find. The place is that of the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A quote within a field that does not begin with one.
    LooseQuote,
    /// A line break outside of quotes.
    LineBreak,
    /// A quoted field has no end.
    EndOfQuoted,
    /// Something stands between the end of a quoted field and the delimiter.
    BehindQuoted,
}

impl Fault {
    /// For people: what was wrong with the field.
    pub(super) fn message(self) -> &'static str {
        match self {
            Self::LooseQuote => "a quote stands within it; the whole field must be quoted then",
            Self::LineBreak => "a line break stands outside of quotes",
            Self::EndOfQuoted => "its closing quote is missing",
            Self::BehindQuoted => "something follows its closing quote",
        }
    }
}

/// One field, as a range of the line, without its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) quoted: bool,
    /// A quote is written twice in it.
    pub(super) doubled: bool,
    /// Where the next field begins; none behind the last one.
    pub(super) next: Option<usize>,
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The high bit of every zero byte; exact up to the first one.
#[inline]
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// The signs, spread over words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scan {
    delimiter: u8,
    quote: u8,
    delimiters: u64,
    quotes: u64,
}

impl Scan {
    pub(super) fn new(delimiter: u8, quote: u8) -> Self {
        let spread = |byte: u8| ONES * u64::from(byte);
        Self { delimiter, quote, delimiters: spread(delimiter), quotes: spread(quote) }
    }

    /// The field that begins at `start`.
    #[inline]
    pub(super) fn field(&self, line: &[u8], start: usize) -> Result<Field, Fault> {
        if line.get(start) == Some(&self.quote) {
            return self.quoted(line, start + 1);
        }
        let end = self.special_from(line, start);
        match line.get(end) {
            None => Ok(Field { start, end, quoted: false, doubled: false, next: None }),
            Some(byte) if *byte == self.delimiter => {
                Ok(Field { start, end, quoted: false, doubled: false, next: Some(end + 1) })
            }
            Some(byte) if *byte == self.quote => Err(Fault::LooseQuote),
            Some(_) => Err(Fault::LineBreak),
        }
    }

    /// A field behind its opening quote.
    fn quoted(&self, line: &[u8], start: usize) -> Result<Field, Fault> {
        let mut doubled = false;
        let mut at = start;
        loop {
            let rest = line.get(at..).unwrap_or_default();
            let found = rest.iter().position(|byte| *byte == self.quote);
            let end = at + found.ok_or(Fault::EndOfQuoted)?;
            match line.get(end + 1) {
                Some(byte) if *byte == self.quote => {
                    doubled = true;
                    at = end + 2;
                }
                None => return Ok(Field { start, end, quoted: true, doubled, next: None }),
                Some(byte) if *byte == self.delimiter => {
                    return Ok(Field { start, end, quoted: true, doubled, next: Some(end + 2) });
                }
                Some(_) => return Err(Fault::BehindQuoted),
            }
        }
    }

    /// The first delimiter, quote or line break from `at` on, or the end.
    #[inline]
    fn special_from(&self, line: &[u8], at: usize) -> usize {
        let all = line.get(at..).unwrap_or_default();
        let mut rest = all;
        while let Some((word, behind)) = rest.split_first_chunk::<8>() {
            let word = u64::from_le_bytes(*word);
            let found = zeros(word ^ self.delimiters)
                | zeros(word ^ self.quotes)
                | zeros(word ^ (ONES * 0x0a))
                | zeros(word ^ (ONES * 0x0d));
            if found != 0 {
                return at + all.len() - rest.len() + (found.trailing_zeros() / 8) as usize;
            }
            rest = behind;
        }
        let special = |byte: &u8| {
            *byte == self.delimiter || *byte == self.quote || matches!(byte, b'\n' | b'\r')
        };
        let found = rest.iter().position(special).unwrap_or(rest.len());
        at + all.len() - rest.len() + found
    }
}
