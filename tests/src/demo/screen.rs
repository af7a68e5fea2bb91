//! What the user sees: a picture that redraws itself in place, or one line a second.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write};
use std::time::Duration;

use super::figures::Figures;
use super::tail::Results;

/// One look at everything.
#[derive(Clone, Debug, Default)]
pub(super) struct Look {
    /// Since the start.
    pub(super) elapsed: Duration,
    /// How long the generator writes.
    pub(super) length: Duration,
    /// Rows written so far.
    pub(super) written: u64,
    /// Rows written per second.
    pub(super) write_rate: f64,
    /// Rows taken by the worker per second.
    pub(super) read_rate: f64,
    /// `pid 17` or what is wrong with it.
    pub(super) worker: String,
    /// The worker's figures.
    pub(super) figures: Figures,
    /// Now, ms since 1970.
    pub(super) now: i64,
    /// What came out.
    pub(super) results: Results,
    /// What happened: since the start, and a sentence.
    pub(super) events: Vec<(Duration, String)>,
}

enum Style {
    Picture { drawn: usize },
    Lines { told: Option<u64>, events: usize },
}

/// The output side.
pub(super) struct Screen {
    style: Style,
    out: std::io::Stdout,
}

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const RESET: &str = "\x1b[0m";
const HIDE_CURSOR: &str = "\x1b[?25l";
const SHOW_CURSOR: &str = "\x1b[?25h";

impl Screen {
    /// A picture on a terminal, lines elsewhere or when asked for.
    pub(super) fn new(lines: bool) -> Self {
        let out = std::io::stdout();
        let style = if lines || !out.is_terminal() {
            Style::Lines { told: None, events: 0 }
        } else {
            Style::Picture { drawn: 0 }
        };
        Self { style, out }
    }

    /// Shows the newest look. A picture is redrawn; lines come once a second.
    pub(super) fn show(&mut self, look: &Look) -> std::io::Result<()> {
        let mut text = String::new();
        match &mut self.style {
            Style::Picture { drawn } => {
                let lines = picture(look);
                text.push_str(HIDE_CURSOR);
                if *drawn > 0 {
                    put(&mut text, format_args!("\x1b[{drawn}A"));
                }
                for line in &lines {
                    text.push_str(line);
                    text.push_str("\x1b[K\n");
                }
                text.push_str("\x1b[J");
                *drawn = lines.len();
            }
            Style::Lines { told, events } => {
                for (at, event) in look.events.iter().skip(*events) {
                    put(&mut text, format_args!("{:5.1} s  {event}\n", at.as_secs_f64()));
                }
                *events = look.events.len();
                let second = look.elapsed.as_secs();
                if *told != Some(second) {
                    *told = Some(second);
                    text.push_str(&line(look));
                    text.push('\n');
                }
            }
        }
        self.write(&text)
    }

    /// Says something below everything shown so far.
    pub(super) fn say(&mut self, text: &str) -> std::io::Result<()> {
        self.write(&format!("{text}\n"))
    }

    /// One write, so that nobody sees half a picture.
    fn write(&mut self, text: &str) -> std::io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if matches!(self.style, Style::Picture { .. }) {
            // The terminal may be gone, which is no reason to fail.
            drop(self.write(SHOW_CURSOR));
        }
    }
}

fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a String takes all that is written");
}

fn line(look: &Look) -> String {
    format!(
        "{:5.1} s  written {} ({}/s)  read {}/s  watermark {}  results {}  late {}  commits {}  worker {}",
        look.elapsed.as_secs_f64(),
        grouped(look.written),
        grouped(look.write_rate as u64),
        grouped(look.read_rate as u64),
        watermark(look),
        grouped(look.results.rows),
        grouped(look.figures.late_rows),
        look.figures.commits,
        look.worker,
    )
}

fn picture(look: &Look) -> Vec<String> {
    let label = |name: &str| format!("  {BOLD}{name:<10}{RESET}");
    let mut lines = vec![
        format!("{BOLD}StreamJob{RESET}  clicks per user, windows of 10 s, exactly once"),
        format!("  {}", bar(look)),
        String::new(),
        format!(
            "{}{:>10} rows/s  {:>12} written",
            label("generator"),
            grouped(look.write_rate as u64),
            grouped(look.written)
        ),
        format!(
            "{}{:>10} rows/s  {:>12} commits   {}",
            label("worker"),
            grouped(look.read_rate as u64),
            grouped(look.figures.commits),
            look.worker
        ),
        format!("{}{}", label("watermark"), watermark(look)),
        format!(
            "{}{:>10} results {:>11} late rows",
            label("windows"),
            grouped(look.results.rows),
            grouped(look.figures.late_rows)
        ),
        String::new(),
    ];
    lines.extend(look.results.last.iter().map(|result| format!("    {DIM}{result}{RESET}")));
    lines.push(String::new());
    for (at, event) in &look.events {
        lines.push(format!("  {:5.1} s  {event}", at.as_secs_f64()));
    }
    lines
}

fn bar(look: &Look) -> String {
    const WIDTH: usize = 40;
    let share = look.elapsed.as_secs_f64() / look.length.as_secs_f64().max(1.0);
    let full = (share.min(1.0) * WIDTH as f64) as usize;
    let (elapsed, length) = (look.elapsed.as_secs_f64(), look.length.as_secs());
    format!(
        "{}{DIM}{}{RESET}  {elapsed:.1} of {length} s",
        "━".repeat(full),
        "─".repeat(WIDTH - full)
    )
}

fn watermark(look: &Look) -> String {
    let Some(at) = look.figures.watermark else { return "none yet".to_owned() };
    let behind = (look.now - at) as f64 / 1_000.0;
    match jiff::Timestamp::from_millisecond(at) {
        Ok(time) => {
            let time = jiff::tz::TimeZone::UTC.to_datetime(time).time();
            format!("{time:.1} UTC, {behind:.1} s behind the clock")
        }
        Err(_) => format!("{at} ms"),
    }
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn a_line_holds_every_figure() {
        let look = Look {
            elapsed: Duration::from_millis(12_300),
            written: 246_003,
            write_rate: 19_998.0,
            read_rate: 20_100.0,
            worker: "pid 17".into(),
            figures: Figures {
                rows: 5,
                late_rows: 1_203,
                commits: 98,
                watermark: Some(1_767_225_600_500),
            },
            now: 1_767_225_605_600,
            ..Look::default()
        };
        assert_eq!(
            line(&look),
            " 12.3 s  written 246,003 (19,998/s)  read 20,100/s  \
             watermark 00:00:00.5 UTC, 5.1 s behind the clock  results 0  late 1,203  \
             commits 98  worker pid 17"
        );
    }
}
