//! A45: a broker that is cut off from the controller does not know that it coordinates nothing any more. Whoever asks
//! it for offsets is answered from its memory, at once, even where a stable answer is wanted. An acquire that believed
//! it would go back; it waits for its own nonce, which such a broker cannot commit.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bytes::{BufMut as _, Bytes, BytesMut};
use connectors::{GroupOffsets, KafkaConfig};
use kafka_protocol::messages::{
    ApiKey, FindCoordinatorRequest, FindCoordinatorResponse, RequestHeader, ResponseHeader,
};
use kafka_protocol::protocol::{Decodable as _, Encodable as _, StrBytes};
use protocol::names::Names;
use protocol::{Generation, Log, SlotIndex, StageId};
use tests::checker::{Case, judge};
use tests::generator::Pace;
use tests::harness::kafka::{RealKafka, Version};
use tests::harness::wait;
use tests::harness::worker::{Role, Worker};
use tests::oracle::Query;

use crate::stage::{Broker, PARTITIONS, Stage, seed};

const STEP_MAX: Duration = Duration::from_mins(1);
const READ_MAX: Duration = Duration::from_secs(5);
/// For so long a new owner tries while the cut lasts.
const CUT: Duration = Duration::from_secs(8);
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
/// The version of the question that both supported lines of Kafka take.
const VERSION: i16 = 3;

/// A line to a server that can be cut.
#[derive(Clone)]
struct Line(Arc<Mutex<State>>);

struct State {
    cut: bool,
    streams: Vec<TcpStream>,
}

impl Line {
    /// A line to a port; its own port.
    fn to(target: u16) -> (Self, u16) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let line = Self(Arc::new(Mutex::new(State { cut: false, streams: Vec::new() })));
        let own = line.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                own.connect(client, target);
            }
        });
        (line, port)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(&self, client: TcpStream, target: u16) {
        let mut state = self.state();
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)) else { return };
        if state.cut {
            return;
        }
        for (from, to) in [(&client, &server), (&server, &client)] {
            let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            thread::spawn(move || {
                // It ends with the connection.
                drop(std::io::copy(&mut from, &mut to));
                drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
            });
        }
        state.streams.extend([client, server]);
    }

    fn cut(&self) {
        let mut state = self.state();
        state.cut = true;
        for stream in state.streams.drain(..) {
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    fn mend(&self) {
        self.state().cut = false;
    }
}

/// The port of the coordinator of a key, as one broker has it.
fn coordinator(broker: &str, key: &str, kind: i8) -> Option<u16> {
    let request = FindCoordinatorRequest::default()
        .with_key(StrBytes::from_string(key.to_owned()))
        .with_key_type(kind);
    let header = RequestHeader::default()
        .with_request_api_key(ApiKey::FindCoordinator as i16)
        .with_request_api_version(VERSION)
        .with_client_id(Some(StrBytes::from_static_str("test")));
    let mut body = BytesMut::new();
    let head = ApiKey::FindCoordinator.request_header_version(VERSION);
    header.encode(&mut body, head).unwrap();
    request.encode(&mut body, VERSION).unwrap();
    let mut frame = BytesMut::new();
    frame.put_u32(body.len() as u32);
    frame.extend_from_slice(&body);
    let mut stream = TcpStream::connect(broker).ok()?;
    stream.write_all(&frame).ok()?;
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer).ok()?;
    let mut answer = Bytes::from(answer);
    let head = ApiKey::FindCoordinator.response_header_version(VERSION);
    ResponseHeader::decode(&mut answer, head).ok()?;
    let found = FindCoordinatorResponse::decode(&mut answer, VERSION).ok()?;
    (found.error_code == 0).then_some(found.port as u16)
}

/// A job and two generations: its group is coordinated by the second broker, their transactions by the first. Names
/// that differ in one digit lie side by side, and how brokers take turns differs, so not every two generations will do.
fn choose([first, second]: [&str; 2]) -> (String, [u64; 2]) {
    let port = |broker: &str| broker.rsplit(':').next().unwrap().parse::<u16>().unwrap();
    let at = |key: &str, kind| {
        wait::until("a coordinator", STEP_MAX, || Ok(coordinator(first, key, kind))).unwrap()
    };
    let uids = (0..20).map(|n| format!("0b5e55ed-0000-4000-8000-{n:012}"));
    let mut choices = uids.flat_map(|uid| [[1, 2], [1, 3]].map(|two| (uid.clone(), two)));
    let fits = |(uid, generations): &(String, [u64; 2])| {
        let names = Names::new("streamjob", uid).unwrap();
        let id = |generation| names.transactional_id(Generation(generation), SlotIndex(0));
        at(&names.group(StageId(0)), GROUP) == port(second)
            && generations.iter().all(|g| at(&id(*g), TRANSACTION) == port(first))
    };
    choices.find(fits).expect("one of many is coordinated so")
}

/// What a client is told that knows one broker first: how many rows are committed.
fn told_by(broker: &str, stage: &Stage) -> Option<i64> {
    let config = KafkaConfig {
        bootstrap: broker.to_owned(),
        properties: [("socket.timeout.ms".to_owned(), "2000".to_owned())].into(),
        client_id: "test".to_owned(),
    };
    let logs: Vec<Log> =
        (0..PARTITIONS).map(|p| Log::new(stage.job.source.clone(), p as i32)).collect();
    let offsets = GroupOffsets::new(&config);
    let found = offsets.committed(&stage.job.source_group(), &logs, true, READ_MAX).ok()?;
    Some(found.into_iter().flatten().map(|(offset, _)| offset).sum())
}

#[test]
fn a_coordinator_that_is_cut_off_answers_from_memory_and_no_acquire_believes_it() {
    let mut line = None;
    let mut stage = Stage::real_with("old-coordinator", Query::bids_per_auction(true), |folder| {
        let pair = RealKafka::start_pair_over(folder, Version::Newest, |controller| {
            let (made, port) = Line::to(controller);
            line = Some(made);
            port
        });
        let pair = pair.unwrap();
        (format!("{},{}", pair[0].bootstrap(), pair[1].bootstrap()), Broker::Pair(pair))
    });
    let line = line.expect("it was made");
    let Broker::Pair(pair) = &stage.broker else { unreachable!("two were started") };
    let [first, second] = [pair[0].bootstrap(), pair[1].bootstrap()];
    let (uid, [former, next]) = choose([&first, &second]);
    stage.rename(&uid);
    stage.plan();
    let mut crew = stage.generation(former, 1, true);
    let load = stage.load(stage.recipe(seed()), 200_000, Pace::PerSecond(4_000));
    crew.worker(0).unwrap().until_checkpoint(STEP_MAX, 0).unwrap();

    line.cut();
    let before = told_by(&first, &stage).unwrap_or_default();
    // The first broker takes over, and the owner goes on there.
    wait::until_true("rows committed without the second broker", STEP_MAX, || {
        crew.tend()?;
        wait::pause(Duration::from_millis(100));
        Ok(told_by(&first, &stage).is_some_and(|rows| rows > before + 2_000))
    })
    .unwrap();
    crew.worker(0).unwrap().process().kill().unwrap();
    let newest = told_by(&first, &stage).expect("the first broker coordinates");
    let old = wait::until("an old answer", STEP_MAX, || {
        Ok(told_by(&second, &stage).filter(|rows| *rows < newest))
    })
    .unwrap();

    // A new owner that meets the second broker first. It may find the right one; it must not go back.
    let bootstrap = std::mem::replace(&mut stage.job.bootstrap, second.clone());
    stage.write_job();
    let setup = stage.setup("successor", Role::only(next));
    let until = Instant::now() + CUT;
    let mut tries = 0;
    while Instant::now() < until {
        let mut successor = Worker::start(&setup).unwrap();
        tries += 1;
        drop(successor.process().wait(Duration::from_secs(4)));
        successor.process().kill().unwrap();
        let now = told_by(&first, &stage).unwrap_or(newest);
        assert!(now >= newest, "{now} rows after {newest}");
    }
    line.mend();
    let mut successor = Worker::start(&setup).unwrap();
    stage.job.bootstrap = bootstrap;
    stage.write_job();
    stage.until_progress(|| drop(successor.process().ended()));
    load.stop();
    let written = load.written().unwrap();
    let verdict = stage.finish(written, || {
        if successor.process().ended().unwrap().is_some() {
            successor = Worker::start(&setup).unwrap();
        }
    });
    let groups = Some(stage.job.groups());
    judge(&Case { groups, ..stage.case() }).unwrap().require_clean().unwrap();
    successor.process().kill().unwrap();
    eprintln!(
        "{old} rows by the old coordinator, {newest} were committed, {tries} tries: {verdict}"
    );
}
