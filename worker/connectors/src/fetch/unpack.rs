//! Compressed records, unpacked into one buffer that is used again and again. What they may grow to is bounded.

use std::io::Read;

use super::batch::{Damage, Header};
use super::lz4;

const GZIP: i16 = 1;
const SNAPPY: i16 = 2;
const LZ4: i16 = 3;
const ZSTD: i16 = 4;

/// Java's framing of snappy: this, two versions of four bytes, then blocks behind their lengths.
const XERIAL: &[u8] = b"\x82SNAPPY\0";
const XERIAL_HEADER: usize = 16;

/// What a stream is asked for in one go.
const STEP: usize = 64 << 10;

/// What is unpacked so far.
pub(crate) struct Unpacked {
    /// Longer than what is in it, so that it need not be cleared for every batch.
    room: Vec<u8>,
    filled: usize,
    bytes_max: usize,
}

impl Unpacked {
    /// What is in it and room for `more` bytes behind that; an error where the bound forbids it.
    pub(super) fn room(&mut self, more: usize) -> Result<(&[u8], &mut [u8]), String> {
        let end = self.filled.saturating_add(more);
        if end > self.bytes_max.saturating_add(STEP) {
            return Err(self.too_large());
        }
        if self.room.len() < end {
            self.room.resize(end, 0);
        }
        let (before, behind) = self.room.split_at_mut(self.filled);
        Ok((before, &mut behind[..more]))
    }

    /// That many bytes of the room were written.
    pub(super) fn wrote(&mut self, bytes: usize) -> Result<(), String> {
        self.filled = (self.filled + bytes).min(self.room.len());
        if self.filled > self.bytes_max { Err(self.too_large()) } else { Ok(()) }
    }

    fn too_large(&self) -> String {
        format!("it grows to more than {} bytes", self.bytes_max)
    }
}

/// Unpacks one batch after the other.
pub(crate) struct Unpacker {
    out: Unpacked,
    zstd: Option<zstd::stream::raw::Decoder<'static>>,
}

impl Unpacker {
    /// One that refuses what unpacks to more than `bytes_max`.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { out: Unpacked { room: Vec::new(), filled: 0, bytes_max }, zstd: None }
    }

    /// What the last [`Unpacker::unpack`] made.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.out.room[..self.out.filled]
    }

    /// Gives memory back that a large batch took. What was unpacked is gone.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        if self.out.room.len() > bytes {
            (self.out.room, self.out.filled) = (Vec::new(), 0);
        }
    }

    /// Unpacks the records of a batch; they are in [`Unpacker::bytes`] then.
    pub(crate) fn unpack(&mut self, header: &Header, packed: &[u8]) -> Result<(), Damage> {
        self.out.filled = 0;
        let result = match header.codec() {
            GZIP => gzip(&mut self.out, packed),
            SNAPPY => snappy(&mut self.out, packed),
            LZ4 => lz4::unpack(&mut self.out, packed),
            ZSTD => self.zstd(packed),
            other => Err(format!("compression {other} is not known")),
        };
        result.map_err(|detail| Damage::Packed { offset: header.base_offset, detail })
    }

    fn zstd(&mut self, packed: &[u8]) -> Result<(), String> {
        use zstd::stream::raw::{Decoder, InBuffer, Operation as _, OutBuffer};
        let text = |error: std::io::Error| error.to_string();
        let mut decoder = match self.zstd.take() {
            Some(decoder) => decoder,
            None => Decoder::new().map_err(text)?,
        };
        decoder.reinit().map_err(text)?;
        let mut input = InBuffer::around(packed);
        loop {
            let (_, room) = self.out.room(STEP)?;
            let mut output = OutBuffer::around(room);
            let hint = decoder.run(&mut input, &mut output).map_err(text)?;
            let written = output.pos();
            self.out.wrote(written)?;
            let all = input.pos() == packed.len();
            // Behind one frame there may be another.
            if hint == 0 && all {
                self.zstd = Some(decoder);
                return Ok(());
            }
            if hint != 0 && all && written < STEP {
                return Err("it is cut off".to_owned());
            }
        }
    }
}

fn gzip(out: &mut Unpacked, packed: &[u8]) -> Result<(), String> {
    let mut stream = flate2::bufread::MultiGzDecoder::new(packed);
    loop {
        let (_, room) = out.room(STEP)?;
        match stream.read(room).map_err(|error| error.to_string())? {
            0 => return Ok(()),
            written => out.wrote(written)?,
        }
    }
}

fn snappy(out: &mut Unpacked, packed: &[u8]) -> Result<(), String> {
    if !packed.starts_with(XERIAL) {
        return snappy_block(out, packed);
    }
    let mut rest = packed.get(XERIAL_HEADER..).ok_or("its header is cut off")?;
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<4>().ok_or("a length is cut off")?;
        let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (block, after) = after.split_at_checked(length).ok_or("a block is cut off")?;
        snappy_block(out, block)?;
        rest = after;
    }
    Ok(())
}

fn snappy_block(out: &mut Unpacked, block: &[u8]) -> Result<(), String> {
    let length = snap::raw::decompress_len(block).map_err(|error| error.to_string())?;
    let (_, room) = out.room(length)?;
    let unpacked = snap::raw::Decoder::new().decompress(block, room);
    out.wrote(unpacked.map_err(|error| error.to_string())?)
}
