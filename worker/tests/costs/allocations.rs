//! In steady state memory is asked for by the batch, never by the record.
#![expect(unsafe_code, reason = "an allocator that counts has no safe form")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use crate::parts::{BATCH_ROWS, KEYED, Work};

struct Counting;

thread_local! {
    static REQUESTS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that is going away has nothing to count with.
    REQUESTS.try_with(|requests| requests.set(requests.get() + 1)).unwrap_or_default();
}

// SAFETY: everything is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Requests for memory of this thread meanwhile.
fn requests(body: impl FnOnce()) -> u64 {
    let before = REQUESTS.get();
    body();
    REQUESTS.get() - before
}

#[test]
fn a_request_is_counted() {
    assert!(requests(|| drop(std::hint::black_box(vec![1_u8; 100]))) >= 1);
}

#[test]
fn memory_is_not_asked_for_by_the_record() {
    const BATCHES: usize = 32;
    let mut work = Work::new();
    let rows = work.decode(3);
    work.aggregate(&rows, 3);
    let results = Work::results();
    work.encode(&results);
    let decoding = requests(|| drop(work.decode(BATCHES)));
    let aggregating = requests(|| work.aggregate(&rows, BATCHES));
    let encoding = requests(|| (0..BATCHES).for_each(|_| assert!(work.encode(&results) > 0)));
    // A batch asks for its columns; of a record none is left.
    let most = (BATCHES * BATCH_ROWS / 100) as u64;
    for (part, requests) in [("decode", decoding), ("aggregate", aggregating), ("encode", encoding)]
    {
        assert!(
            requests <= most,
            "{part}: {requests} requests for {BATCHES} batches of {BATCH_ROWS}"
        );
    }
}

#[test]
fn keys_without_windows_ask_for_memory_by_the_batch() {
    const BATCHES: usize = 32;
    for sql in KEYED {
        let mut work = Work::of(sql);
        let rows = work.decode(1);
        work.aggregate(&rows, 3);
        let requests = requests(|| work.aggregate(&rows, BATCHES));
        assert!(requests <= (BATCHES * BATCH_ROWS / 100) as u64, "{sql}: {requests} requests");
    }
}
