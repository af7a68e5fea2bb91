//! The one place that draws random numbers: the nonce of an incarnation.

use protocol::Nonce;

/// Draws a nonce from the system's generator.
///
/// # Panics
/// If the system has no random numbers: without them two incarnations could not be told apart.
pub fn draw() -> Nonce {
    let system = || getrandom::u64().expect("the system gives random numbers");
    Nonce::from_bits(connectors::turns::random().unwrap_or_else(system))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_nonces_differ() {
        assert_ne!(draw(), draw());
    }
}
