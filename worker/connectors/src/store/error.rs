//! What went wrong with the object store, by what the caller has to do next.

use object_store::Error;

/// The caller's next move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// The store did not answer in time or failed; try again later.
    Retry,
    /// There is no such object.
    NotFound,
    /// There is no such bucket.
    NoBucket,
    /// The credentials are wrong or do not allow it.
    Denied,
    /// What came back cannot be what was written.
    Corrupt,
    /// The location, the key or an option is wrong.
    Invalid,
    /// The store does not do what the protocol needs.
    Unfit,
}

impl StoreErrorKind {
    fn advice(self) -> &'static str {
        match self {
            Self::Retry => "it is tried again; check that the store is reachable",
            Self::NotFound => "the object is gone or was never written",
            Self::NoBucket => "create the bucket, or correct spec.checkpoints.location",
            Self::Denied => "check the credentials and the policy of the bucket",
            Self::Corrupt => "do not use this object",
            Self::Invalid => "correct spec.checkpoints",
            Self::Unfit => "use a store with conditional creation and consistent lists",
        }
    }
}

/// A failed operation: what, where, why, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation} '{key}' in {location}: {detail}; {}", kind.advice())]
pub struct StoreError {
    /// What to do.
    pub kind: StoreErrorKind,
    /// What was tried.
    pub operation: &'static str,
    /// The store.
    pub location: String,
    /// The object or prefix.
    pub key: String,
    /// What the store said.
    pub detail: String,
}

impl StoreError {
    pub(crate) fn new(
        kind: StoreErrorKind,
        operation: &'static str,
        location: &str,
        key: &str,
        detail: impl Into<String>,
    ) -> Self {
        let (location, key) = (location.to_owned(), key.to_owned());
        Self { kind, operation, location, key, detail: detail.into() }
    }
}

pub(crate) fn kind_of(error: &Error) -> StoreErrorKind {
    match error {
        // Without its bucket every object would look as if it had never been written.
        Error::NotFound { source, .. } | Error::Generic { source, .. }
            if full_text(source.as_ref()).contains("NoSuchBucket") =>
        {
            StoreErrorKind::NoBucket
        }
        Error::NotFound { .. } => StoreErrorKind::NotFound,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => StoreErrorKind::Denied,
        Error::InvalidPath { .. } | Error::UnknownConfigurationKey { .. } => {
            StoreErrorKind::Invalid
        }
        Error::NotSupported { .. } | Error::NotImplemented { .. } => StoreErrorKind::Unfit,
        // What was asked for lies beyond the object's end: it is not what was written.
        Error::Generic { source, .. }
            if full_text(source.as_ref()).contains("416 Range Not Satisfiable") =>
        {
            StoreErrorKind::Corrupt
        }
        // A list that is refused comes without a kind of its own.
        Error::Generic { source, .. } if is_refusal(&full_text(source.as_ref())) => {
            StoreErrorKind::Denied
        }
        // AlreadyExists and Precondition of anything but a create are answers to a race: once more.
        _ => StoreErrorKind::Retry,
    }
}

fn is_refusal(text: &str) -> bool {
    ["401 Unauthorized", "403 Forbidden"]
        .iter()
        .any(|code| text.contains(&format!("status code: {code}")))
}

/// The whole chain of causes, because the first sentence alone rarely names the host or the status.
pub(crate) fn full_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let part = cause.to_string();
        if !text.contains(&part) {
            text = format!("{text}: {part}");
        }
        next = cause.source();
    }
    same_each_time(&text.replace('\n', " "))
}

/// Without what differs whenever the same thing fails again: how long it took, and the numbers that
/// a store gives to requests. Whoever tells of the same failure twice is to say the same.
fn same_each_time(text: &str) -> String {
    let mut text = text.to_owned();
    for element in ["RequestId", "HostId"] {
        let (begin, end) = (format!("<{element}>"), format!("</{element}>"));
        while let Some(at) = text.find(&begin)
            && let Some(len) = text[at..].find(&end)
        {
            text.replace_range(at..at + len + end.len(), "");
        }
    }
    let took = |word: &str| {
        let number = word.trim_end_matches(|c: char| "nµms".contains(c));
        number.len() < word.len() && number.parse::<f64>().is_ok()
    };
    let mut words: Vec<&str> = text.split(' ').collect();
    while let Some(at) = words.windows(2).position(|pair| pair[0] == "in" && took(pair[1])) {
        words.drain(at..at + 2);
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_failure_has_the_same_text() {
        let once = "GET http://s/b/k in 14.27ms - 503: <Code>SlowDown</Code>\
                    <RequestId>17A</RequestId><HostId>x</HostId></Error>";
        let again = "GET http://s/b/k in 2s - 503: <Code>SlowDown</Code>\
                     <RequestId>99</RequestId><HostId>y</HostId></Error>";
        let text = "GET http://s/b/k - 503: <Code>SlowDown</Code></Error>";
        assert_eq!(same_each_time(once), text);
        assert_eq!(same_each_time(again), text);
        assert_eq!(
            same_each_time("it lies in 5 parts, <RequestId>cut"),
            "it lies in 5 parts, <RequestId>cut"
        );
    }

    #[test]
    fn a_missing_bucket_is_not_a_missing_object() {
        let not_found = |body: &str| Error::NotFound { path: "k".into(), source: body.into() };
        let table = [
            ("404: <Code>NoSuchKey</Code>", StoreErrorKind::NotFound),
            ("404: <Code>NoSuchBucket</Code>", StoreErrorKind::NoBucket),
        ];
        for (body, kind) in table {
            assert_eq!(kind_of(&not_found(body)), kind, "{body}");
        }
    }

    #[test]
    fn a_list_that_is_refused_or_has_no_bucket_is_no_outage() {
        let failed = |text: &str| Error::Generic { store: "S3", source: text.into() };
        let table = [
            ("Server returned non-2xx status code: 403 Forbidden: <Error>", StoreErrorKind::Denied),
            ("Server returned non-2xx status code: 401 Unauthorized", StoreErrorKind::Denied),
            ("Server returned non-2xx status code: 503 Slow Down", StoreErrorKind::Retry),
            ("status code: 404 Not Found: <Code>NoSuchBucket</Code>", StoreErrorKind::NoBucket),
            ("error sending request", StoreErrorKind::Retry),
        ];
        for (text, kind) in table {
            assert_eq!(kind_of(&failed(text)), kind, "{text}");
        }
    }
}
