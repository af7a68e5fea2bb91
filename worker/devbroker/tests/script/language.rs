//! Lines, words and answers.

use kafka_protocol::ResponseError;

pub(crate) type Answer = Result<String, ResponseError>;

/// What a script is run against.
pub(crate) trait Target {
    fn step(&mut self, words: &[&str]) -> Answer;
}

/// Which lines of a script to run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lines {
    All,
    ForAnyBroker,
}

/// Runs a script; says where the answers are not the expected ones.
pub(crate) fn run(target: &mut dyn Target, name: &str, text: &str, lines: Lines) -> Vec<String> {
    let mut failures = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap().trim();
        let of_model = line.starts_with('!');
        if line.is_empty() || of_model && lines == Lines::ForAnyBroker {
            continue;
        }
        let line = line.trim_start_matches('!').trim();
        let (request, expected) = line.split_once("=>").unwrap_or((line, "ok"));
        let words: Vec<_> = request.split_whitespace().collect();
        let answer = match target.step(&words) {
            Ok(answer) => answer,
            Err(error) => format!("{error:?}"),
        };
        if answer.trim() != expected.trim() {
            failures.push(format!("{name}.txt:{}: {line}\n    but: {}", at + 1, answer.trim()));
        }
    }
    failures
}

pub(crate) fn number<T: std::str::FromStr>(word: &str) -> T {
    word.parse().unwrap_or_else(|_| panic!("{word:?} is not a number"))
}

/// `in/0`
pub(crate) fn log_name(word: &str) -> (&str, i32) {
    let (topic, partition) = word.split_once('/').unwrap();
    (topic, number(partition))
}

/// What follows a word, as in `seq 4`.
pub(crate) fn after<'a>(words: &[&'a str], key: &str) -> Option<&'a str> {
    let at = words.iter().position(|word| *word == key)?;
    words.get(at + 1).copied()
}

/// A log, an offset and its metadata, as in `in/0=5:five`.
pub(crate) fn commit(word: &str) -> ((&str, i32), i64, &str) {
    let (log, offset) = word.split_once('=').unwrap();
    let (offset, metadata) = offset.split_once(':').unwrap_or((offset, ""));
    (log_name(log), number(offset), metadata)
}

pub(crate) fn ok(answer: Result<(), ResponseError>) -> Answer {
    answer.map(|()| "ok".to_owned())
}
