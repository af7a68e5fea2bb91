//! Clients that nobody needs any more.

use std::thread;

/// Closes a client on a thread of its own: its destructor waits for threads that look up every tenth of a second, and
/// nothing depends on when it is through.
pub(crate) fn close_aside(client: impl Send + 'static) {
    // Without a thread the closure, and the client with it, is dropped here.
    drop(thread::Builder::new().name("closing".to_owned()).spawn(move || drop(client)));
}
