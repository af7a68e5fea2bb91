//! One connection through the proxy, in both directions.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tests::harness::wait;

use super::frames::{Frame, Head};
use super::{Fault, Shared};

/// How much of an answer comes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Whole,
    Half,
    None,
}

/// What was asked and not answered yet.
#[derive(Default)]
struct Asked(Mutex<BTreeMap<i32, (Head, Answer)>>);

impl Asked {
    fn note(&self, head: Head, answer: Answer) {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked.insert(head.number, (head, answer));
    }

    fn take(&self, answer: &Frame) -> Option<(Head, Answer)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&answer.number()?)
    }
}

/// Connects a client with a broker, unless there may be no connection.
pub(super) fn connect(shared: &Arc<Shared>, broker: SocketAddr, client: TcpStream) {
    let Ok(server) = TcpStream::connect(broker) else { return };
    if shared.admit(&client, &server).is_none() {
        return;
    }
    let asked = Arc::new(Asked::default());
    let (Ok(to_client), Ok(from_server)) = (client.try_clone(), server.try_clone()) else { return };
    // Small frames in both directions.
    drop(client.set_nodelay(true));
    drop(server.set_nodelay(true));
    let (own, answers) = (Arc::clone(shared), Arc::clone(&asked));
    thread::spawn(move || {
        let (mut server, mut client) = (from_server, to_client);
        // It ends with the connection.
        while answer(&own, &answers, &mut server, &mut client).is_some() {}
        hang_up(&client, &server);
    });
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        let (mut client, mut server) = (client, server);
        let ended = ask(&shared, &asked, broker, (&mut client, &mut server));
        if ended != Some(Ending::AnswerIsCut) {
            hang_up(&client, &server);
        }
    });
}

fn hang_up(client: &TcpStream, server: &TcpStream) {
    drop(client.shutdown(Shutdown::Both));
    drop(server.shutdown(Shutdown::Both));
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Broken,
    /// The other direction hangs up once the answer has come.
    AnswerIsCut,
}

/// Requests, until one of them breaks the connection. None when the connection ends by itself.
fn ask(
    shared: &Shared,
    asked: &Asked,
    broker: SocketAddr,
    (client, server): (&mut TcpStream, &mut TcpStream),
) -> Option<Ending> {
    loop {
        let frame = Frame::read(client)?;
        let head = frame.head()?;
        let mut comes = Answer::Whole;
        if let Some((request, id)) = frame.transactional() {
            shared.deliver_late(request, &id);
            match shared.take_fault(request, &frame, &id, broker) {
                Some(Fault::Held(_) | Fault::Gone) => return Some(Ending::Broken),
                Some(Fault::Repeated(_)) => comes = Answer::None,
                Some(Fault::AnswerCut) => comes = Answer::Half,
                Some(Fault::Delayed(time)) => wait::pause(time),
                None => {}
            }
        }
        asked.note(head, comes);
        frame.write(server)?;
        if comes != Answer::Whole {
            return Some(Ending::AnswerIsCut);
        }
    }
}

/// Hands on an answer. None when it is cut, or the connection has ended.
fn answer(
    shared: &Arc<Shared>,
    asked: &Asked,
    server: &mut TcpStream,
    client: &mut TcpStream,
) -> Option<()> {
    let frame = Frame::read(server)?;
    let Some((head, comes)) = asked.take(&frame) else {
        return frame.write(client); // nobody asked for it: not for the proxy to judge
    };
    match comes {
        Answer::Whole => frame.behind(head, |broker| shared.port_of(broker)).write(client),
        Answer::Half => {
            let length = (frame.0.len() as u32).to_be_bytes();
            client.write_all(&length).ok()?;
            client.write_all(&frame.0[..frame.0.len() / 2]).ok()?;
            None
        }
        Answer::None => None,
    }
}
