//! The one place that draws random numbers: the nonce of an incarnation.

use protocol::Nonce;
use protocol::acquire::Stop;
use protocol::reason::Reason;

/// Draws a nonce from the system's generator.
pub fn draw() -> Result<Nonce, Stop> {
    getrandom::u64().map(Nonce::from_bits).map_err(|error| {
        Stop::new(Reason::Bug, format!("the system gives no random numbers: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_nonces_differ() {
        assert_ne!(draw().expect("random numbers"), draw().expect("random numbers"));
    }
}
