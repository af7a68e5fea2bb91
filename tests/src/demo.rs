//! `make demo`: an embedded broker, a worker and a generator as three processes, half a minute of a real job live in
//! the terminal, the worker killed hard in the middle, and the checker's verdict at the end.

pub mod arguments;
mod figures;
mod interrupt;
mod play;
mod scene;
mod screen;
mod tail;

pub use play::{End, run};
