//! Numbers: exact where the type is exact, the nearest double where it is not.

use super::cursor::{Cursor, Fault};

/// A number as written: `±mantissa × 10^exponent`, or only its place where that does not fit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number {
    start: usize,
    end: usize,
    mantissa: u64,
    exponent: i32,
    negative: bool,
    /// Mantissa and exponent hold the number; otherwise only the text does.
    exact: bool,
}

/// Why a number is not a value of its column's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NumberFault {
    NotIntegral,
    OutOfRange,
}

/// Digits that always fit 64 bits.
const DIGITS_MAX: usize = 19;
/// Largest integer up to which every integer is a double.
const DOUBLE_INTEGER_MAX: u64 = 1 << 53;
/// Powers of ten that are doubles without rounding.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Powers of ten by the number of digits.
const TENS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

impl Cursor<'_> {
    /// A number, the cursor on its sign or first digit.
    #[inline]
    pub(crate) fn number(&mut self) -> Result<Number, Fault> {
        let start = self.pos;
        let negative = self.peek() == b'-';
        self.pos += usize::from(negative);
        let first = self.pos;
        let mut mantissa = self.digits(0)?;
        let mut digits = self.pos - first;
        if digits > 1 && self.bytes[first] == b'0' {
            self.pos = first;
            return Err(Fault::LeadingZero);
        }
        let mut exponent = 0;
        let mut exact = true;
        if self.peek() == b'.' {
            self.pos += 1;
            let fraction = self.pos;
            mantissa = self.digits(mantissa)?;
            let places = self.pos - fraction;
            digits += places;
            exponent = -(places.min(DIGITS_MAX + 1) as i32);
        }
        if matches!(self.peek(), b'e' | b'E') {
            let (written, fits) = self.exponent()?;
            exponent += written;
            exact = fits;
        }
        exact &= digits <= DIGITS_MAX;
        Ok(Number { start, end: self.pos, mantissa, exponent, negative, exact })
    }

    /// At least one digit, appended to `value`; wraps where the number is too long to be used.
    #[inline]
    fn digits(&mut self, value: u64) -> Result<u64, Fault> {
        let (end, value) = digits(self.bytes, self.pos, value);
        if end == self.pos {
            return Err(Fault::Digit);
        }
        self.pos = end;
        Ok(value)
    }

    /// The exponent's value, and whether it is small enough to be used.
    fn exponent(&mut self) -> Result<(i32, bool), Fault> {
        self.pos += 1;
        let negative = self.peek() == b'-';
        self.pos += usize::from(matches!(self.peek(), b'-' | b'+'));
        let start = self.pos;
        let value = self.digits(0)?;
        if self.pos - start > 4 {
            return Ok((0, false));
        }
        let value = value as i32;
        Ok((if negative { -value } else { value }, true))
    }
}

/// A number without exponent and short enough to be held, and where it ends. `None` for any other
/// text, which may be a number still.
#[inline]
pub(crate) fn plain(bytes: &[u8], start: usize) -> Option<(Number, usize)> {
    let negative = byte_at(bytes, start) == b'-';
    let first = start + usize::from(negative);
    let (mut end, mut mantissa) = digits(bytes, first, 0);
    let mut count = end - first;
    if count == 0 || (count > 1 && byte_at(bytes, first) == b'0') {
        return None;
    }
    let mut exponent = 0;
    if byte_at(bytes, end) == b'.' {
        let fraction = end + 1;
        (end, mantissa) = digits(bytes, fraction, mantissa);
        let places = end - fraction;
        if places == 0 {
            return None;
        }
        count += places;
        exponent = -(places.min(DIGITS_MAX + 1) as i32);
    }
    if count > DIGITS_MAX || matches!(byte_at(bytes, end), b'e' | b'E') {
        return None;
    }
    Some((Number { start, end, mantissa, exponent, negative, exact: true }, end))
}

/// Where a number of no more than digits ends, and of no more than seven of them. `None` for any
/// other text, which may be a number still.
#[inline]
pub(crate) fn plain_integer_end(bytes: &[u8], start: usize) -> Option<usize> {
    let count = digit_count(eight_bytes(bytes, start));
    let behind = byte_at(bytes, start + count);
    let plain = (1..8).contains(&count)
        && (count == 1 || byte_at(bytes, start) != b'0')
        && !matches!(behind, b'.' | b'e' | b'E');
    plain.then_some(start + count)
}

/// The byte; 0 behind the end, which is no byte of a number.
#[inline]
fn byte_at(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

/// Where the digits from `pos` on end, and `value` with them appended; wraps where they are too
/// many. Eight bytes at a time, without a branch that depends on how many of them are digits.
#[inline]
fn digits(bytes: &[u8], mut pos: usize, mut value: u64) -> (usize, u64) {
    loop {
        let (count, digits) = leading_digits(eight_bytes(bytes, pos));
        pos += count;
        value = value.wrapping_mul(TENS[count]).wrapping_add(digits);
        if count < 8 {
            return (pos, value);
        }
    }
}

/// The next eight bytes, the first of them lowest; zeros behind the end.
#[inline]
pub(crate) fn eight_bytes(bytes: &[u8], pos: usize) -> u64 {
    let rest = bytes.get(pos..).unwrap_or_default();
    if let Some(word) = rest.first_chunk::<8>() {
        return u64::from_le_bytes(*word);
    }
    match bytes.last_chunk::<8>() {
        Some(word) if !rest.is_empty() => u64::from_le_bytes(*word) >> (8 * (8 - rest.len())),
        _ => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// How many of the eight bytes are ASCII digits before the first that is none, the lowest byte
/// first.
#[inline]
fn digit_count(word: u64) -> usize {
    let low = word.wrapping_sub(ZEROS);
    let high = word.wrapping_add(0x4646_4646_4646_4646);
    // Exact up to the first byte that is none.
    let others = (low | high) & 0x8080_8080_8080_8080;
    (others.trailing_zeros() / 8) as usize
}

/// Eight times `0`.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// The leading digits: how many, and the number that they write. Neighbours are joined in three
/// steps: to pairs, to fours, to eight.
#[inline]
fn leading_digits(word: u64) -> (usize, u64) {
    let count = digit_count(word);
    let low = word.wrapping_sub(ZEROS);
    // The digits go to the top, zeros before them.
    let low = low.unbounded_shl(64 - 8 * count as u32);
    let pairs = (low.wrapping_mul(1 + (10 << 8)) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(1 + (100 << 16)) >> 16) & 0x0000_ffff_0000_ffff;
    (count, fours.wrapping_mul(1 + (10_000 << 32)) >> 32)
}

impl Number {
    /// As a 64-bit integer, if that needs no look at the text.
    #[inline]
    pub(crate) fn plain_integer(&self) -> Option<i64> {
        let value = i64::try_from(self.mantissa).ok()?;
        let plain = self.exact && self.exponent == 0;
        plain.then_some(if self.negative { -value } else { value })
    }

    /// As the nearest double, if that needs no look at the text: one correctly rounded operation on
    /// two exact doubles.
    #[inline]
    pub(crate) fn plain_double(&self) -> Option<f64> {
        let power = POWERS.get(self.exponent.unsigned_abs() as usize)?;
        if !self.exact || self.mantissa > DOUBLE_INTEGER_MAX {
            return None;
        }
        let value = self.mantissa as f64;
        let value = if self.exponent < 0 { value / power } else { value * power };
        Some(if self.negative { -value } else { value })
    }

    /// As a 64-bit integer, if it is integral.
    #[inline]
    pub(crate) fn integer(&self, bytes: &[u8]) -> Result<i64, NumberFault> {
        if let Some(value) = self.plain_integer() {
            return Ok(value);
        }
        if self.exact && self.exponent == 0 {
            let value = i128::from(self.mantissa);
            let value = if self.negative { -value } else { value };
            return i64::try_from(value).map_err(|_| NumberFault::OutOfRange);
        }
        let value = exact_scaled(self.bytes(bytes), 0)?;
        i64::try_from(value).map_err(|_| NumberFault::OutOfRange)
    }

    /// As the nearest double.
    #[inline]
    pub(crate) fn double(&self, bytes: &[u8]) -> Result<f64, NumberFault> {
        if let Some(value) = self.plain_double() {
            return Ok(value);
        }
        let text = std::str::from_utf8(self.bytes(bytes)).unwrap_or_default();
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(NumberFault::OutOfRange),
        }
    }

    /// Times `10^scale`, without loss, for a type of so many digits.
    pub(crate) fn decimal(
        &self,
        bytes: &[u8],
        precision: u8,
        scale: i8,
    ) -> Result<i128, NumberFault> {
        let value = exact_scaled(self.bytes(bytes), i64::from(scale))?;
        let bound = 10u128.checked_pow(u32::from(precision)).ok_or(NumberFault::OutOfRange)?;
        if value.unsigned_abs() < bound { Ok(value) } else { Err(NumberFault::OutOfRange) }
    }

    fn bytes<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.start..self.end]
    }
}

/// `number × 10^scale` as an integer. The text is a number by the grammar.
fn exact_scaled(text: &[u8], scale: i64) -> Result<i128, NumberFault> {
    let (negative, text) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    let split = text.iter().position(|b| matches!(b, b'e' | b'E')).unwrap_or(text.len());
    let (digits, exponent) = text.split_at(split);
    let point = digits.iter().position(|b| *b == b'.');
    let places = point.map_or(0, |point| digits.len() - point - 1) as i64;
    let significant = digits.iter().filter(|b| **b != b'.').map(|b| i128::from(b - b'0'));
    let Some(last) = digits.iter().rposition(|b| matches!(b, b'1'..=b'9')) else { return Ok(0) };
    let behind = &digits[last + 1..];
    let zeros = behind.len() - usize::from(behind.contains(&b'.'));
    let kept = significant.clone().count() - zeros;
    let mut value: i128 = 0;
    for digit in significant.take(kept) {
        value = value
            .checked_mul(10)
            .and_then(|v| v.checked_add(digit))
            .ok_or(NumberFault::OutOfRange)?;
    }
    let shift = exponent_value(exponent)
        .saturating_add(scale)
        .saturating_sub(places)
        .saturating_add(zeros as i64);
    // The last kept digit is not zero, so a negative shift always leaves a fraction.
    let shift = u32::try_from(shift)
        .map_err(|_| if shift < 0 { NumberFault::NotIntegral } else { NumberFault::OutOfRange })?;
    let factor = 10i128.checked_pow(shift).ok_or(NumberFault::OutOfRange)?;
    let value = value.checked_mul(factor).ok_or(NumberFault::OutOfRange)?;
    Ok(if negative { -value } else { value })
}

/// The number after `e`, saturated; 0 without one.
fn exponent_value(text: &[u8]) -> i64 {
    let mut value: i64 = 0;
    for byte in text.iter().filter(|b| b.is_ascii_digit()) {
        value = value.saturating_mul(10).saturating_add(i64::from(byte - b'0'));
    }
    if text.get(1) == Some(&b'-') { -value } else { value }
}
