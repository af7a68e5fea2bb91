//! As much HTTP as it takes to talk to a process on this machine.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, ensure};

/// Longest time for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Body.
    pub body: String,
}

impl Answer {
    /// The body of a 2xx; anything else is an error that shows it.
    pub fn success(&self) -> anyhow::Result<&str> {
        ensure!((200..300).contains(&self.status), "status {}: {}", self.status, self.body);
        Ok(&self.body)
    }
}

/// `GET http://<address><path>`.
pub fn get(address: &str, path: &str) -> anyhow::Result<Answer> {
    exchange(address, &format!("GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n"))
}

/// `POST http://<address><path>` with a JSON body.
pub fn post(address: &str, path: &str, body: &str) -> anyhow::Result<Answer> {
    let length = body.len();
    exchange(
        address,
        &format!(
            "POST {path} HTTP/1.0\r\nhost: {address}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        ),
    )
}

/// HTTP/1.0: the server closes the connection after its answer.
fn exchange(address: &str, request: &str) -> anyhow::Result<Answer> {
    let address = address.parse().with_context(|| format!("address '{address}'"))?;
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_MAX)
        .with_context(|| format!("cannot connect to {address}"))?;
    stream.set_read_timeout(Some(ANSWER_MAX)).context("a read timeout")?;
    stream.set_write_timeout(Some(ANSWER_MAX)).context("a write timeout")?;
    stream.write_all(request.as_bytes()).context("cannot send the request")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).context("cannot read the answer")?;
    parse(&String::from_utf8_lossy(&answer))
}

fn parse(answer: &str) -> anyhow::Result<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n").context("an answer without a body")?;
    let status = head.split(' ').nth(1).context("an answer without a status")?;
    let status = status.parse().with_context(|| format!("status '{status}'"))?;
    Ok(Answer { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_taken_apart() {
        let answer = parse("HTTP/1.0 409 Conflict\r\na: b\r\n\r\n{\"x\":\r\n\r\n1}").expect("one");
        assert_eq!((answer.status, answer.body.as_str()), (409, "{\"x\":\r\n\r\n1}"));
        assert!(answer.success().is_err());
        assert!(parse("nothing").is_err());
    }
}
