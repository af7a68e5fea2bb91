//! A proxy in front of an object store that knows where requests begin and answers end. It spoils some of them, by a
//! seed.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::wait;
use crate::generator::random::{Purpose, below, draw};

/// An answer that is late comes this much later.
const LATE: Duration = Duration::from_millis(400);
const HEAD_LINES_MAX: usize = 100;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StoreFault {
    /// `503 Slow Down`; it never arrives.
    Unavailable,
    /// `429 Too Many Requests`; it never arrives.
    TooMany,
    /// `409 Conflict` to a write, as stores answer to two at a time; it never arrives.
    Conflict,
    /// The connection breaks before it arrives.
    ResetBefore,
    /// It arrives and is carried out; the connection breaks before the answer.
    AnswerLost,
    /// The answer comes late.
    Slow,
    /// The content of an object comes with a flipped bit.
    WrongBytes,
    /// The connection breaks in the middle of the content.
    Cut,
    /// The content is shorter, and the answer says that it is whole.
    Short,
}

impl StoreFault {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Unavailable,
        Self::TooMany,
        Self::Conflict,
        Self::ResetBefore,
        Self::AnswerLost,
        Self::Slow,
        Self::WrongBytes,
        Self::Cut,
        Self::Short,
    ];

    /// Spoils content: for objects with a checksum alone, on the plain line that no TLS guards.
    fn spoils_content(self) -> bool {
        matches!(self, Self::WrongBytes | Self::Cut | Self::Short)
    }
}

struct Spoiler {
    store: SocketAddr,
    seed: u64,
    /// One request in this many is spoilt; 0: none.
    one_in: AtomicU64,
    requests: AtomicU64,
    spoilt: Mutex<BTreeMap<StoreFault, u64>>,
}

/// A listening proxy; it ends with the process.
pub struct StoreProxy {
    address: SocketAddr,
    spoiler: Arc<Spoiler>,
}

struct Message {
    head: Vec<String>,
    body: Vec<u8>,
}

impl StoreProxy {
    /// In front of the store at an endpoint like `http://127.0.0.1:9000`. At first it spoils nothing.
    pub fn start(endpoint: &str, seed: u64) -> anyhow::Result<Self> {
        let store = endpoint.trim_start_matches("http://").parse().context("an endpoint")?;
        let listener = TcpListener::bind("127.0.0.1:0").context("a port")?;
        let address = listener.local_addr().context("its address")?;
        let (one_in, requests, spoilt) = (AtomicU64::new(0), AtomicU64::new(0), Mutex::default());
        let spoiler = Arc::new(Spoiler { store, seed, one_in, requests, spoilt });
        let shared = Arc::clone(&spoiler);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let spoiler = Arc::clone(&shared);
                // A connection that ends badly has done what it is for.
                thread::spawn(move || drop(spoiler.serve(&client)));
            }
        });
        Ok(Self { address, spoiler })
    }

    /// `http://127.0.0.1:<port>`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on one request in so many is spoilt; 0: none.
    pub fn spoil_one_in(&self, requests: u64) {
        self.spoiler.one_in.store(requests, Ordering::Release);
    }

    /// How often each fault was committed.
    pub fn spoilt(&self) -> BTreeMap<StoreFault, u64> {
        self.spoiler.spoilt.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Spoiler {
    fn serve(&self, client: &TcpStream) -> anyhow::Result<()> {
        let store = TcpStream::connect(self.store).context("the store")?;
        let mut from_client = BufReader::new(client);
        let mut from_store = BufReader::new(&store);
        while let Some(request) = read_message(&mut from_client, false)? {
            let fault = self.draw(&request);
            if let Some(fault) = fault {
                let mut spoilt = self.spoilt.lock().unwrap_or_else(PoisonError::into_inner);
                *spoilt.entry(fault).or_default() += 1;
            }
            match fault {
                Some(StoreFault::Unavailable) => refuse(client, "503 Slow Down", "SlowDown")?,
                Some(StoreFault::TooMany) => refuse(client, "429 Too Many", "TooManyRequests")?,
                Some(StoreFault::Conflict) => {
                    refuse(client, "409 Conflict", "ConditionalRequestConflict")?;
                }
                Some(StoreFault::ResetBefore) => {
                    return client.shutdown(Shutdown::Both).context("a reset");
                }
                _ => {
                    write_message(&store, &request)?;
                    let no_body = request.head[0].starts_with("HEAD ");
                    let answer = read_message(&mut from_store, no_body)?.context("an answer")?;
                    answer_spoilt(client, answer, fault)?;
                }
            }
        }
        Ok(())
    }

    fn draw(&self, request: &Message) -> Option<StoreFault> {
        let n = self.requests.fetch_add(1, Ordering::AcqRel);
        let one_in = self.one_in.load(Ordering::Acquire);
        if one_in == 0 || below(draw(self.seed, 0, n, Purpose::Late), one_in) > 0 {
            return None;
        }
        let line = &request.head[0];
        let reads = line.starts_with("GET ")
            && (line.contains("/manifests/") || line.contains("/runs/"))
            && !line.contains("list-type");
        let fits = |fault: &StoreFault| match fault {
            StoreFault::Conflict => line.starts_with("PUT "),
            fault if fault.spoils_content() => reads,
            // Reads of checksummed objects are rare: they are for the faults that nothing else can have.
            _ => !reads,
        };
        let fitting: Vec<StoreFault> = StoreFault::ALL.into_iter().filter(fits).collect();
        let at = below(draw(self.seed, 1, n, Purpose::Late), fitting.len() as u64);
        Some(fitting[at as usize])
    }
}

/// Head and body; none at the end of the connection.
fn read_message(
    from: &mut BufReader<&TcpStream>,
    no_body: bool,
) -> anyhow::Result<Option<Message>> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if from.read_line(&mut line).context("a line of the head")? == 0 {
            return Ok(None);
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        head.push(line);
        ensure!(head.len() < HEAD_LINES_MAX, "a head without an end");
    }
    ensure!(!head.is_empty(), "an empty head");
    let mut body = Vec::new();
    if no_body {
        return Ok(Some(Message { head, body }));
    }
    if value(&head, "transfer-encoding").is_some_and(|v| v.contains("chunked")) {
        read_chunks(from, &mut body)?;
    } else if let Some(length) = value(&head, "content-length") {
        body.resize(length.parse().context("a length")?, 0);
        from.read_exact(&mut body).context("a body")?;
    }
    Ok(Some(Message { head, body }))
}

fn read_chunks(from: &mut BufReader<&TcpStream>, body: &mut Vec<u8>) -> anyhow::Result<()> {
    loop {
        let mut line = String::new();
        from.read_line(&mut line).context("the size of a chunk")?;
        let size = usize::from_str_radix(line.trim_end(), 16).context("the size of a chunk")?;
        let start = body.len();
        body.resize(start + size + 2, 0);
        from.read_exact(&mut body[start..]).context("a chunk")?;
        body.truncate(start + size);
        if size == 0 {
            return Ok(());
        }
    }
}

fn value<'a>(head: &'a [String], name: &str) -> Option<&'a str> {
    head.iter().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

/// The same head, with the length that the body has now.
fn write_message(mut to: &TcpStream, message: &Message) -> anyhow::Result<()> {
    write_head(to, message, message.body.len())?;
    to.write_all(&message.body).context("a body")
}

fn write_head(mut to: &TcpStream, message: &Message, length: usize) -> anyhow::Result<()> {
    let framing = |line: &&String| {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        name != "content-length" && name != "transfer-encoding"
    };
    let mut lines: Vec<String> = message.head.iter().filter(framing).cloned().collect();
    let told = value(&message.head, "content-length");
    if let Some(told) = told.filter(|_| message.body.is_empty()) {
        lines.push(format!("content-length: {told}")); // of a HEAD: what a GET would give
    } else if told.is_some() || length > 0 {
        lines.push(format!("content-length: {length}"));
    }
    to.write_all(format!("{}\r\n\r\n", lines.join("\r\n")).as_bytes()).context("a head")
}

fn refuse(mut client: &TcpStream, status: &str, code: &str) -> anyhow::Result<()> {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>");
    let length = body.len();
    let text = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
    client.write_all(text.as_bytes()).context("a refusal")
}

fn answer_spoilt(
    mut client: &TcpStream,
    mut answer: Message,
    fault: Option<StoreFault>,
) -> anyhow::Result<()> {
    let half = answer.body.len() / 2;
    match fault {
        Some(StoreFault::AnswerLost) => return client.shutdown(Shutdown::Both).context("a loss"),
        Some(StoreFault::Slow) => wait::pause(LATE),
        Some(StoreFault::WrongBytes) if half > 0 => answer.body[half] ^= 1,
        Some(StoreFault::Short) => answer.body.truncate(half.max(1)),
        Some(StoreFault::Cut) if half > 0 => {
            write_head(client, &answer, answer.body.len())?;
            client.write_all(&answer.body[..half]).context("half a body")?;
            return client.shutdown(Shutdown::Both).context("a cut");
        }
        _ => {}
    }
    write_message(client, &answer)
}
