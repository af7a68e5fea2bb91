//! Numbers as Kafka's records hold them: zigzag, seven bits a byte, the lowest first.

/// Reads a number. None where the bytes end before it, or it has more than ten.
#[inline]
pub fn read(rest: &mut &[u8]) -> Option<i64> {
    let value = match **rest {
        [low, ref after @ ..] if low < 0x80 => {
            *rest = after;
            u64::from(low)
        }
        [low, high, ref after @ ..] if high < 0x80 => {
            *rest = after;
            u64::from(low & 0x7f) | u64::from(high) << 7
        }
        _ => long(rest)?,
    };
    Some((value >> 1) as i64 ^ -((value & 1) as i64))
}

#[cold]
#[inline(never)]
fn long(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..70).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Appends a number.
pub fn push(value: i64, out: &mut Vec<u8>) {
    let mut rest = (value << 1 ^ value >> 63) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_pushed_is_read() {
        for value in [0, 1, -1, 63, -64, 64, 8_191, -8_192, 8_192, 1 << 35, i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            push(value, &mut bytes);
            let mut rest = bytes.as_slice();
            assert_eq!((read(&mut rest), rest.len()), (Some(value), 0), "{value}");
            assert_eq!(read(&mut &bytes[..bytes.len() - 1]), None, "{value}, cut");
        }
        assert_eq!(read(&mut [0x80; 11].as_slice()), None);
    }
}
