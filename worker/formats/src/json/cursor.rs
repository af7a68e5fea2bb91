//! A walk over the bytes of one record. It checks the whole grammar, and makes tokens without
//! copying.

use super::number::Number;
use crate::limits::JSON_DEPTH_MAX;

/// What the walk did not find. The place is the cursor's position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Name,
    Colon,
    CommaOrBrace,
    CommaOrBracket,
    Value,
    Digit,
    LeadingZero,
    Escape,
    Control,
    EndOfText,
    Utf8,
    Trailing,
    TooDeep,
    NotAnObject,
}

impl Fault {
    /// For people: what was wrong at the cursor.
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::Name => "expected a field name",
            Self::Colon => "expected ':'",
            Self::CommaOrBrace => "expected ',' or '}'",
            Self::CommaOrBracket => "expected ',' or ']'",
            Self::Value => "expected a value",
            Self::Digit => "expected a digit",
            Self::LeadingZero => "a number must not start with 0",
            Self::Escape => "unknown escape",
            Self::Control => "a control character must be escaped",
            Self::EndOfText => "the text has no end",
            Self::Utf8 => "the text is not UTF-8",
            Self::Trailing => "something follows the record",
            Self::TooDeep => "nested too deep",
            Self::NotAnObject => "expected '{'",
        }
    }
}

/// The bytes between two quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) escaped: bool,
}

/// One value of the record, not yet of a type.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Token {
    Null,
    Bool(bool),
    Number(Number),
    Text(Text),
    /// An object or an array; checked and skipped.
    Nested,
    /// Something else stands where the object or the array should be that holds the value.
    Misplaced,
    /// Not from the text: a number that is known.
    Integer(i64),
}

pub(crate) struct Cursor<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) pos: usize,
    /// Open objects that are looked into, beside the record.
    pub(crate) outer: u32,
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The high bit of every byte that is a quote, a backslash or a control character. Exact up to the
/// first such byte.
#[inline]
fn specials(word: u64) -> u64 {
    let quote = word ^ (ONES * 0x22);
    let slash = word ^ (ONES * 0x5c);
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = quote.wrapping_sub(ONES) & !quote;
    let slash = slash.wrapping_sub(ONES) & !slash;
    (control | quote | slash) & HIGHS
}

/// The place of the first byte of eight, the lowest first, that ends a text of ASCII without
/// escapes, or is none of it.
#[inline]
pub(crate) fn specials_in(word: u64) -> Option<usize> {
    let found = specials(word) | word & HIGHS;
    (found != 0).then(|| (found.trailing_zeros() / 8) as usize)
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, pos: 0, outer: 0 }
    }

    /// The next byte; 0 at the end, which no rule of the grammar takes.
    #[inline]
    pub(crate) fn peek(&self) -> u8 {
        self.at(self.pos)
    }

    #[inline]
    fn at(&self, pos: usize) -> u8 {
        self.bytes.get(pos).copied().unwrap_or(0)
    }

    #[inline]
    pub(crate) fn space(&mut self) {
        if self.peek() > b' ' {
            return;
        }
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.pos += 1;
        }
    }

    #[inline]
    pub(crate) fn expect(&mut self, byte: u8, fault: Fault) -> Result<(), Fault> {
        if self.peek() != byte {
            return Err(fault);
        }
        self.pos += 1;
        Ok(())
    }

    /// A quoted text, the cursor on its first quote. Only here a byte may be outside of ASCII, so
    /// only here UTF-8 is checked.
    #[inline]
    pub(crate) fn text(&mut self) -> Result<Text, Fault> {
        let start = self.pos + 1;
        let mut escaped = false;
        let mut high = 0;
        let mut pos = start;
        loop {
            pos = self.special_from(pos, &mut high);
            match self.bytes.get(pos) {
                Some(b'"') => {
                    self.pos = pos + 1;
                    if high != 0 && std::str::from_utf8(&self.bytes[start..pos]).is_err() {
                        return Err(Fault::Utf8);
                    }
                    return Ok(Text { start, end: pos, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.pos = pos;
                    pos = self.after_escape(pos)?;
                }
                Some(_) => {
                    self.pos = pos;
                    return Err(Fault::Control);
                }
                None => {
                    self.pos = pos;
                    return Err(Fault::EndOfText);
                }
            }
        }
    }

    /// The first quote, backslash or control character from `pos` on, or the end. `high` is not
    /// zero afterwards if a byte before it is outside of ASCII (and perhaps if only one behind it
    /// is).
    #[inline]
    fn special_from(&self, pos: usize, high: &mut u64) -> usize {
        let all = self.bytes.get(pos..).unwrap_or_default();
        let mut rest = all;
        while let Some((word, behind)) = rest.split_first_chunk::<8>() {
            let word = u64::from_le_bytes(*word);
            *high |= word & HIGHS;
            let found = specials(word);
            if found != 0 {
                return pos + all.len() - rest.len() + (found.trailing_zeros() / 8) as usize;
            }
            rest = behind;
        }
        while let Some((byte, behind)) = rest.split_first() {
            if matches!(byte, b'"' | b'\\' | 0..=0x1f) {
                break;
            }
            *high |= u64::from(byte & 0x80);
            rest = behind;
        }
        pos + all.len() - rest.len()
    }

    fn after_escape(&self, pos: usize) -> Result<usize, Fault> {
        match self.at(pos + 1) {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(pos + 2),
            b'u' => {
                let hex = (pos + 2..pos + 6).all(|i| self.at(i).is_ascii_hexdigit());
                if hex { Ok(pos + 6) } else { Err(Fault::Escape) }
            }
            _ => Err(Fault::Escape),
        }
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), Fault> {
        if !self.bytes[self.pos..].starts_with(word) {
            return Err(Fault::Value);
        }
        self.pos += word.len();
        Ok(())
    }

    /// Any value, the cursor on its first byte.
    #[inline]
    pub(crate) fn value(&mut self) -> Result<Token, Fault> {
        match self.peek() {
            b'"' => self.text().map(Token::Text),
            b'-' | b'0'..=b'9' => self.number().map(Token::Number),
            b'{' | b'[' => self.skip_nested().map(|()| Token::Nested),
            b't' => self.literal(b"true").map(|()| Token::Bool(true)),
            b'f' => self.literal(b"false").map(|()| Token::Bool(false)),
            b'n' => self.literal(b"null").map(|()| Token::Null),
            _ => Err(Fault::Value),
        }
    }

    /// Any value, where few are read.
    #[inline(never)]
    pub(crate) fn element(&mut self) -> Result<Token, Fault> {
        self.value()
    }

    /// Any value; whether it is null.
    pub(crate) fn null(&mut self) -> Result<bool, Fault> {
        Ok(matches!(self.element()?, Token::Null))
    }

    /// An object or array, checked; no recursion, so a hostile record cannot exhaust the stack.
    fn skip_nested(&mut self) -> Result<(), Fault> {
        let mut nest = Nest { outer: self.outer, ..Nest::default() };
        'value: loop {
            match self.peek() {
                b'{' => {
                    nest.push(true)?;
                    self.pos += 1;
                    self.space();
                    if self.peek() != b'}' {
                        self.name()?;
                        continue 'value;
                    }
                    self.pos += 1;
                    nest.pop();
                }
                b'[' => {
                    nest.push(false)?;
                    self.pos += 1;
                    self.space();
                    if self.peek() != b']' {
                        continue 'value;
                    }
                    self.pos += 1;
                    nest.pop();
                }
                _ => {
                    self.value()?;
                }
            }
            loop {
                let Some(object) = nest.top() else { return Ok(()) };
                self.space();
                match (self.peek(), object) {
                    (b',', true) => {
                        self.pos += 1;
                        self.space();
                        self.name()?;
                        continue 'value;
                    }
                    (b',', false) => {
                        self.pos += 1;
                        self.space();
                        continue 'value;
                    }
                    (b'}', true) | (b']', false) => {
                        self.pos += 1;
                        nest.pop();
                    }
                    (_, true) => return Err(Fault::CommaOrBrace),
                    (_, false) => return Err(Fault::CommaOrBracket),
                }
            }
        }
    }

    /// A field name with its colon; the cursor ends on the value.
    fn name(&mut self) -> Result<Text, Fault> {
        if self.peek() != b'"' {
            return Err(Fault::Name);
        }
        let name = self.text()?;
        self.colon()?;
        Ok(name)
    }

    #[inline]
    pub(crate) fn colon(&mut self) -> Result<(), Fault> {
        self.space();
        self.expect(b':', Fault::Colon)?;
        self.space();
        Ok(())
    }
}

/// Which of the open containers are objects, one bit each; the record itself and the objects that
/// are looked into are not among them.
#[derive(Default)]
struct Nest {
    objects: u64,
    depth: u32,
    outer: u32,
}

const _: () = assert!(JSON_DEPTH_MAX <= u64::BITS, "one bit for every open container");

impl Nest {
    fn push(&mut self, object: bool) -> Result<(), Fault> {
        if self.outer + self.depth + 2 > JSON_DEPTH_MAX {
            return Err(Fault::TooDeep);
        }
        self.objects = self.objects << 1 | u64::from(object);
        self.depth += 1;
        Ok(())
    }

    fn pop(&mut self) {
        self.objects >>= 1;
        self.depth -= 1;
    }

    fn top(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.objects & 1 == 1)
    }
}
