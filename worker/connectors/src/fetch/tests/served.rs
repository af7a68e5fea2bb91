//! Brokers that answer what a test says, over real connections.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::made::{Answered, fetch_answer};
use crate::fetch::messages::{API_VERSIONS, FETCH, METADATA};
use crate::fetch::wire::{Input, Output};

pub(super) const TOPIC: [u8; 16] = [1; 16];

/// What a broker is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    Leaders,
    /// Records of partition 0 of the one topic, by a leader of that epoch.
    Records {
        offset: i64,
        epoch: i32,
    },
}

/// Node, its leader's epoch, and where every node is: what a broker believes.
#[derive(Debug, Clone)]
pub(super) struct Belief {
    pub(super) leader: i32,
    pub(super) epoch: i32,
    pub(super) ports: BTreeMap<i32, u16>,
}

impl Belief {
    /// Metadata about the topic `t` with one partition.
    pub(super) fn answer(&self) -> Vec<u8> {
        let mut out = Output::default();
        out.i32(0);
        out.compact_array(self.ports.len());
        for (node, port) in &self.ports {
            out.i32(*node);
            out.compact_text("127.0.0.1");
            out.i32(i32::from(*port));
            out.compact_text("");
            out.no_tags();
        }
        out.compact_text("cluster");
        out.i32(1);
        out.compact_array(1);
        out.i16(0);
        out.compact_text("t");
        out.raw(&TOPIC);
        out.i8(0);
        out.compact_array(1);
        out.i16(0);
        for number in [0, self.leader, self.epoch] {
            out.i32(number);
        }
        for _replicas_in_sync_offline in 0..3 {
            out.compact_array(0);
        }
        out.no_tags();
        out.i32(0);
        out.no_tags();
        out.no_tags();
        out.into_frame().split_off(4)
    }
}

/// An answer about partition 0. An error or nothing comes a little later, as from a broker that waits.
pub(super) fn records(answered: Answered) -> Vec<u8> {
    if answered.records.is_empty() {
        thread::park_timeout(Duration::from_millis(5));
    }
    fetch_answer(&[Answered { topic: TOPIC, ..answered }])
}

/// Answers a question.
pub(super) type Answers = Arc<dyn Fn(Question) -> Vec<u8> + Send + Sync>;

/// A broker at a port of its own; at its end it closes every connection at the next question.
pub(super) struct Served {
    pub(super) port: u16,
    answers: Arc<Mutex<Option<Answers>>>,
}

impl Served {
    pub(super) fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers = Arc::new(Mutex::new(Some(answers)));
        let shared = answers.clone();
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let answers = shared.clone();
                thread::spawn(move || converse(socket, &answers));
            }
        });
        Self { port, answers }
    }

    pub(super) fn end(&self) {
        *self.answers.lock().unwrap() = None;
    }
}

/// Answers until the connection ends, by either side.
fn converse(mut socket: TcpStream, answers: &Mutex<Option<Answers>>) -> Option<()> {
    loop {
        let mut length = [0; 4];
        socket.read_exact(&mut length).ok()?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        socket.read_exact(&mut frame).ok()?;
        let answers = answers.lock().unwrap().clone()?;
        let mut input = Input::new(&frame);
        let (key, _, correlation) =
            (input.i16().unwrap(), input.i16().unwrap(), input.i32().unwrap());
        let client = input.i16().unwrap();
        input.take(client as usize).unwrap();
        let body = if key == API_VERSIONS.key {
            versions()
        } else {
            input.skip_tags().unwrap();
            [vec![0], answers(question(key, &mut input))].concat()
        };
        let mut out = Output::default();
        out.i32(correlation);
        out.raw(&body);
        socket.write_all(&out.into_frame()).ok()?;
    }
}

fn versions() -> Vec<u8> {
    let mut out = Output::default();
    out.i16(0);
    out.i32(2);
    for api in [FETCH, METADATA] {
        for number in [api.key, 0, api.version + 4] {
            out.i16(number);
        }
    }
    out.into_frame().split_off(4)
}

fn question(key: i16, input: &mut Input<'_>) -> Question {
    if key == METADATA.key {
        return Question::Leaders;
    }
    assert_eq!(key, FETCH.key);
    // Replica, waiting, least, most, isolation, session and its epoch.
    input.take(4 * 4 + 1 + 2 * 4).unwrap();
    assert_eq!(input.compact_array(1).unwrap(), 1);
    assert_eq!(input.uuid().unwrap(), TOPIC);
    assert_eq!(input.compact_array(1).unwrap(), 1);
    assert_eq!(input.i32().unwrap(), 0);
    let epoch = input.i32().unwrap();
    Question::Records { offset: input.i64().unwrap(), epoch }
}
