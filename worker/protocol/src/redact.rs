//! Text that others may see: what secrets stand behind is masked.

/// Stands where something was masked.
pub const MASK: &str = "(masked)";
/// What secrets stand behind, in lines of logs and in messages of clients.
const TELLING: [&str; 6] =
    ["password=", "password\":\"", "secret=", "secret\":\"", "token=", "authorization: bearer "];

/// Masks what follows a telling word, up to the next space, comma, quote, brace or end of line.
pub fn line(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut found = String::with_capacity(text.len());
    let mut from = 0;
    let next = |from: usize| {
        let places = TELLING.iter().filter_map(|word| Some(lower[from..].find(word)? + word.len()));
        places.min().map(|place| from + place)
    };
    while let Some(start) = next(from) {
        let rest = &text[start..];
        let end = rest.find([' ', ',', '"', '\'', '&', '}', '\n']).unwrap_or(rest.len());
        found.push_str(&text[from..start]);
        found.push_str(MASK);
        from = start + end;
    }
    found.push_str(&text[from..]);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_lose_what_follows_a_telling_word_wherever_it_stands() {
        for (text, want) in [
            ("connected to kafka:9092", "connected to kafka:9092"),
            ("sasl.password=hunter2, x=1", "sasl.password=(masked), x=1"),
            ("{\"password\":\"hunter2\"}", "{\"password\":\"(masked)\"}"),
            ("GET /?token=abc&x", "GET /?token=(masked)&x"),
            ("token=abc password=hunter2", "token=(masked) password=(masked)"),
            ("password=hunter2\nsecret=s3", "password=(masked)\nsecret=(masked)"),
        ] {
            assert_eq!(line(text), want);
        }
    }
}
