//! Escapes of quoted texts.

/// An escape that names half of a surrogate pair: allowed by the grammar, but not a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LoneSurrogate;

/// Appends the characters of `raw`, whose escapes were checked by the cursor.
pub(crate) fn unescape(raw: &[u8], out: &mut Vec<u8>) -> Result<(), LoneSurrogate> {
    let mut rest = raw;
    while let Some(slash) = rest.iter().position(|b| *b == b'\\') {
        out.extend_from_slice(&rest[..slash]);
        let kind = rest.get(slash + 1).copied().unwrap_or(0);
        rest = rest.get(slash + 2..).unwrap_or_default();
        match kind {
            b'b' => out.push(0x08),
            b'f' => out.push(0x0c),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let (character, used) = unicode(rest).ok_or(LoneSurrogate)?;
                let mut utf8 = [0; 4];
                out.extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
                rest = &rest[used..];
            }
            // The rest stand for themselves: quote, backslash, solidus.
            other => out.push(other),
        }
    }
    out.extend_from_slice(rest);
    Ok(())
}

/// The character after `\u` and how many bytes name it.
fn unicode(rest: &[u8]) -> Option<(char, usize)> {
    let first = hex4(rest)?;
    if let Some(character) = char::from_u32(first) {
        return Some((character, 4));
    }
    if !(0xd800..0xdc00).contains(&first) || !rest[4..].starts_with(b"\\u") {
        return None;
    }
    let second = hex4(&rest[6..])?;
    if !(0xdc00..0xe000).contains(&second) {
        return None;
    }
    let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    char::from_u32(code).map(|character| (character, 10))
}

fn hex4(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.first_chunk::<4>()?;
    digits.iter().try_fold(0, |value, byte| Some(value << 4 | char::from(*byte).to_digit(16)?))
}
