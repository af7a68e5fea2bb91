//! Byte streams made by hand, whole and damaged, through the walk and the feeds.

mod answers;
mod made;
mod random;
mod walking;
