//! Free ports on loopback.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::Context as _;

/// Ports that nothing listens on now. Each was bound and let go, so another process could still take it.
pub fn free<const N: usize>() -> anyhow::Result<[u16; N]> {
    let listeners: Vec<TcpListener> = (0..N)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port"))
        .collect::<anyhow::Result<_>>()?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr().context("the address of a listener")?.port();
    }
    Ok(ports)
}
