//! Frames: a length, a header, a message.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, RequestKind, ResponseHeader, ResponseKind};
use kafka_protocol::protocol::{Decodable, Encodable};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::limits::REQUEST_BYTES_MAX;
use crate::wire;

/// A request that cannot be read or answered. The connection is closed then, as a real broker does.
#[derive(Debug, Error)]
pub(crate) enum FrameError {
    #[error("a request of {0} bytes is refused (at most {REQUEST_BYTES_MAX})")]
    Length(i32),
    #[error("request kind {key} version {version} is not supported by the development broker")]
    Unsupported { key: i16, version: i16 },
    #[error("a message does not decode or encode: {0}")]
    Codec(anyhow::Error),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// A request and what its answer needs of its header.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) correlation_id: i32,
    pub(crate) version: i16,
    pub(crate) body: Body,
}

#[derive(Debug)]
pub(crate) enum Body {
    Known(Box<RequestKind>),
    /// `ApiVersions` of a version to come: answered with an error and the versions that there are.
    NewerApiVersions,
}

/// Reads one frame without its length. `None` at the end of the stream.
pub(crate) async fn read(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<Option<Bytes>, FrameError> {
    let mut length = [0; 4];
    match stream.read_exact(&mut length).await {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let length = i32::from_be_bytes(length);
    let bytes = usize::try_from(length).ok().filter(|bytes| *bytes <= REQUEST_BYTES_MAX);
    let bytes = bytes.ok_or(FrameError::Length(length))?;
    let mut frame = BytesMut::with_capacity(bytes);
    while frame.len() < bytes {
        let missing = bytes - frame.len();
        if stream.read_buf(&mut (&mut frame).limit(missing)).await? == 0 {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
        }
    }
    Ok(Some(frame.freeze()))
}

/// Decodes a frame.
pub(crate) fn decode(mut frame: Bytes) -> Result<Request, FrameError> {
    if frame.len() < 8 {
        return Err(FrameError::Length(frame.len() as i32));
    }
    let key = i16::from_be_bytes([frame[0], frame[1]]);
    let version = i16::from_be_bytes([frame[2], frame[3]]);
    let correlation_id = i32::from_be_bytes([frame[4], frame[5], frame[6], frame[7]]);
    let unsupported = FrameError::Unsupported { key, version };
    let Ok(api) = ApiKey::try_from(key) else { return Err(unsupported) };
    if !wire::is_supported(api, version) {
        return match api {
            ApiKey::ApiVersions => {
                Ok(Request { correlation_id, version: 0, body: Body::NewerApiVersions })
            }
            _ => Err(unsupported),
        };
    }
    RequestHeader::decode(&mut frame, api.request_header_version(version))
        .map_err(FrameError::Codec)?;
    let body = RequestKind::decode(api, &mut frame, version).map_err(FrameError::Codec)?;
    if frame.has_remaining() {
        tracing::debug!(key, version, bytes = frame.remaining(), "a request has bytes left over");
    }
    Ok(Request { correlation_id, version, body: Body::Known(Box::new(body)) })
}

/// Encodes an answer as a whole frame.
pub(crate) fn encode(
    correlation_id: i32,
    version: i16,
    response: &ResponseKind,
) -> Result<Bytes, FrameError> {
    let mut out = BytesMut::new();
    out.put_i32(0);
    ResponseHeader::default()
        .with_correlation_id(correlation_id)
        .encode(&mut out, response.header_version(version))
        .map_err(FrameError::Codec)?;
    response.encode(&mut out, version).map_err(FrameError::Codec)?;
    let length = (out.len() - 4) as i32;
    out[..4].copy_from_slice(&length.to_be_bytes());
    Ok(out.freeze())
}
