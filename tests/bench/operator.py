#!/usr/bin/env python3
"""How much a fleet of jobs costs the operator: memory, a core at rest, and the time from an edit to the objects.

A real etcd and API server on loopback, the real operator with the rights that the chart gives it, and no nodes: pods exist as objects whose status is written
here, and their workers are one small server that answers by the address it is asked at.

usage: operator.py OPERATOR [--jobs N] [--edits N] [--rest SECONDS] [--start-limit SECONDS]
"""
import argparse
import asyncio
import http.client
import json
import math
import os
import pathlib
import queue
import random
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
JOBS_PER_NAMESPACE = 100
GROUP = "/apis/streamjob.dev/v1alpha1"
ADMIN_PORT = 8081
METRICS_PORT = 18080
SYSTEM = "streamjob-system"
HANDS = 8
KINDS = "streamjobs savepoints configmaps secrets services statefulsets poddisruptionbudgets jobs pods events"


class Server:
    """etcd and kube-apiserver, with a user who may do everything and the operator's service account."""

    def __init__(self, folder):
        self.folder, self.processes = folder, []
        cache = os.environ.get("STREAMJOB_CACHE", os.path.expanduser("~/.cache/streamjob"))
        self.bin = pathlib.Path(os.environ.get("CL_BIN", f"{cache}/cluster/bin"))
        self.port, self.token, self.operator_token = 16443, os.urandom(16).hex(), os.urandom(16).hex()
        self.context = None

    def start(self):
        make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        make += ["-keyout", "tls.key", "-out", "tls.crt", "-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1"]
        make += ["-addext", "basicConstraints=critical,CA:FALSE"]
        subprocess.run(make, cwd=self.folder, check=True, capture_output=True)
        subprocess.run(["openssl", "genrsa", "-out", "sa.key", "2048"], cwd=self.folder, check=True, capture_output=True)
        (self.folder / "tokens").write_text(
            f'{self.token},bench,bench,"system:masters"\n'
            f"{self.operator_token},system:serviceaccount:{SYSTEM}:streamjob,operator\n")
        self.run("etcd", "etcd", "--data-dir", "etcd", "--unsafe-no-fsync", "--log-level", "error",
                 "--listen-client-urls", "http://127.0.0.1:22379", "--advertise-client-urls", "http://127.0.0.1:22379",
                 "--listen-peer-urls", "http://127.0.0.1:22380", "--quota-backend-bytes", str(4 << 30))
        self.run("apiserver", "kube-apiserver", "--etcd-servers", "http://127.0.0.1:22379", "--bind-address", "127.0.0.1",
                 "--secure-port", str(self.port), "--tls-cert-file", "tls.crt", "--tls-private-key-file", "tls.key",
                 "--token-auth-file", "tokens", "--authorization-mode", "RBAC",
                 "--disable-admission-plugins", "ServiceAccount", "--service-account-issuer", "https://bench",
                 "--service-account-key-file", "sa.key", "--service-account-signing-key-file", "sa.key",
                 "--max-requests-inflight", "2000", "--max-mutating-requests-inflight", "1000",
                 "--event-ttl", "10m", "--cert-dir", "certs")
        self.context = ssl.create_default_context(cafile=str(self.folder / "tls.crt"))
        for name, token in (("kubeconfig", self.token), ("operator", self.operator_token)):
            self.write_kubeconfig(name, token)
        until(lambda: self.is_ready(), 120, "the API server")

    def write_kubeconfig(self, name, token):
        config = {"apiVersion": "v1", "kind": "Config", "current-context": "x",
                  "clusters": [{"name": "c", "cluster": {"server": f"https://127.0.0.1:{self.port}",
                                                         "certificate-authority": str(self.folder / "tls.crt")}}],
                  "users": [{"name": "u", "user": {"token": token}}],
                  "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}]}
        (self.folder / name).write_text(json.dumps(config))

    def kubectl(self, *arguments, text=None):
        command = [str(self.bin / "kubectl"), "--kubeconfig", str(self.folder / "kubeconfig"), *arguments]
        subprocess.run(command, check=True, capture_output=True, text=True, input=text)

    def install(self):
        """The kinds, and what the chart gives the operator."""
        self.kubectl("create", "namespace", SYSTEM)
        for kind in ("streamjobs", "savepoints"):
            self.kubectl("create", "-f", str(ROOT / f"crds/manifests/{kind}.yaml"))
        render = [str(self.bin / "helm"), "template", "streamjob", str(ROOT / "charts/streamjob"), "--namespace", SYSTEM]
        shown = subprocess.run([*render, "--show-only", "templates/rbac.yaml"], check=True, capture_output=True, text=True)
        self.kubectl("create", "-f", "-", text=shown.stdout)

    def run(self, name, program, *arguments, env=None):
        log = open(self.folder / f"{name}.log", "w")
        path = program if "/" in program else str(self.bin / program)
        child = subprocess.Popen([path, *arguments], cwd=self.folder, stdout=log, stderr=log, env=env)
        self.processes.append(child)
        return child

    def is_ready(self):
        try:
            return Api(self).get("/readyz", raw=True) == "ok"
        except (OSError, http.client.HTTPException, Refused):
            return False

    def stop(self):
        for child in reversed(self.processes):
            child.send_signal(signal.SIGKILL)
            child.wait()


class Refused(Exception):
    pass


class Api:
    """One connection; one thread at a time."""

    def __init__(self, server):
        self.server, self.connection = server, None

    def call(self, method, path, body=None, kind="application/json", raw=False):
        text = None if body is None else json.dumps(body)
        headers = {"authorization": f"Bearer {self.server.token}", "content-type": kind}
        for attempt in (0, 1):
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPSConnection("127.0.0.1", self.server.port, timeout=60,
                                                                  context=self.server.context)
                self.connection.request(method, path, text, headers)
                answer = self.connection.getresponse()
                content = answer.read().decode()
                break
            except (OSError, http.client.HTTPException):
                self.connection = None
                if attempt or method == "POST":
                    raise
        if answer.status >= 300:
            raise Refused(f"{method} {path}: {answer.status} {content[:300]}")
        return content if raw else json.loads(content)

    def get(self, path, raw=False):
        return self.call("GET", path, raw=raw)

    def create(self, path, body):
        return self.call("POST", path, body)

    def merge(self, path, body):
        return self.call("PATCH", path, body, "application/merge-patch+json")


def watch(server, path, seen):
    """Calls `seen(type, object, when)` for everything that is and comes, for ever."""
    def listen():
        connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=server.context)
        headers = {"authorization": f"Bearer {server.token}"}
        connection.request("GET", f"{path}?watch=1&resourceVersion=0", headers=headers)
        answer = connection.getresponse()
        try:
            while line := answer.readline():
                event = json.loads(line)
                seen(event["type"], event["object"], time.monotonic())
        except (OSError, ValueError, http.client.HTTPException):
            pass
    threading.Thread(target=listen, daemon=True).start()


class Fleet:
    """The workers: what each says, by address."""

    def __init__(self):
        self.workers, self.asked = {}, 0
        self.addresses = 0

    def address(self, generation, ordinal, uid):
        self.addresses += 1
        ip = f"127.{1 + (self.addresses >> 16)}.{(self.addresses >> 8) & 255}.{self.addresses & 255}"
        self.workers[ip] = {"generation": generation, "ordinal": ordinal, "uid": uid, "phase": "Warm"}
        return ip

    def serve(self):
        async def answer(reader, writer):
            try:
                while True:
                    head = (await reader.readuntil(b"\r\n\r\n")).decode()
                    length = [line for line in head.lower().split("\r\n") if line.startswith("content-length:")]
                    if length:
                        await reader.readexactly(int(length[0].split(":")[1]))
                    worker = self.workers.get(writer.get_extra_info("sockname")[0])
                    text = self.say(head.split(" ")[1], worker)
                    code = "200 OK" if worker else "404 Not Found"
                    writer.write(f"HTTP/1.1 {code}\r\ncontent-length: {len(text)}\r\n\r\n{text}".encode())
                    await writer.drain()
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()

        async def forever():
            server = await asyncio.start_server(answer, "0.0.0.0", ADMIN_PORT, backlog=1000)
            await server.serve_forever()
        threading.Thread(target=lambda: asyncio.run(forever()), daemon=True).start()

    def say(self, path, worker):
        self.asked += 1
        if worker is None:
            return "{}"
        if path.endswith("/acquire"):
            worker["phase"] = "Running"
        elif path.endswith("/release"):
            worker["phase"] = "Released"
        slot = {"slot": worker["ordinal"], "phase": worker["phase"], "reason": None, "message": None, "nonce": "00000000000000aa",
                "shards": [], "lag": 0, "commits": 0, "commit_ms": 0.0, "rows": 0, "late_rows": 0, "bad_rows": 0,
                "replayed_rows": 0, "state_bytes": 0, "checkpoint": None, "savepoint": None, "gap_ms": None}
        return json.dumps({"version": "bench", "job_uid": worker["uid"], "generation": worker["generation"],
                           "plan_fingerprint": "", "slots": [slot]})


class Nodes:
    """What controllers and kubelets would do: planners end well, pods run."""

    def __init__(self, server, fleet):
        self.server, self.fleet, self.work = server, fleet, queue.Queue()
        watch(server, "/apis/batch/v1/jobs", lambda of, object, _: self.work.put((of, object)))
        watch(server, "/apis/apps/v1/statefulsets", lambda of, object, _: self.work.put((of, object)))
        for _ in range(HANDS):
            threading.Thread(target=self.hand, daemon=True).start()

    def hand(self):
        api = Api(self.server)
        while True:
            of, object = self.work.get()
            try:
                if of == "ADDED":
                    self.planned(api, object) if "backoffLimit" in object["spec"] else self.started(api, object)
                elif of == "DELETED":
                    self.ended(api, object)
            except (OSError, http.client.HTTPException):
                return   # the server has ended
            except Refused as refused:
                if " 409 " not in str(refused) and " 404 " not in str(refused):
                    print(refused, file=sys.stderr)

    def pod(self, api, owner, name, labels, status):
        namespace = owner["metadata"]["namespace"]
        template = owner["spec"]["template"]
        body = {"apiVersion": "v1", "kind": "Pod", "spec": template["spec"],
                "metadata": {"name": name, "labels": {**template["metadata"]["labels"], **labels}}}
        api.create(f"/api/v1/namespaces/{namespace}/pods", body)
        container = {"name": "worker", "image": "i", "imageID": "i", "restartCount": 0, **status.pop("container")}
        patch = {"status": {**status, "containerStatuses": [container]}}
        api.merge(f"/api/v1/namespaces/{namespace}/pods/{name}/status", patch)

    def planned(self, api, job):
        layout = {"stages": [{"stage": 0, "topics": [{"topic": "clicks", "partitions": 4}]}]}
        verdict = {"fingerprint": "0123456789abcdef", "diff": None, "layout": layout, "exchange_partitions": 16,
                   "hash_version": 1, "refusals": [], "warnings": []}
        name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]
        ended = {"ready": False, "started": False, "state": {"terminated": {"exitCode": 0, "message": json.dumps(verdict)}}}
        labels = {"batch.kubernetes.io/job-name": name}
        self.pod(api, job, f"{name}-x", labels, {"phase": "Succeeded", "container": ended})
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        holds = [{"type": of, "status": "True", "lastTransitionTime": now} for of in ("SuccessCriteriaMet", "Complete")]
        status = {"startTime": now, "completionTime": now, "succeeded": 1, "conditions": holds}
        api.merge(f"/apis/batch/v1/namespaces/{namespace}/jobs/{name}/status", {"status": status})

    def started(self, api, owner):
        labels = owner["metadata"]["labels"]
        for ordinal in range(owner["spec"].get("replicas", 1)):
            ip = self.fleet.address(int(labels["streamjob.dev/generation"]), ordinal, labels["streamjob.dev/job-uid"])
            status = {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}],
                      "conditions": [{"type": "Ready", "status": "True"}],
                      "container": {"ready": True, "started": True, "state": {"running": {}}}}
            self.pod(api, owner, f"{owner['metadata']['name']}-{ordinal}", {}, status)

    def ended(self, api, owner):
        namespace, name = owner["metadata"]["namespace"], owner["metadata"]["name"]
        names = [f"{name}-x"] if "backoffLimit" in owner["spec"] else [
            f"{name}-{ordinal}" for ordinal in range(owner["spec"].get("replicas", 1))]
        for pod in names:
            api.call("DELETE", f"/api/v1/namespaces/{namespace}/pods/{pod}?gracePeriodSeconds=0")


def until(holds, seconds, what):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            sys.exit(f"{what}: not within {seconds} s")
        time.sleep(0.5)


def job(name):
    spec = {"parallelism": 1, "kafka": {"bootstrapServers": "kafka:9092"},
            "sources": [{"name": "clicks", "topic": "clicks", "format": {"json": {}}, "startFrom": {"earliest": {}},
                         "columns": [{"name": "user_id", "type": "BIGINT"}]}],
            "sinks": [{"name": "out", "topic": "out", "format": {"json": {}}}],
            "sql": "INSERT INTO out SELECT user_id FROM clicks", "checkpoints": {"location": "s3://bucket/prefix"}}
    return {"apiVersion": "streamjob.dev/v1alpha1", "kind": "StreamJob", "metadata": {"name": name}, "spec": spec}


def place(number):
    return f"n{number // JOBS_PER_NAMESPACE}", f"j{number}"


def on_all_hands(server, count, act):
    numbers = iter(range(count))
    lock = threading.Lock()

    def hand():
        api = Api(server)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            act(api, number)
    hands = [threading.Thread(target=hand) for _ in range(HANDS)]
    for one in hands:
        one.start()
    for one in hands:
        one.join()


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid, of):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(of)) / 1024


def requests(api):
    """Requests that the API server has answered, without watches, by verb; of the kinds that jobs are made of."""
    counts, kinds = {}, set(KINDS.split())
    for line in api.get("/metrics", raw=True).splitlines():
        if not line.startswith("apiserver_request_total{"):
            continue
        labels = dict(part.split("=", 1) for part in line[line.index("{") + 1:line.index("}")].split(","))
        verb, kind = labels["verb"].strip('"'), labels["resource"].strip('"')
        if kind in kinds and verb != "WATCH":
            counts[f"{verb} {kind}"] = counts.get(f"{verb} {kind}", 0) + float(line.rsplit(" ", 1)[1])
    return counts


class Ready:
    """Jobs whose condition Ready holds."""

    def __init__(self, server):
        self.names = set()
        watch(server, f"{GROUP}/streamjobs", self.seen)

    def seen(self, of, object, _):
        conditions = object.get("status", {}).get("conditions", [])
        holds = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
        name = object["metadata"]["name"]
        self.names.add(name) if holds and of != "DELETED" else self.names.discard(name)


def at_rest(api, pid, fleet, seconds):
    before, used, asked, began = requests(api), cpu_seconds(pid), fleet.asked, time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    used, after, asked = cpu_seconds(pid) - used, requests(api), fleet.asked - asked
    made = {what: int(count - before.get(what, 0)) for what, count in after.items() if count > before.get(what, 0)}
    print(f"at rest for {took:.0f} s: {100 * used / took:.1f} % of a core, {asked / took:.0f} workers asked a second, "
          f"requests about jobs and their objects: {made or 'none'}", flush=True)
    return made


def edits(server, api, jobs, count):
    """From the edit of a rescale until the last object of the new generation is there, ms."""
    there, lock = {}, threading.Condition()

    def seen(of, object, when):
        if of == "ADDED":
            with lock:
                there[object["metadata"]["name"]] = when
                lock.notify_all()
    watch(server, "/apis/policy/v1/poddisruptionbudgets", seen)
    took = []
    for number in random.Random(7).sample(range(jobs), min(count, jobs)):
        namespace, name = place(number)
        began = time.monotonic()
        api.merge(f"{GROUP}/namespaces/{namespace}/streamjobs/{name}", {"spec": {"parallelism": 2}})
        with lock:
            if not lock.wait_for(lambda: f"{name}-g2" in there, 60):
                sys.exit(f"{namespace}/{name}: no new generation within 60 s")
        took.append(1000 * (there[f"{name}-g2"] - began))
    return sorted(took)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("operator")
    parser.add_argument("--jobs", type=int, default=10000)
    parser.add_argument("--edits", type=int, default=300)
    parser.add_argument("--rest", type=int, default=60)
    parser.add_argument("--start-limit", type=int, default=3600)
    args = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="streamjob-bench."))
    server = Server(folder)
    try:
        server.start()
        measure(server, args)
    finally:
        server.stop()
        shutil.rmtree(folder)


def measure(server, args):
    api, fleet = Api(server), Fleet()
    server.install()
    fleet.serve()
    Nodes(server, fleet)
    for number in range(0, args.jobs, JOBS_PER_NAMESPACE):
        name = place(number)[0]
        api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    env = {**os.environ, "KUBECONFIG": str(server.folder / "operator"), "RUST_LOG": "warn", "POD_NAMESPACE": SYSTEM,
           "STREAMJOB_LEASE": "streamjob"}
    arguments = ["--worker-image", "worker:1", "--listen", f"127.0.0.1:{METRICS_PORT}"]
    operator = server.run("operator", str(pathlib.Path(args.operator).resolve()), *arguments, env=env)
    until(lambda: job_kind_is_there(api), 60, "the kinds")
    ready, began = Ready(server), time.monotonic()

    def create(api, number):
        namespace, name = place(number)
        api.create(f"{GROUP}/namespaces/{namespace}/streamjobs", job(name))
    on_all_hands(server, args.jobs, create)
    print(f"{args.jobs} jobs created in {time.monotonic() - began:.0f} s", flush=True)
    until(lambda: len(ready.names) >= args.jobs, args.start_limit, "every job is ready")
    print(f"every job is ready after {time.monotonic() - began:.0f} s", flush=True)
    time.sleep(90)   # a generation proves itself for a minute
    made = at_rest(api, operator.pid, fleet, args.rest)
    print(f"memory: {memory_mib(operator.pid, 'VmRSS:'):.0f} MiB, at most {memory_mib(operator.pid, 'VmHWM:'):.0f} MiB", flush=True)
    took = edits(server, api, args.jobs, args.edits)
    at = lambda share: took[max(0, math.ceil(share * len(took)) - 1)]
    print(f"edit → objects written, {len(took)} rescales one after another: median {at(0.5):.0f} ms, p99 {at(0.99):.0f} ms, "
          f"at most {took[-1]:.0f} ms")
    if made:
        sys.exit("a fleet at rest costs requests")
    log = (server.folder / "operator.log").read_text()
    if "forbidden" in log:
        sys.exit("the chart gives the operator too few rights:\n" + log[:2000])


def job_kind_is_there(api):
    try:
        return "items" in api.get(f"{GROUP}/streamjobs")
    except Refused:
        return False


if __name__ == "__main__":
    main()
