//! How a container ended, in words that a condition can hold: by what, and what it said last, without secrets.

use k8s_openapi::api::core::v1::ContainerStateTerminated;
use protocol::redact;
use serde::Deserialize;

use crate::limits::LAST_WORDS_BYTES_MAX;

/// What a worker leaves that knew why it ended.
#[derive(Deserialize)]
struct LastWords {
    reason: String,
    message: String,
}

/// The end in words.
pub(super) fn in_words(ended: &ContainerStateTerminated) -> String {
    let by = match (ended.signal, ended.exit_code) {
        (Some(signal), _) if signal > 0 => format!("signal {signal}"),
        (_, code) => format!("exit code {code}"),
    };
    let why = match ended.reason.as_deref() {
        Some("Error" | "") | None => by,
        Some(reason) => format!("{reason}, {by}"),
    };
    let said = ended.message.as_deref().unwrap_or_default().trim();
    match serde_json::from_str::<LastWords>(said) {
        Ok(words) => format!("{why}; {}: {}", words.reason, first(&redact::line(&words.message))),
        Err(_) if said.is_empty() => why,
        // The last lines of the log, which the kubelet takes where nothing else was left.
        Err(_) => format!("{why}; its log ends with: {}", last(&redact::line(said))),
    }
}

fn first(text: &str) -> &str {
    &text[..text.floor_char_boundary(LAST_WORDS_BYTES_MAX)]
}

fn last(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let text = lines.join(" | ");
    let from = text.len().saturating_sub(LAST_WORDS_BYTES_MAX);
    text[text.ceil_char_boundary(from)..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(reason: Option<&str>, exit_code: i32, message: &str) -> String {
        in_words(&ContainerStateTerminated {
            reason: reason.map(str::to_owned),
            exit_code,
            message: Some(message.to_owned()),
            ..ContainerStateTerminated::default()
        })
    }

    #[test]
    fn an_end_says_by_what_and_what_was_said_last() {
        let words = r#"{"reason":"BadRecord","message":"clicks-0 at 7","next_step":"look"}"#;
        let cases = [
            (end(Some("OOMKilled"), 137, ""), "OOMKilled, exit code 137"),
            (end(Some("Error"), 30, words), "exit code 30; BadRecord: clicks-0 at 7"),
            (end(None, 101, "first\n\n  last\n"), "exit code 101; its log ends with: first | last"),
        ];
        for (found, want) in cases {
            assert_eq!(found, want);
        }
    }

    #[test]
    fn what_was_said_last_is_bounded_and_its_end_is_kept() {
        let long = format!("{}the end", "é".repeat(5_000));
        let found = end(None, 1, &long);
        assert!(found.ends_with("the end"), "{found}");
        assert!(found.len() <= 1_024, "{}", found.len());
        let words = serde_json::json!({"reason": "Bug", "message": long}).to_string();
        assert!(end(None, 1, &words).len() <= 1_024);
    }

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        let text = "token=abc password=hunter2, x \"secret\":\"s3cr3t\" Authorization: Bearer zzz";
        let found = end(None, 1, text);
        for secret in ["abc", "hunter2", "s3cr3t", "zzz"] {
            assert!(!found.contains(secret), "{found}");
        }
        assert!(found.contains("x \"secret\":\"(masked)\""), "{found}");
        let words = serde_json::json!({"reason": "Bug", "message": text}).to_string();
        let found = end(None, 1, &words);
        assert!(!found.contains("s3cr3t") && found.contains("Bug: token=(masked)"), "{found}");
    }
}
