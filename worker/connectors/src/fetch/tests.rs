//! Byte streams made by hand, whole and damaged, through the walk and the feeds; and brokers made by hand.

mod answers;
mod made;
mod moving;
mod random;
mod served;
mod walking;
