//! Files and functions stay small enough to be read.

use super::sources::{self, require_none};

const FILE_LINES_MAX: usize = 500;
/// Nine files in ten.
const FILE_LINES_MOST: usize = 350;
const FUNCTION_LINES_MAX: usize = 60;
/// A test may be a long table.
const TEST_LINES_MAX: usize = 120;
const COLUMNS_MAX: usize = 120;

#[test]
fn files_are_short() {
    let sources = sources::rust();
    let mut sizes: Vec<(usize, &str)> =
        sources.iter().map(|source| (source.text.lines().count(), source.path.as_str())).collect();
    sizes.sort_unstable();
    let long = sizes.iter().filter(|(lines, _)| *lines > FILE_LINES_MAX);
    let long: Vec<String> = long.map(|(lines, path)| format!("{path}: {lines} lines")).collect();
    require_none("files that are too long", &long);
    let (lines, path) = sizes[sizes.len() * 9 / 10];
    assert!(lines <= FILE_LINES_MOST, "one file in ten is longer than {path} with {lines} lines");
}

#[test]
fn functions_are_short() {
    let mut faults = Vec::new();
    for source in sources::rust() {
        let tests_begin = source.production().lines().count();
        for (line, name, lines) in functions(&source.text) {
            let most = if line > tests_begin { TEST_LINES_MAX } else { FUNCTION_LINES_MAX };
            if lines > most {
                faults.push(format!("{}:{line} fn {name}: {lines} lines", source.path));
            }
        }
    }
    require_none("functions that are too long", &faults);
}

#[test]
fn lines_fit() {
    let mut faults = Vec::new();
    for source in sources::rust() {
        for (number, line) in source.text.lines().enumerate() {
            if line.chars().count() > COLUMNS_MAX && !line.contains("http") && !line.contains('"') {
                faults.push(format!("{}:{}", source.path, number + 1));
            }
        }
    }
    require_none("lines that are too long", &faults);
}

/// `(line, name, lines)` of every function with a body. The formatter puts the closing brace under the first letter.
fn functions(text: &str) -> Vec<(usize, String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let Some(name) = function_name(code) else { continue };
        let indent = &line[..line.len() - code.len()];
        let end = lines[start..].iter().position(|line| {
            line.strip_prefix(indent).is_some_and(|rest| rest == "}" || rest.ends_with(';'))
                && !line[indent.len()..].starts_with(' ')
        });
        if let Some(end) = end {
            found.push((start + 1, name.to_owned(), end + 1));
        }
    }
    found
}

fn function_name(code: &str) -> Option<&str> {
    let mut words = code.split(' ');
    loop {
        let word = words.next()?;
        match word {
            "fn" => return words.next()?.split(['(', '<']).next(),
            "async" | "const" | "unsafe" | "pub" => {}
            word if word.starts_with("pub(") => {}
            _ => return None,
        }
    }
}

#[test]
fn functions_are_measured_from_their_first_to_their_last_line() {
    let text = "fn one() {}\n\nimpl A {\n    pub(crate) async fn two<T>(\n        a: T,\n    ) {\n        \
                if a {\n        }\n    }\n\n    fn three(&self);\n}\n";
    let found = functions(text);
    assert_eq!(found.iter().map(|(_, n, l)| (n.as_str(), *l)).next_back(), Some(("three", 1)));
    assert!(found.contains(&(4, "two".to_owned(), 6)));
}
