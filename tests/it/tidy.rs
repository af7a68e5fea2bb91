//! What a machine can hold of the rules by which the code is written.

mod alerts;
mod attacks;
mod imports;
mod licences;
mod names;
mod sizes;
mod sources;
mod words;
