use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, to_bytes};
use axum::http::Method;
use protocol::reason::Reason;
use tower::ServiceExt;

use super::*;

struct Port {
    admin: Arc<Admin>,
    fences: Arc<AtomicUsize>,
}

fn port(token: Option<&str>) -> Port {
    let fences = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&fences);
    let board = Arc::new(Board::default());
    board.add(SlotIndex(1), Nonce::from_bits(7));
    let admin = Admin {
        job_uid: "u-1".into(),
        generation: Generation(3),
        plan_fingerprint: Fingerprint::from_bits(5),
        token: token.map(str::to_owned),
        orders: Arc::new(Orders::default()),
        board,
        before: None,
        fence: Box::new(move |_, slot| {
            count.fetch_add(1, Ordering::SeqCst);
            if slot == SlotIndex(9) {
                return Err(Stop::new(Reason::BrokerUnreachable, "no broker"));
            }
            Ok(())
        }),
        fenced: Mutex::default(),
    };
    Port { admin: Arc::new(admin), fences }
}

impl Port {
    async fn call(
        &self,
        method: Method,
        path: &str,
        auth: Option<&str>,
        body: &str,
    ) -> (u16, String) {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(auth) = auth {
            request = request.header(AUTHORIZATION, auth);
        }
        let request = request.body(Body::from(body.to_owned())).expect("a request");
        let response = router(Arc::clone(&self.admin)).oneshot(request).await.expect("infallible");
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 20).await.expect("a body");
        (status, String::from_utf8(body.to_vec()).expect("text"))
    }

    async fn post(&self, path: &str, body: &str) -> u16 {
        self.call(Method::POST, path, None, body).await.0
    }
}

#[tokio::test]
async fn only_the_token_opens_the_port() {
    let port = port(Some("secret"));
    let table = [
        (None, 401),
        (Some("Bearer wrong"), 401),
        (Some("Bearer secre"), 401),
        (Some("Bearer secrett"), 401),
        (Some("Basic secret"), 401),
        (Some("secret"), 401),
        (Some("Bearer secret"), 200),
    ];
    for (auth, expected) in table {
        let (status, body) = port.call(Method::GET, "/v1/status", auth, "").await;
        assert_eq!(status, expected, "{auth:?}: {body}");
    }
    let (status, _) = port.call(Method::POST, "/v1/nothing", None, "").await;
    assert_eq!(status, 401, "paths are not told to strangers");
}

#[tokio::test]
async fn orders_for_another_generation_conflict() {
    let port = port(None);
    for (path, rest) in [
        ("/v1/acquire", ""),
        ("/v1/release", ""),
        ("/v1/savepoint", ",\"name\":\"s\""),
        (
            "/v1/takeover",
            ",\"fence_generation\":1,\"fence_slot\":0,\"fence_nonce\":\"0000000000000001\"",
        ),
    ] {
        for (generation, expected) in [(2, 409), (4, 409), (3, 200)] {
            if path == "/v1/acquire" {
                port.admin.orders.change(|s| s.release = None);
            }
            let body = format!("{{\"generation\":{generation}{rest}}}");
            assert_eq!(port.post(path, &body).await, expected, "{path} {generation}");
        }
    }
}

#[tokio::test]
async fn what_does_not_parse_is_a_bad_request() {
    let port = port(None);
    for (path, body) in [
        ("/v1/acquire", ""),
        ("/v1/acquire", "{}"),
        ("/v1/acquire", "{\"generation\":3,\"oops\":1}"),
        ("/v1/savepoint", "{\"generation\":3,\"name\":\"../x\"}"),
        ("/v1/savepoint", "{\"generation\":3,\"name\":\"\"}"),
    ] {
        let (status, text) = port.call(Method::POST, path, None, body).await;
        assert_eq!(status, 400, "{path} {body}");
        assert!(serde_json::from_str::<Refused>(&text).is_ok(), "{text}");
    }
    assert_eq!(port.call(Method::GET, "/v1/acquire", None, "").await.0, 405);
    assert_eq!(port.call(Method::GET, "/v2/status", None, "").await.0, 404);
}

#[tokio::test]
async fn orders_are_levels() {
    let port = port(None);
    for _ in 0..2 {
        assert_eq!(port.post("/v1/acquire", "{\"generation\":3}").await, 200);
    }
    let standing = port.admin.orders.standing();
    assert_eq!(
        standing.acquire,
        Some(AcquireOrder { generation: Generation(3), take_over: false })
    );
    assert_eq!(port.post("/v1/release", "{\"generation\":3,\"drain\":true}").await, 200);
    let release = port.admin.orders.standing().release.expect("ordered");
    assert!(release.drain && !release.seal);
    assert_eq!(port.post("/v1/acquire", "{\"generation\":3}").await, 409, "only forward");
}

#[tokio::test]
async fn an_incarnation_is_fenced_once_and_a_failure_is_tried_again() {
    let port = port(None);
    let body = |slot: u32, nonce: u32| {
        format!(
            "{{\"generation\":3,\"fence_generation\":2,\"fence_slot\":{slot},\
             \"fence_nonce\":\"{nonce:016x}\"}}"
        )
    };
    for (slot, nonce, expected, fences) in
        [(0, 1, 200, 1), (0, 1, 200, 1), (0, 2, 200, 2), (9, 3, 502, 3), (9, 3, 502, 4)]
    {
        assert_eq!(port.post("/v1/takeover", &body(slot, nonce)).await, expected);
        assert_eq!(port.fences.load(Ordering::SeqCst), fences, "slot {slot} nonce {nonce}");
    }
}

#[tokio::test]
async fn own_and_newer_slots_are_never_fenced() {
    let port = port(None);
    for (generation, slot) in [(3, 1), (4, 0)] {
        let body = format!(
            "{{\"generation\":3,\"fence_generation\":{generation},\"fence_slot\":{slot},\
             \"fence_nonce\":\"0000000000000001\"}}"
        );
        assert_eq!(port.post("/v1/takeover", &body).await, 409);
    }
    assert_eq!(port.fences.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn the_end_of_the_process_before_stands_on_a_starting_slot_only() {
    let mut port = port(None);
    let admin = Arc::get_mut(&mut port.admin).expect("the only owner");
    let stop = Stop::new(Reason::UnknownOutcome, "commit 7");
    admin.before = Some(LastWords::from(&stop));
    let status = port.admin.status();
    assert_eq!(status.slots[0].reason, Some(Reason::UnknownOutcome));
    port.admin.board.update(SlotIndex(1), |e| e.status.phase = SlotPhase::Running);
    assert_eq!(port.admin.status().slots[0].reason, None);
}

#[tokio::test]
async fn without_a_token_the_status_is_read_and_nothing_is_ordered() {
    let port = port(Some("secret"));
    let call = |method: Method, path: &str| {
        let router = readable(Arc::clone(&port.admin));
        let request = Request::builder().method(method).uri(path).body(Body::from("{}"));
        let request = request.expect("a request");
        async { router.oneshot(request).await.expect("infallible").status().as_u16() }
    };
    assert_eq!(call(Method::GET, "/v1/status").await, 200);
    for path in ["/v1/acquire", "/v1/release", "/v1/savepoint", "/v1/takeover"] {
        assert_eq!(call(Method::POST, path).await, 404, "{path}");
    }
    assert_eq!(call(Method::POST, "/v1/status").await, 405);
}
