//! Kafka's messages as far as the proxy understands them.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, ApiKey, DescribeClusterResponse, EndTxnRequest, EndTxnResponse,
    FindCoordinatorResponse, InitProducerIdRequest, InitProducerIdResponse, MetadataResponse,
    RequestHeader, ResponseHeader, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

const FRAME_BYTES_MAX: usize = 200 << 20;
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// A request that was not answered.
pub(super) const NO_ANSWER: i16 = i16::MIN;
/// What the proxy is called to its clients.
const HOST: &str = "127.0.0.1";

/// Requests of a transactional client, as far as they matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Request {
    InitProducerId,
    AddOffsets,
    TxnOffsetCommit,
    Commit,
    Abort,
}

impl Request {
    /// Before which request of a later transaction a late one of this kind does the most harm: an end after the rows
    /// and before the offsets, an offset after the offsets.
    pub(super) fn worst_before(self) -> Self {
        match self {
            Self::TxnOffsetCommit => Self::Commit,
            _ => Self::AddOffsets,
        }
    }
}

/// A message without its length.
#[derive(Clone, Debug)]
pub(super) struct Frame(pub(super) Bytes);

/// Kind, version and number of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) key: i16,
    pub(super) version: i16,
    pub(super) number: i32,
}

impl Frame {
    /// None at the end of the connection.
    pub(super) fn read(from: &mut TcpStream) -> Option<Self> {
        let mut length = [0; 4];
        from.read_exact(&mut length).ok()?;
        let length = usize::try_from(i32::from_be_bytes(length)).ok()?;
        if length > FRAME_BYTES_MAX {
            return None;
        }
        let mut bytes = vec![0; length];
        from.read_exact(&mut bytes).ok()?;
        Some(Self(bytes.into()))
    }

    pub(super) fn write(&self, to: &mut TcpStream) -> Option<()> {
        let mut bytes = BytesMut::with_capacity(4 + self.0.len());
        bytes.extend_from_slice(&(self.0.len() as u32).to_be_bytes());
        bytes.extend_from_slice(&self.0);
        to.write_all(&bytes).ok()
    }

    /// Of an answer: the number of the request.
    pub(super) fn number(&self) -> Option<i32> {
        Some(i32::from_be_bytes(self.0.get(..4)?.try_into().ok()?))
    }

    /// Of a request.
    pub(super) fn head(&self) -> Option<Head> {
        let short = |at: usize| Some(i16::from_be_bytes(self.0.get(at..at + 2)?.try_into().ok()?));
        let number = i32::from_be_bytes(self.0.get(4..8)?.try_into().ok()?);
        Some(Head { key: short(0)?, version: short(2)?, number })
    }

    /// Of a request: its kind, and the transactional id that it is about.
    pub(super) fn transactional(&self) -> Option<(Request, String)> {
        let Head { key, version, .. } = self.head()?;
        let key = ApiKey::try_from(key).ok()?;
        let mut body = self.0.clone();
        RequestHeader::decode(&mut body, key.request_header_version(version)).ok()?;
        match key {
            ApiKey::InitProducerId => {
                let request = InitProducerIdRequest::decode(&mut body, version).ok()?;
                Some((Request::InitProducerId, request.transactional_id?.0.to_string()))
            }
            ApiKey::AddOffsetsToTxn => {
                let request = AddOffsetsToTxnRequest::decode(&mut body, version).ok()?;
                Some((Request::AddOffsets, request.transactional_id.0.to_string()))
            }
            ApiKey::TxnOffsetCommit => {
                let request = TxnOffsetCommitRequest::decode(&mut body, version).ok()?;
                Some((Request::TxnOffsetCommit, request.transactional_id.0.to_string()))
            }
            ApiKey::EndTxn => {
                let request = EndTxnRequest::decode(&mut body, version).ok()?;
                let kind = if request.committed { Request::Commit } else { Request::Abort };
                Some((kind, request.transactional_id.0.to_string()))
            }
            _ => None,
        }
    }

    /// Of an answer: the same with the proxy in the place of every broker.
    pub(super) fn behind(self, head: Head, port: impl Fn(SocketAddr) -> u16) -> Self {
        match ApiKey::try_from(head.key) {
            Ok(ApiKey::Metadata) => self.with(head, |answer: &mut MetadataResponse| {
                for broker in &mut answer.brokers {
                    put(&mut broker.host, &mut broker.port, &port);
                }
            }),
            Ok(ApiKey::DescribeCluster) => {
                self.with(head, |answer: &mut DescribeClusterResponse| {
                    for broker in &mut answer.brokers {
                        put(&mut broker.host, &mut broker.port, &port);
                    }
                })
            }
            Ok(ApiKey::FindCoordinator) => {
                self.with(head, |answer: &mut FindCoordinatorResponse| {
                    put(&mut answer.host, &mut answer.port, &port);
                    for found in &mut answer.coordinators {
                        put(&mut found.host, &mut found.port, &port);
                    }
                })
            }
            _ => self,
        }
    }

    fn with<T: Decodable + Encodable>(self, head: Head, change: impl FnOnce(&mut T)) -> Self {
        let Head { key, version, .. } = head;
        let key = ApiKey::try_from(key).expect("a known kind");
        let header = key.response_header_version(version);
        let mut body = self.0;
        let mut out = BytesMut::new();
        let head = ResponseHeader::decode(&mut body, header).expect("an answer has a header");
        head.encode(&mut out, header).expect("as it came");
        let mut answer = T::decode(&mut body, version).expect("an answer of the broker");
        change(&mut answer);
        answer.encode(&mut out, version).expect("as it came");
        Self(out.freeze())
    }

    /// Of an answer to a transactional request: the first error in it.
    fn code(&self, head: Head) -> Option<i16> {
        let key = ApiKey::try_from(head.key).ok()?;
        let mut body = self.0.clone();
        ResponseHeader::decode(&mut body, key.response_header_version(head.version)).ok()?;
        match key {
            ApiKey::InitProducerId => {
                Some(InitProducerIdResponse::decode(&mut body, head.version).ok()?.error_code)
            }
            ApiKey::EndTxn => {
                Some(EndTxnResponse::decode(&mut body, head.version).ok()?.error_code)
            }
            ApiKey::TxnOffsetCommit => {
                let answer = TxnOffsetCommitResponse::decode(&mut body, head.version).ok()?;
                let logs = answer.topics.iter().flat_map(|topic| &topic.partitions);
                Some(logs.map(|log| log.error_code).find(|code| *code != 0).unwrap_or(0))
            }
            _ => None,
        }
    }
}

/// Puts the proxy in the place of a broker; where none is named, there is none.
fn put(host: &mut StrBytes, port: &mut i32, own: &impl Fn(SocketAddr) -> u16) {
    let address = u16::try_from(*port).ok().and_then(|port| {
        Some(SocketAddr::new(host.parse().ok()?, port)).filter(|address| address.port() > 0)
    });
    if let Some(address) = address {
        *host = StrBytes::from_static_str(HOST);
        *port = own(address).into();
    }
}

/// Sends a request over a connection of its own; the first error of its answer.
pub(super) fn ask(broker: SocketAddr, frame: &Frame) -> Option<i16> {
    let mut stream = TcpStream::connect(broker).ok()?;
    stream.set_read_timeout(Some(ANSWER_MAX)).ok()?;
    frame.write(&mut stream)?;
    Frame::read(&mut stream)?.code(frame.head()?)
}
