//! `HyperLogLog`: how many values of a group differ, about, in bytes that do not grow with them. The greatest rank of
//! a hash among those that share its first bits (a register) tells how many there were; see Flajolet et al. 2007, and
//! Ertl 2017 (arXiv:1702.01284) for the estimate over all ranges without tables. 2^14 registers: a standard error of
//! 0.8 %.
//!
//! Few registers are kept one by one, many as an array. Which it is follows from their number, so the bytes follow from
//! the values alone, not from the order in which they came or were merged. Frozen: `golden/registers_v1.txt`.

use super::stored_bytes::StoredBytes;

/// First bits of the hash, that choose the register.
const BITS: u32 = 14;
const REGISTERS: usize = 1 << BITS;
/// The greatest rank: of a hash whose other bits are all 0.
const RANK_MAX: u8 = (64 - BITS + 1) as u8;
/// Registers that are kept one by one: an array is not larger.
const FEW_MAX: usize = REGISTERS / 4;
/// Of the stored bytes. Another form, or another hash, is another version.
const VERSION: u8 = 1;
const FEW: u8 = 0;
const ALL: u8 = 1;

/// The registers of a group that are not 0.
enum Group {
    /// Sorted: register, and its rank in the last 8 bits.
    Few(Vec<u32>),
    All(Box<[u8]>),
}

/// Registers of every group.
#[derive(Default)]
pub(super) struct Registers {
    groups: Vec<Group>,
    /// That all groups take when stored, about.
    bytes: usize,
}

impl Registers {
    /// Adds a value by its hash.
    #[inline]
    pub(super) fn insert(&mut self, group: usize, hash: u64) {
        let register = (hash >> (64 - BITS)) as usize;
        let rank = (hash << BITS | 1 << (BITS - 1)).leading_zeros() as u8 + 1;
        self.raise(group, register, rank);
    }

    fn raise(&mut self, group: usize, register: usize, rank: u8) {
        let few = match &mut self.groups[group] {
            Group::All(ranks) => {
                ranks[register] = ranks[register].max(rank);
                return;
            }
            Group::Few(few) => few,
        };
        let entry = (register as u32) << 8 | u32::from(rank);
        match few.binary_search_by_key(&register, |entry| (entry >> 8) as usize) {
            Ok(at) => few[at] = few[at].max(entry),
            Err(at) if few.len() < FEW_MAX => {
                few.insert(at, entry);
                self.bytes += 3;
            }
            Err(_) => {
                let mut ranks = vec![0; REGISTERS].into_boxed_slice();
                for entry in few.iter().chain([&entry]) {
                    ranks[(entry >> 8) as usize] = *entry as u8;
                }
                self.bytes += REGISTERS - 3 * few.len();
                self.groups[group] = Group::All(ranks);
            }
        }
    }

    /// About how many values were added to a group.
    pub(super) fn count(&self, group: u32) -> i64 {
        let mut ranks = [0usize; RANK_MAX as usize + 1];
        match &self.groups[group as usize] {
            Group::Few(few) => {
                ranks[0] = REGISTERS - few.len();
                for entry in few {
                    ranks[(entry & 0xff) as usize] += 1;
                }
            }
            Group::All(all) => {
                for rank in all {
                    ranks[*rank as usize] += 1;
                }
            }
        }
        estimate(&ranks)
    }
}

/// From how many registers have each rank.
fn estimate(ranks: &[usize; RANK_MAX as usize + 1]) -> i64 {
    let registers = REGISTERS as f64;
    let share = |rank: u8| ranks[rank as usize] as f64 / registers;
    let mut z = registers * tau(1.0 - share(RANK_MAX));
    for rank in (1..RANK_MAX).rev() {
        z = 0.5 * (z + ranks[rank as usize] as f64);
    }
    z += registers * sigma(share(0));
    // 1 / (2 ln 2) is the limit of the factor for many registers.
    (registers / (2.0 * std::f64::consts::LN_2) * (registers / z)).round() as i64
}

fn sigma(mut x: f64) -> f64 {
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        // It grows until it cannot; infinite where all registers are 0, since nothing was added.
        if z <= before || z.is_infinite() {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x).powi(2) * y;
        if z >= before {
            return z / 3.0;
        }
    }
}

impl StoredBytes for Registers {
    fn stored(&self, group: u32) -> Vec<u8> {
        let mut out = Vec::new();
        match &self.groups[group as usize] {
            Group::Few(few) if few.is_empty() => {}
            Group::Few(few) => {
                out.extend_from_slice(&[VERSION, FEW]);
                for entry in few {
                    out.extend_from_slice(&entry.to_be_bytes()[1..]);
                }
            }
            Group::All(ranks) => {
                out.extend_from_slice(&[VERSION, ALL]);
                out.extend_from_slice(ranks);
            }
        }
        out
    }

    fn take_stored(&mut self, group: u32, stored: &[u8]) -> Option<()> {
        let group = group as usize;
        let known = |register: usize, rank: u8| {
            (register < REGISTERS && rank <= RANK_MAX).then_some((register, rank))
        };
        match stored {
            [VERSION, FEW, entries @ ..] => {
                let (entries, rest) = entries.as_chunks::<3>();
                for [high, low, rank] in entries {
                    let register = usize::from(u16::from_be_bytes([*high, *low]));
                    let (register, rank) = known(register, *rank).filter(|_| *rank > 0)?;
                    self.raise(group, register, rank);
                }
                (rest.is_empty() && !entries.is_empty()).then_some(())
            }
            [VERSION, ALL, ranks @ ..] if ranks.len() == REGISTERS => {
                for (register, rank) in ranks.iter().enumerate().filter(|(_, rank)| **rank > 0) {
                    let (register, rank) = known(register, *rank)?;
                    self.raise(group, register, rank);
                }
                Some(())
            }
            _ => None,
        }
    }

    fn grow(&mut self, groups: usize) {
        if groups > self.groups.len() {
            self.groups.resize_with(groups, || Group::Few(Vec::new()));
        }
    }

    fn clear(&mut self) {
        self.groups.clear();
        self.bytes = 0;
    }

    fn held_bytes(&self) -> usize {
        self.bytes
    }

    fn memory_bytes(&self) -> usize {
        // Four bytes for each three that are stored, in vectors that grow by doubling.
        self.bytes * 2 + size_of::<Group>() * self.groups.capacity()
    }
}

#[cfg(test)]
mod tests;
