//! Tests of the formats through their public interface.
#![allow(clippy::unwrap_used, clippy::panic)]

mod csv;
mod exchange;
mod json_decode;
mod json_differential;
mod json_encode;
mod json_nested;
mod json_template;
mod random;
