//! The frame format of lz4. The blocks are a library's; its frames would cost a buffer per batch and two copies.
//!
//! Layout: <https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md>. The frame's own checksums are passed over,
//! the batch has one over all of it.

use super::unpack::Unpacked;

const MAGIC: [u8; 4] = 0x184D_2204_u32.to_le_bytes();
const VERSION_MASK: u8 = 0xc0;
const VERSION: u8 = 0x40;
const INDEPENDENT: u8 = 0x20;
const BLOCK_CHECKSUM: u8 = 0x10;
const CONTENT_SIZE: u8 = 0x08;
const DICTIONARY: u8 = 0x01;
/// In the length of a block: it is as it was.
const STORED: u32 = 1 << 31;
/// How far blocks that are not independent look back.
const WINDOW: usize = 64 << 10;

/// Unpacks one frame.
pub(super) fn unpack(out: &mut Unpacked, packed: &[u8]) -> Result<(), String> {
    let cut = "it is cut off";
    let rest = packed.strip_prefix(&MAGIC).ok_or("it is no lz4 frame")?;
    let [flags, sizes, rest @ ..] = rest else { return Err(cut.to_owned()) };
    if flags & VERSION_MASK != VERSION || flags & DICTIONARY != 0 {
        return Err("an lz4 frame of an unknown kind".to_owned());
    }
    let block_max = match sizes >> 4 & 0x07 {
        size @ 4..=7 => 1_usize << (8 + 2 * size),
        _ => return Err("an lz4 frame of an unknown size".to_owned()),
    };
    // The content's size, and one byte of checksum.
    let skipped = if flags & CONTENT_SIZE == 0 { 1 } else { 9 };
    let mut rest = rest.get(skipped..).ok_or(cut)?;
    loop {
        let (length, after) = rest.split_first_chunk::<4>().ok_or(cut)?;
        let length = u32::from_le_bytes(*length);
        if length == 0 {
            return Ok(());
        }
        let (block, after) = after.split_at_checked((length & !STORED) as usize).ok_or(cut)?;
        if length & STORED == 0 {
            let (before, room) = out.room(block_max)?;
            let before = if flags & INDEPENDENT == 0 {
                &before[before.len().saturating_sub(WINDOW)..]
            } else {
                &[]
            };
            let written = lz4_flex::block::decompress_into_with_dict(block, room, before);
            out.wrote(written.map_err(|error| error.to_string())?)?;
        } else {
            out.room(block.len())?.1.copy_from_slice(block);
            out.wrote(block.len())?;
        }
        rest = if flags & BLOCK_CHECKSUM == 0 { after } else { after.get(4..).ok_or(cut)? };
    }
}
