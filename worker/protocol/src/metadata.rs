//! The metadata that travels with every committed offset (C2). ASCII, at most 256 bytes, versioned:
//! `sj1;g=<generation>;s=<slot>;c=<commit>;n=<nonce>;m=<manifest or ->;r=<0|1>;k=<operator:window end:rows or ->`, and
//! for a shard whose watermark is a clock `;t=<ms>`.

use serde::{Deserialize, Serialize};

use crate::ids::{CommitNumber, Generation, Nonce, SlotIndex};
use crate::limits::METADATA_BYTES_MAX;
use crate::manifest::ManifestName;

const VERSION: &str = "sj1";

/// Where a large emission was cut (C10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EmissionCursor {
    /// Position of the window operator within its stage.
    pub operator: u16,
    /// End of the window that was being emitted, ms since the epoch.
    pub window_end: i64,
    /// Rows of that window and operator already sent, in the fixed order.
    pub rows: u64,
}

/// What a committed offset says about its shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetMetadata {
    /// The generation that committed.
    pub generation: Generation,
    /// Its slot.
    pub slot: SlotIndex,
    /// Counts the commits of the shard.
    pub commit: CommitNumber,
    /// Of the process that committed.
    pub nonce: Nonce,
    /// The newest checkpoint that covers the shard; none before the first.
    pub manifest: Option<ManifestName>,
    /// The owner has given the shard up; nobody must be waited for (O4).
    pub released: bool,
    /// An emission is cut here (C10).
    pub cursor: Option<EmissionCursor>,
    /// Of a shard whose watermark is a clock: where it stood, ms since the epoch. No later row is stamped below (R5).
    pub clock: Option<i64>,
}

/// Why a text is not metadata of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("offset metadata '{text}' is not ours: {why}")]
pub struct ForeignMetadata {
    /// What stood there, cut to a readable length.
    pub text: String,
    why: &'static str,
}

impl OffsetMetadata {
    /// The text to commit.
    ///
    /// # Panics
    /// If it would be longer than [`METADATA_BYTES_MAX`], which no value of these types can reach.
    pub fn encode(&self) -> String {
        let manifest = self.manifest.as_ref().map_or("-".to_owned(), ManifestName::to_string);
        let cursor = self
            .cursor
            .map_or("-".to_owned(), |c| format!("{}:{}:{}", c.operator, c.window_end, c.rows));
        let clock = self.clock.map_or(String::new(), |ms| format!(";t={ms}"));
        let text = format!(
            "{VERSION};g={};s={};c={};n={};m={manifest};r={};k={cursor}{clock}",
            self.generation,
            self.slot,
            self.commit,
            self.nonce,
            u8::from(self.released)
        );
        assert!(text.is_ascii() && text.len() <= METADATA_BYTES_MAX, "metadata fits: {text}");
        text
    }

    /// Reads a committed text; anything that [`encode`](Self::encode) would not have written is foreign.
    pub fn decode(text: &str) -> Result<Self, ForeignMetadata> {
        let foreign = |why| ForeignMetadata { text: text.chars().take(80).collect(), why };
        let mut parts = text.split(';');
        if parts.next() != Some(VERSION) {
            return Err(foreign("it does not start with a known version"));
        }
        let mut field = |name: &str| {
            parts
                .next()
                .and_then(|part| part.split_once('='))
                .filter(|(key, _)| *key == name)
                .map(|(_, value)| value)
                .ok_or_else(|| foreign("a field is missing or out of order"))
        };
        let number = |text: &str| text.parse().map_err(|_| foreign("a number does not parse"));
        let decoded = Self {
            generation: Generation(number(field("g")?)?),
            slot: SlotIndex(field("s")?.parse().map_err(|_| foreign("the slot does not parse"))?),
            commit: CommitNumber(number(field("c")?)?),
            nonce: Nonce::try_from(field("n")?.to_owned())
                .map_err(|_| foreign("the nonce is not hexadecimal"))?,
            manifest: match field("m")? {
                "-" => None,
                name => Some(name.parse().map_err(|_| foreign("the manifest name is not one"))?),
            },
            released: match field("r")? {
                "0" => false,
                "1" => true,
                _ => return Err(foreign("released is neither 0 nor 1")),
            },
            cursor: parse_cursor(field("k")?).ok_or_else(|| foreign("the cursor is not one"))?,
            clock: None,
        };
        let clock = parts.next().map(|part| part.strip_prefix("t=").and_then(|ms| ms.parse().ok()));
        let decoded = match clock {
            None => decoded,
            Some(Some(ms)) => Self { clock: Some(ms), ..decoded },
            Some(None) => return Err(foreign("the clock is not one")),
        };
        if parts.next().is_some() || decoded.encode() != text {
            return Err(foreign("it is not in canonical form"));
        }
        Ok(decoded)
    }
}

#[expect(clippy::option_option, reason = "outer: parsed at all; inner: no cursor")]
fn parse_cursor(text: &str) -> Option<Option<EmissionCursor>> {
    if text == "-" {
        return Some(None);
    }
    let mut parts = text.split(':');
    let cursor = EmissionCursor {
        operator: parts.next()?.parse().ok()?,
        window_end: parts.next()?.parse().ok()?,
        rows: parts.next()?.parse().ok()?,
    };
    parts.next().is_none().then_some(Some(cursor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::CheckpointNumber;

    const GOLDEN: &str = "sj1;g=3;s=1;c=99;n=00000000000000ab;\
                          m=g2-s0-c7-00000000000000cd;r=1;k=2:1700000010000:5";

    fn sample() -> OffsetMetadata {
        OffsetMetadata {
            generation: Generation(3),
            slot: SlotIndex(1),
            commit: CommitNumber(99),
            nonce: Nonce::from_bits(0xab),
            manifest: Some(ManifestName {
                generation: Generation(2),
                slot: SlotIndex(0),
                number: CheckpointNumber(7),
                nonce: Nonce::from_bits(0xcd),
            }),
            released: true,
            cursor: Some(EmissionCursor { operator: 2, window_end: 1_700_000_010_000, rows: 5 }),
            clock: None,
        }
    }

    #[test]
    fn the_format_is_frozen() {
        assert_eq!(sample().encode(), GOLDEN);
        assert_eq!(OffsetMetadata::decode(GOLDEN), Ok(sample()));
        let clocked = OffsetMetadata { clock: Some(1_700_000_012_345), ..sample() };
        let golden = format!("{GOLDEN};t=1700000012345");
        assert_eq!(clocked.encode(), golden);
        assert_eq!(OffsetMetadata::decode(&golden), Ok(clocked));
    }

    #[test]
    fn the_longest_values_fit() {
        let mut longest = sample();
        longest.generation = Generation(u64::MAX);
        longest.slot = SlotIndex(u32::MAX);
        longest.commit = CommitNumber(u64::MAX);
        let manifest = longest.manifest.as_mut().expect("set above");
        manifest.generation = Generation(u64::MAX);
        manifest.slot = SlotIndex(u32::MAX);
        manifest.number = CheckpointNumber(u64::MAX);
        longest.cursor =
            Some(EmissionCursor { operator: u16::MAX, window_end: i64::MIN, rows: u64::MAX });
        longest.clock = Some(i64::MIN);
        assert_eq!(OffsetMetadata::decode(&longest.encode()), Ok(longest));
    }

    #[test]
    fn foreign_texts_are_refused() {
        let canonical_breakers = GOLDEN.replace("g=3", "g=03");
        let trailing = format!("{GOLDEN};x=1");
        let clocks = ["", "x", "07", "7;t=7"].map(|bad| format!("{GOLDEN};t={bad}"));
        for bad in [
            "",
            "consumer-1",
            "sj2;g=1",
            "sj1;s=1;g=3",
            canonical_breakers.as_str(),
            trailing.as_str(),
            &GOLDEN.replace("r=1", "r=2"),
            &GOLDEN.replace(":5", ""),
            &GOLDEN.replace("m=g2", "m=../g2"),
            &clocks[0],
            &clocks[1],
            &clocks[2],
            &clocks[3],
        ] {
            assert!(OffsetMetadata::decode(bad).is_err(), "{bad}");
        }
    }
}
