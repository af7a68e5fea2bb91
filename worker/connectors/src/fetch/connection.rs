//! One connection to one broker: opened, asked what it speaks, then one request after the other.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::messages::{API_VERSIONS, Api, FETCH, METADATA, read_api_versions};
use super::refusal;
use super::wire::{Input, Malformed, Output};
use crate::kafka::KafkaErrorKind;
use crate::limits::{ANSWER_BYTES_MAX, ANSWER_TIMEOUT, CONNECT_TIMEOUT};

/// Why a connection is no more, or never was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub(crate) struct Broken {
    /// `Retry` or `Invalid`.
    pub(crate) kind: KafkaErrorKind,
    pub(crate) detail: String,
}

impl Broken {
    fn new(kind: KafkaErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    pub(crate) fn retry(detail: impl Into<String>) -> Self {
        Self::new(KafkaErrorKind::Retry, detail)
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::retry(error.to_string())
    }
}

impl From<Malformed> for Broken {
    fn from(error: Malformed) -> Self {
        Self::retry(error.to_string())
    }
}

/// How connections of a reader are made.
pub(crate) struct Dialer {
    pub(crate) client_id: String,
}

/// An open connection. After an error it must not be used again: an answer may still be on its way.
pub(crate) struct Connection {
    socket: TcpStream,
    address: (String, u16),
    client_id: String,
    correlation: i32,
}

impl Dialer {
    /// Connects within a bound.
    pub(crate) async fn open(&self, host: &str, port: u16) -> Result<Connection, Broken> {
        let opening = timeout(CONNECT_TIMEOUT, self.connect(host, port)).await;
        let opened = opening.unwrap_or_else(|_| {
            Err(Broken::retry(format!("no connection within {} s", CONNECT_TIMEOUT.as_secs())))
        });
        opened.map_err(|broken| Broken {
            detail: format!("connect to {host}:{port}: {}", broken.detail),
            ..broken
        })
    }

    async fn connect(&self, host: &str, port: u16) -> Result<Connection, Broken> {
        let socket = TcpStream::connect((host, port)).await?;
        socket.set_nodelay(true)?;
        let client_id = self.client_id.clone();
        let address = (host.to_owned(), port);
        let mut connection = Connection { socket, address, client_id, correlation: 0 };
        connection.check_versions().await?;
        Ok(connection)
    }
}

impl Connection {
    /// Whether it goes there: a broker may have another address by now.
    pub(crate) fn leads_to(&self, host: &str, port: u16) -> bool {
        self.address.0 == host && self.address.1 == port
    }

    /// The body of a request is written behind this.
    pub(crate) fn begin(&mut self, api: Api) -> Output {
        self.correlation = self.correlation.wrapping_add(1);
        api.request(self.correlation, &self.client_id)
    }

    /// Sends a request and reads its answer into `frame`, from its head on. `extra` is how long the broker may take
    /// on purpose; a connection on which nothing comes for longer is broken.
    pub(crate) async fn exchange(
        &mut self,
        request: Output,
        frame: &mut Vec<u8>,
        extra: Duration,
    ) -> Result<(), Broken> {
        let silent = |_| Broken::retry(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs()));
        let request = request.into_frame();
        timeout(ANSWER_TIMEOUT, self.write(&request)).await.map_err(silent)??;
        let first = ANSWER_TIMEOUT + extra;
        let length = timeout(first, self.socket.read_i32()).await.map_err(silent)??;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > ANSWER_BYTES_MAX {
            let text =
                format!("an answer of {length} bytes is refused, {ANSWER_BYTES_MAX} at most");
            return Err(Broken::retry(text));
        }
        frame.clear();
        frame.reserve(length);
        let mut rest = (&mut self.socket).take(length as u64);
        while frame.len() < length {
            let read = timeout(ANSWER_TIMEOUT, rest.read_buf(frame)).await.map_err(silent)??;
            if read == 0 {
                return Err(Broken::retry("the broker closed the connection"));
            }
        }
        Ok(())
    }

    async fn write(&mut self, request: &[u8]) -> io::Result<()> {
        self.socket.write_all(request).await?;
        self.socket.flush().await
    }

    /// Finds the body of an answer.
    pub(crate) fn body<'a>(&self, api: Api, frame: &'a [u8]) -> Result<Input<'a>, Broken> {
        let mut input = Input::new(frame);
        let correlation = api.answer(&mut input)?;
        if correlation != self.correlation {
            let text = format!("answer {correlation} to request {}", self.correlation);
            return Err(Broken::retry(text));
        }
        Ok(input)
    }

    async fn check_versions(&mut self) -> Result<(), Broken> {
        let mut frame = Vec::new();
        let request = self.begin(API_VERSIONS);
        self.exchange(request, &mut frame, Duration::ZERO).await?;
        let (error, known) = read_api_versions(&mut self.body(API_VERSIONS, &frame)?)?;
        if error != 0 {
            return Err(Broken::retry(refusal::text(error)));
        }
        for api in [FETCH, METADATA] {
            let range = known.iter().find(|(key, ..)| *key == api.key);
            let (least, most) = range.map_or((0, -1), |(_, least, most)| (*least, *most));
            if !(least..=most).contains(&api.version) {
                let text = format!(
                    "the broker speaks {} {least} to {most}, version {} is needed (Kafka 3.1)",
                    api.name, api.version
                );
                return Err(Broken::new(KafkaErrorKind::Invalid, text));
            }
        }
        Ok(())
    }
}
