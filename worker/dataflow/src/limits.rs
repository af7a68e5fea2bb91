//! Every bound of the operators, named.

/// Event times beyond this distance from the epoch are refused, ms. The years 1 to 9999 lie well within, and sums
/// of a few of them stay far from the ends of 64 bits.
pub const EVENT_TIME_ABS_MAX: i64 = 1 << 52;
/// Panes that one window may span: more would make firing and state costly beyond use.
pub const PANES_PER_WINDOW_MAX: i64 = 20_000;
/// Rows of one batch of an emission before the steps after the window run on it.
pub const EMISSION_CHUNK_ROWS: usize = 8192;
/// Rows that the frames of a batch may reach, if it has more than one key: they lie unpacked in memory meanwhile.
pub const REACHED_ROWS_MAX: usize = 8 * EMISSION_CHUNK_ROWS;
/// Emptied tables that an operator keeps for the next window, so that it need not allocate anew.
pub const SPARE_TABLES: usize = 4;
/// Groups of one table. Group numbers are 32 bits; the memory budget ends far below.
pub const GROUPS_MAX: usize = u32::MAX as usize - 1;
/// Fired windows that one late row may fire again.
pub const REFIRED_WINDOWS_MAX: i64 = 100;
/// Rows of a sink that one row may change.
pub const CHANGED_ROWS_MAX: i64 = 100;
/// Where a watermark is a clock, and something closes by the time of its rows: so often it is told of while none
/// come, ms.
pub const CLOCK_STEP_MS: i64 = 1_000;
/// And so often at least, ms: whoever looks at the watermark sees that it goes on.
pub const CLOCK_PAUSE_MAX_MS: i64 = 60_000;
/// How long state is kept that nobody bounds, ms: beyond all event times.
pub const FOREVER_MS: i64 = EVENT_TIME_ABS_MAX << 2;
/// Windows of so many panes are merged pane by pane; longer ones keep merged panes for the next windows.
pub(crate) const MERGED_DIRECTLY_MAX: i64 = 8;
/// Rows of a key and window that are numbered.
pub const TOP_ROWS_MAX: u32 = 1000;
/// Rows before a row that its frame may have.
pub const FRAME_ROWS_MAX: u32 = 1000;
/// Values of an array that an aggregate makes.
pub const ARRAY_ITEMS_MAX: u32 = 10_000;
