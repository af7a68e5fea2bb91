//! Free ports on loopback.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;

use crate::generator::random::{Purpose, draw};

/// Below those that the kernel gives to outgoing connections: whoever starts a server a moment later still finds its
/// port free.
const PORTS: Range<u16> = 10_240..32_768;
const TRIES_MAX: u64 = 10_000;

/// Given out by this process.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// Ports that nothing listens on now, and that were not given out before.
pub fn free<const N: usize>() -> anyhow::Result<[u16; N]> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let seed = u64::from(std::process::id());
    let drawn = |n| PORTS.start + (draw(seed, 0, n, Purpose::Key) % PORTS.len() as u64) as u16;
    let start = given.len() as u64;
    let mut candidates = (start..start + TRIES_MAX).map(drawn);
    let mut ports = [0; N];
    for port in &mut ports {
        let is_free = |port: &u16| {
            !given.contains(port) && TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()
        };
        *port = candidates.find(is_free).context("no free port")?;
        given.insert(*port);
    }
    Ok(ports)
}
