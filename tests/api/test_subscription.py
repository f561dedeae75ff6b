# SPDX-License-Identifier: GPL-3.0-or-later
"""Subscriptions (R4, rest-hook) against real endpoints on 127.0.0.1, and events as they are sent to pages."""
import hashlib
import hmac
import http.server
import json
import signal
import ssl
import subprocess
import threading
import time
import xml.etree.ElementTree

import pytest
from conftest import Fhir, Server, wants

SECRET = "a secret of 24 letters.."


class Hook:
    """An endpoint that writes down what comes. `answer` is a status, or a function of the request that gives one."""

    def __init__(self, answer=200):
        self.answer, self.got, self.more = answer, [], {}
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def take(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                one = {"method": self.command, "path": self.path, "body": body, "time": time.time(),
                       "headers": {k.lower(): v for k, v in self.headers.items()}}
                status = hook.answer(one) if callable(hook.answer) else hook.answer
                if status < 300:
                    hook.got.append(one)
                try:
                    self.send_response(status)
                    for name, value in hook.more.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                except OSError:
                    pass  # who sent this is gone

            do_POST = do_PUT = do_GET = take

            def log_message(self, *arguments):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, n, seconds=15):
        until(lambda: len(self.got) >= n, seconds)
        return self.got

    def paths(self):
        return [one["path"] for one in self.got]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def until(what, seconds=15):
    end = time.time() + seconds
    while not (value := what()):
        assert time.time() < end, "it did not happen in time"
        time.sleep(0.02)
    return value


@pytest.fixture
def hook():
    one = Hook()
    yield one
    one.close()


@pytest.fixture
def live(tmp_path, hook):
    """A server that may send to `hook`."""
    server = Server(tmp_path / "rihla", "--hook", hook.url, "--hook-retries", "2")
    with server.client() as client:
        yield Fhir(server, client)
    server.stop()


def subscription(endpoint, criteria="Observation?code=http://loinc.org|1975-2", **more):
    channel = {"type": "rest-hook", "endpoint": endpoint, **more.pop("channel", {})}
    return {"resourceType": "Subscription", "status": "requested", "reason": "test", "criteria": criteria,
            "channel": channel, **more}


def observation(code="1975-2", **more):
    return {"resourceType": "Observation", "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]}, **more}


def status(fhir, sub, wanted, seconds=15):
    def is_so():
        now = fhir.get(f"/Subscription/{sub['id']}").json()
        return now if now["status"] == wanted else None
    return until(is_so, seconds)


def activate(fhir, resource):
    return status(fhir, fhir.create(resource), "active")


def metric(fhir, name):
    text = fhir.http.get(fhir.server.url + "/metrics").text
    return float(next(line.split()[-1] for line in text.splitlines() if line.startswith(name + " ")))


# --- what may be stored ---

@pytest.mark.parametrize("change, fragment", [
    ({"status": "active"}, "requested or off"),
    ({"status": "error"}, "requested or off"),
    ({"criteria": "Observation?nonsense=1"}, "nonsense"),
    ({"criteria": "Observation?date=yesterday"}, "yesterday"),
    ({"criteria": "Nonsense?code=1"}, "not a resource type"),
    ({"criteria": "http://example.org/Observation?code=1"}, "without the address"),
    ({"criteria": "Observation?_sort=date"}, "_sort"),
    ({"criteria": "Observation?_include=Observation:subject"}, "_include"),
    ({"criteria": "Observation?code=" + "x," * 5000}, "at most"),
    ({"channel": {"type": "websocket", "endpoint": "http://127.0.0.1/"}}, "rest-hook"),
    ({"channel": {"type": "email", "endpoint": "mailto:a@b.c"}}, "rest-hook"),
    ({"channel": {"type": "rest-hook"}}, "needs an endpoint"),
    ({"channel": {"type": "rest-hook", "endpoint": "ftp://127.0.0.1/x"}}, "neither https nor http"),
    ({"channel": {"type": "rest-hook", "endpoint": "http://u:p@127.0.0.1/"}}, "without a user"),
    ({"channel": {"type": "rest-hook", "endpoint": "http://127.0.0.1/a/%2e%2e/b"}}, "encoded"),
    ({"channel": {"type": "rest-hook", "endpoint": "http://127.0.0.1/?a=b"}}, "behind '?'"),
    ({"channel": {"type": "rest-hook", "endpoint": "http://127.0.0.1/", "payload": "text/html"}}, "fhir+json"),
    ({"channel": {"type": "rest-hook", "endpoint": "http://127.0.0.1/", "header": ["Host: a"]}}, "set by this server"),
    ({"channel": {"type": "rest-hook", "endpoint": "http://127.0.0.1/", "header": ["X-Rihla-Event: a"]}}, "set by"),
    ({"channel": {"type": "rest-hook", "endpoint": "http://127.0.0.1/", "header": ["no colon"]}}, "Name: value"),
    ({"channel": {"type": "rest-hook", "endpoint": "http://127.0.0.1/", "header": ["Host : a"]}}, "Name: value"),
    ({"channel": {"type": "rest-hook", "endpoint": "http://127.0.0.1/", "header": ["content-length: 5"]}}, "set by this server"),
    ({"channel": {"type": "rest-hook", "endpoint": "http://127.0.0.1/", "header": ["A: b\u2028c"]}}, "character"),
    ({"channel": {"type": "rest-hook", "endpoint": "http://127.0.0.1/", "header": ["A: b\r\nC: d"]}}, "character"),
    ({"channel": {"type": "rest-hook", "endpoint": "http://127.0.0.1/", "header": ["X-Rihla-Secret: x"]}}, "fewer"),
    ({"channel": {"type": "rest-hook", "endpoint": "http://127.0.0.1/", "header": ["A: b"] * 21}}, "more than 20"),
])
def test_refuses_what_could_never_work(fhir, change, fragment):
    before = fhir.sequence()
    wants(fhir.send("POST", "/Subscription", {**subscription("http://127.0.0.1/"), **change}), 422, fragment)
    assert fhir.sequence() == before


def test_refuses_in_a_bundle_and_names_the_entry(fhir):
    entry = {"resource": {**subscription("http://127.0.0.1/"), "status": "active"},
             "request": {"method": "POST", "url": "Subscription"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    wants(fhir.send("POST", "", bundle), 422, "requested or off", "Bundle.entry[0].resource.status")


def test_refuses_a_patch_to_active(fhir):
    sub = fhir.create({**subscription("http://127.0.0.1/"), "status": "off"})
    wants(fhir.send("PATCH", f"/Subscription/{sub['id']}",
                    [{"op": "replace", "path": "/status", "value": "active"}]), 422, "requested or off")


def test_what_is_off_stays_off(live, hook):
    sub = live.create({**subscription(hook.url), "status": "off"})
    live.create(observation())
    time.sleep(0.5)
    assert live.get(f"/Subscription/{sub['id']}").json()["status"] == "off" and not hook.got


# --- where it may send to ---

def test_no_endpoint_is_allowed_unless_the_operator_says_so(fhir):
    now = status(fhir, fhir.create(subscription("http://127.0.0.1:9/x")), "error")
    assert "--hook http://127.0.0.1:9" in now["error"]


@pytest.mark.parametrize("endpoint, fine", [
    ("http://127.0.0.1:{port}/in", True), ("http://127.0.0.1:{port}/in/side", True),
    ("http://127.0.0.1:{port}/inside", False), ("http://127.0.0.1:{port}/in/../out", False),
    ("http://127.0.0.1:1/in", False), ("https://127.0.0.1:{port}/in", False), ("http://localhost:{port}/in", False),
    ("http://127.0.0.1:{port}.evil.example/in", False), ("http://127.0.0.1.:{port}/in", False), ("http://[::ffff:127.0.0.1]:{port}/in", False),
    ("http://127.0.0.1:{port}@example.org/in", False), ("http://example.org%23@127.0.0.1:{port}/in", False), ("http://127.0.0.1:{port}/in/./../out", False),
    ("http://127.0.0.1:{port}\\@example.org/in", False), ("http://2130706433:{port}/in", True),
])
def test_scheme_host_port_and_path_must_be_allowed(tmp_path, hook, endpoint, fine):
    server = Server(tmp_path / "rihla", "--hook", hook.url + "/in")
    with server.client() as client:
        fhir = Fhir(server, client)
        answer = fhir.send("POST", "/Subscription", subscription(endpoint.format(port=hook.server.server_port)))
        if answer.status_code == 201:
            status(fhir, answer.json(), "active" if fine else "error")
        else:
            assert not fine and answer.status_code == 422
    server.stop()


def test_a_hook_that_is_no_address_ends_the_start(tmp_path):
    with pytest.raises(RuntimeError, match="--hook ftp://x"):
        Server(tmp_path / "rihla", "--hook", "ftp://x")


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path, hook):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "key", "-out", tmp_path / "cert"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    hook.server.socket = context.wrap_socket(hook.server.socket, server_side=True)
    endpoint = f"https://127.0.0.1:{hook.server.server_port}/"
    server = Server(tmp_path / "rihla", "--hook", endpoint.removeprefix("https://"), "--hook-retries", "1")
    with server.client() as client:
        fhir = Fhir(server, client)
        sub = activate(fhir, subscription(endpoint))
        fhir.create(observation())
        assert "certificate" in status(fhir, sub, "error", 30)["error"]
    server.stop()
    assert not hook.got


# --- delivery ---

def test_without_payload_an_empty_post(live, hook):
    activate(live, subscription(hook.url + "/told"))
    live.create(observation("other"))
    one = live.create(observation())
    got = hook.wait(1)[0]
    assert (got["method"], got["path"], got["body"]) == ("POST", "/told", b"")
    assert got["headers"]["x-rihla-event"] == f"Observation/{one['id']}/_history/{one['meta']['versionId']}"
    assert "content-type" not in got["headers"] and "x-rihla-signature" not in got["headers"]
    time.sleep(0.3)
    assert len(hook.got) == 1
    assert metric(live, "rihla_subscription_deliveries_total") == 1
    assert metric(live, 'rihla_subscriptions{status="active"}') == 1


def test_with_payload_a_put_of_the_resource_with_headers_and_signature(live, hook):
    header = ["Authorization: Bearer abc", f"X-Rihla-Secret: {SECRET}"]
    sub = activate(live, subscription(hook.url + "/base/", channel={"payload": "application/fhir+json", "header": header}))
    one = live.create(observation(note=[{"text": "مرحبا"}]))
    got = hook.wait(1)[0]
    assert (got["method"], got["path"]) == ("PUT", f"/base/Observation/{one['id']}")
    assert json.loads(got["body"]) == live.get(f"/Observation/{one['id']}").json()
    headers = got["headers"]
    assert headers["authorization"] == "Bearer abc" and headers["content-type"] == "application/fhir+json"
    assert headers["x-rihla-subscription"] == sub["id"] and "x-rihla-secret" not in headers
    seconds, mac = (part.split("=")[1] for part in headers["x-rihla-signature"].split(","))
    assert abs(int(seconds) - time.time()) < 60
    assert hmac.new(SECRET.encode(), seconds.encode() + b"." + got["body"], hashlib.sha256).hexdigest() == mac


def test_payload_as_xml(live, hook):
    activate(live, subscription(hook.url, channel={"payload": "application/fhir+xml"}))
    live.create(observation())
    got = hook.wait(1)[0]
    assert xml.etree.ElementTree.fromstring(got["body"]).tag == "{http://hl7.org/fhir}Observation"


def test_updates_are_told_and_deletions_and_leaving_are_not(live, hook):
    activate(live, subscription(hook.url, "Observation?code=1975-2", channel={"payload": "application/fhir+json"}))
    one = live.create(observation("other"))
    live.send("PUT", f"/Observation/{one['id']}", observation(id=one["id"]))
    hook.wait(1)
    live.send("PUT", f"/Observation/{one['id']}", observation("other", id=one["id"]))
    live.send("DELETE", f"/Observation/{one['id']}")
    last = live.create(observation())
    hook.wait(2)
    assert hook.paths() == [f"/Observation/{one['id']}", f"/Observation/{last['id']}"]


def test_a_chain_as_criteria(live, hook):
    activate(live, subscription(hook.url, "Observation?subject:Patient.family=Kowalska"))
    yes = live.create({"resourceType": "Patient", "name": [{"family": "Kowalska"}]})
    no = live.create({"resourceType": "Patient", "name": [{"family": "Nowak"}]})
    live.create(observation(subject={"reference": f"Patient/{no['id']}"}))
    one = live.create(observation(subject={"reference": f"Patient/{yes['id']}"}))
    assert one["id"] in hook.wait(1)[0]["headers"]["x-rihla-event"]
    time.sleep(0.3)
    assert len(hook.got) == 1


def test_a_value_set_as_criteria(live, hook):
    codes = {"resourceType": "ValueSet", "id": "some", "url": "http://example.org/some", "status": "active", "compose": {
        "include": [{"system": "http://loinc.org", "concept": [{"code": "in-it"}]}]}}
    assert live.send("PUT", "/ValueSet/some", codes).status_code == 201
    activate(live, subscription(hook.url, "Observation?code:in=http://example.org/some"))
    live.create(observation("not-in-it"))
    one = live.create(observation("in-it"))
    assert one["id"] in hook.wait(1)[0]["headers"]["x-rihla-event"]
    wants(live.send("POST", "/Subscription", subscription(hook.url, "Observation?code:in=http://example.org/none")), 422,
          "http://example.org/none")


def test_an_id_that_means_another_place_in_an_address_is_not_sent_there(live, hook):
    activate(live, subscription(hook.url + "/in/side", channel={"payload": "application/fhir+json"}))
    for name in ("..", "."):
        entry = {"resource": {**observation(), "id": name}, "request": {"method": "PUT", "url": f"Observation/{name}"}}
        answer = live.send("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
        assert answer.status_code == 200, answer.text
    live.http.put("/Observation/...", json={**observation(), "id": "..."}, headers={"Content-Type": "application/fhir+json"})
    hook.wait(1)
    assert hook.paths() == ["/in/side/Observation/..."]
    assert sum("is not told of Observation/." in line for line in live.server.errors) == 2


def test_in_the_order_of_the_log(live, hook):
    activate(live, subscription(hook.url, "Patient?", channel={"payload": "application/fhir+json"}))
    entries = [{"resource": {"resourceType": "Patient", "id": f"p{i}"}, "request": {"method": "PUT", "url": f"Patient/p{i}"}}
               for i in range(120)]
    assert live.send("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries}).status_code == 200
    hook.wait(120)
    assert hook.paths() == [f"/Patient/p{i}" for i in range(120)]


def test_off_ends_it_and_requested_begins_anew(live, hook):
    sub = activate(live, subscription(hook.url))
    live.create(observation())
    hook.wait(1)
    off = {**live.get(f"/Subscription/{sub['id']}").json(), "status": "off"}
    assert live.send("PUT", f"/Subscription/{sub['id']}", off).status_code == 200
    time.sleep(0.3)
    live.create(observation())
    time.sleep(0.5)
    assert len(hook.got) == 1
    assert live.send("PUT", f"/Subscription/{sub['id']}", {**off, "status": "requested"}).status_code == 200
    status(live, sub, "active")
    one = live.create(observation())
    assert one["id"] in hook.wait(2)[1]["headers"]["x-rihla-event"]


def test_deleting_the_subscription_ends_it(live, hook):
    sub = activate(live, subscription(hook.url))
    live.send("DELETE", f"/Subscription/{sub['id']}")
    time.sleep(0.3)
    live.create(observation())
    time.sleep(0.5)
    assert not hook.got


def test_at_its_end_it_is_off(live, hook):
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    sub = activate(live, subscription(hook.url, end=end))
    status(live, sub, "off")
    live.create(observation())
    time.sleep(0.5)
    assert not hook.got


def test_failures_are_tried_again(live, hook):
    answers = [500, 503]
    hook.answer = lambda one: answers.pop(0) if answers else 200
    activate(live, subscription(hook.url))
    live.create(observation())
    hook.wait(1)
    assert metric(live, "rihla_subscription_failures_total") == 2


def test_after_the_last_attempt_error_and_then_it_goes_on_from_there(live, hook):
    hook.answer = 500
    sub = activate(live, subscription(hook.url, channel={"payload": "application/fhir+json"}))
    made = [live.create(observation())["id"] for _ in range(3)]
    now = status(live, sub, "error", 30)
    assert "3 attempts" in now["error"] and "500" in now["error"]
    made.append(live.create(observation())["id"])
    hook.answer = 200
    again = {**now, "status": "requested"}
    assert live.send("PUT", f"/Subscription/{sub['id']}", again).status_code == 200
    hook.wait(4)
    assert hook.paths() == [f"/Observation/{one}" for one in made]
    assert "error" not in status(live, sub, "active")


def test_redirects_are_not_followed(live, hook):
    other = Hook()
    hook.answer, hook.more = 307, {"Location": other.url}
    sub = activate(live, subscription(hook.url))
    live.create(observation())
    assert "redirects are not followed" in status(live, sub, "error", 30)["error"]
    assert not other.got
    other.close()


def test_a_slow_endpoint_holds_nobody_up(tmp_path, hook):
    release = threading.Event()
    slow = Hook(lambda one: release.wait(20) and 200)
    server = Server(tmp_path / "rihla", "--hook", hook.url, "--hook", slow.url)
    with server.client() as client:
        fhir = Fhir(server, client)
        activate(fhir, subscription(slow.url))
        activate(fhir, subscription(hook.url))
        begin = time.time()
        for _ in range(20):
            fhir.create(observation())
        hook.wait(20)
        assert time.time() - begin < 8 and not slow.got
        assert metric(fhir, "rihla_subscription_behind") >= 19
        release.set()
        slow.wait(20)
    server.stop()
    slow.close()


def test_ten_subscriptions(live, hook):
    for i in range(10):
        activate(live, subscription(f"{hook.url}/{i}", f"Observation?code=c{i % 5}"))
    for i in range(50):
        live.create(observation(f"c{i % 5}"))
    hook.wait(100)
    assert sorted(hook.paths()) == sorted(f"/{i}" for i in range(10) for _ in range(10))


def test_a_kill_in_between_loses_nothing(tmp_path, hook):
    places, made = tmp_path / "rihla", []
    server = Server(places, "--hook", hook.url, "--hook-retries", "50")
    with server.client() as client:
        fhir = Fhir(server, client)
        activate(fhir, subscription(hook.url, channel={"payload": "application/fhir+json"}))
    for round_ in range(3):
        hook.answer = 200 if round_ else 503
        with server.client() as client:
            fhir = Fhir(server, client)
            made += [fhir.create(observation())["id"] for _ in range(15)]
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(10)
        server = Server(places, "--hook", hook.url, "--hook-retries", "50")
    wanted = [f"/Observation/{one}" for one in made]
    until(lambda: set(wanted) <= set(hook.paths()))
    firsts = list(dict.fromkeys(hook.paths()))
    assert firsts == wanted
    server.stop()


def test_an_orderly_end_repeats_nothing(tmp_path, hook):
    server = Server(tmp_path / "rihla", "--hook", hook.url)
    for _ in range(2):
        with server.client() as client:
            fhir = Fhir(server, client)
            if not hook.got:
                activate(fhir, subscription(hook.url))
            before = len(hook.got)
            fhir.create(observation())
            hook.wait(before + 1)
            time.sleep(0.2)
        server.stop()
        server = Server(tmp_path / "rihla", "--hook", hook.url)
    time.sleep(0.5)
    server.stop()
    assert len(hook.got) == 2


def test_an_active_one_from_elsewhere_tells_nobody_anything(tmp_path, hook):
    first = Server(tmp_path / "rihla", "--hook", hook.url)
    with first.client() as client:
        sub = activate(Fhir(first, client), subscription(hook.url))
    first.stop()
    (tmp_path / "rihla" / "subscriptions.json").unlink()  # as in a directory made from a backup
    server = Server(tmp_path / "rihla", "--hook", hook.url)
    with server.client() as client:
        fhir = Fhir(server, client)
        assert "not activated by this server" in status(fhir, sub, "error")["error"]
        fhir.create(observation())
        time.sleep(0.5)
    server.stop()
    assert not hook.got
