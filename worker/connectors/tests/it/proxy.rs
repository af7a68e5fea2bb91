//! A proxy in front of the broker that knows where requests begin, to lose or hold one of a kind.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Kafka's number of the request that ends a transaction.
pub(crate) const END_TXN: i16 = 26;
/// Kafka's number of the request that commits offsets inside a transaction.
pub(crate) const TXN_OFFSET_COMMIT: i16 = 28;

/// What happens to the next request of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It never arrives, the connection breaks, and no other connection is taken any more.
    BrokerGone,
    /// It arrives, its answer does not: the connection breaks.
    AnswerLost,
    /// It and its answer arrive, this much later.
    Slow(Duration),
}

#[derive(Default)]
struct Plan {
    next: Option<(i16, Fault)>,
    gone: bool,
    hits: u32,
}

/// Listens on a port of its own and forwards to a broker.
pub(crate) struct Proxy {
    plan: Arc<Mutex<Plan>>,
    pub(crate) address: SocketAddr,
    listener: TcpListener,
}

impl Proxy {
    pub(crate) fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        Self { plan: Arc::default(), address, listener }
    }

    pub(crate) fn forward_to(&self, broker: SocketAddr) {
        let (listener, plan) = (self.listener.try_clone().unwrap(), self.plan.clone());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if plan.lock().unwrap().gone {
                    continue;
                }
                let Ok(server) = TcpStream::connect(broker) else { continue };
                let (c, s) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let plan = plan.clone();
                thread::spawn(move || answers(s, c));
                thread::spawn(move || requests(client, server, &plan));
            }
        });
    }

    pub(crate) fn fail_next(&self, request: i16, fault: Fault) {
        self.plan.lock().unwrap().next = Some((request, fault));
    }

    /// How often a fault was applied.
    pub(crate) fn hits(&self) -> u32 {
        self.plan.lock().unwrap().hits
    }
}

fn answers(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = vec![0_u8; 65536];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    to.shutdown(Shutdown::Both).ok();
}

fn requests(mut client: TcpStream, mut server: TcpStream, plan: &Mutex<Plan>) {
    let mut frame = Vec::new();
    while read_frame(&mut client, &mut frame).is_some() {
        let kind = i16::from_be_bytes([frame[4], frame[5]]);
        let fault = take_fault(plan, kind);
        match fault {
            Some(Fault::BrokerGone) => break,
            Some(Fault::AnswerLost) => {
                client.shutdown(Shutdown::Both).ok();
                server.write_all(&frame).ok();
                // Until the broker has taken the request, its answer goes nowhere.
                server.shutdown(Shutdown::Write).ok();
                return;
            }
            Some(Fault::Slow(time)) => {
                let (_keep, held) = std::sync::mpsc::channel::<()>();
                held.recv_timeout(time).ok();
            }
            None => {}
        }
        if server.write_all(&frame).is_err() {
            break;
        }
    }
    client.shutdown(Shutdown::Both).ok();
    server.shutdown(Shutdown::Both).ok();
}

fn take_fault(plan: &Mutex<Plan>, kind: i16) -> Option<Fault> {
    let mut plan = plan.lock().unwrap();
    let fault = plan.next.filter(|(request, _)| *request == kind).map(|(_, fault)| fault)?;
    plan.next = None;
    plan.hits += 1;
    plan.gone |= fault == Fault::BrokerGone;
    Some(fault)
}

fn read_frame(from: &mut TcpStream, frame: &mut Vec<u8>) -> Option<()> {
    let mut len = [0_u8; 4];
    from.read_exact(&mut len).ok()?;
    let size = usize::try_from(i32::from_be_bytes(len)).ok()?;
    frame.clear();
    frame.extend_from_slice(&len);
    frame.resize(4 + size, 0);
    from.read_exact(&mut frame[4..]).ok()
}
