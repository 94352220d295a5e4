"""A little fine-tuning API on loopback whose faults are scripted, so that tests see what is really sent.

In: faults, each for the next request that fits it. Out: the requests as they came, the jobs as made.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Request:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """What goes back; `cut` ends the connection after so many bytes of the body."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None


Act = Callable[[], Reply]
Fault = Callable[[Act], Reply | None]


def answer(body: Any, status: int = 200, **headers: str) -> Fault:
    """Answer with this instead of acting; text and bytes go as they are, anything else as JSON."""
    data = (
        body
        if isinstance(body, bytes)
        else body.encode()
        if isinstance(body, str)
        else json.dumps(body).encode()
    )
    return lambda act: Reply(status, data, {"Content-Type": "application/json", **headers})


def act_then_answer(status: int) -> Fault:
    """Do what was asked, then answer with an error all the same."""

    def fault(act: Act) -> Reply:
        act()
        return Reply(
            status, b'{"error": {"message": "the server broke"}}', {"Content-Type": "application/json"}
        )

    return fault


def drop_before(act: Act) -> None:
    """Hang up without having done anything."""


def drop_after(act: Act) -> None:
    """Do what was asked and hang up."""
    act()


def half_a_reply(act: Act) -> Reply:
    """Do what was asked and hang up in the middle of the answer."""
    reply = act()
    reply.cut = len(reply.body) // 2
    return reply


def stall(seconds: float) -> Fault:
    """Do what was asked, and answer late."""

    def fault(act: Act) -> Reply:
        reply = act()
        time.sleep(seconds)
        return reply

    return fault


def hold(until: threading.Event) -> Fault:
    """Do what was asked, and answer only when the test says so."""

    def fault(act: Act) -> Reply:
        reply = act()
        until.wait(timeout=60)
        return reply

    return fault


class ScriptedServer:
    """The service: files, jobs, events; and the faults that the next requests meet."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.jobs: list[dict[str, Any]] = []
        self.files: list[str] = []
        self.events: list[dict[str, Any]] = []
        self.faults: list[tuple[str, str, Fault]] = []
        self.hides_jobs = False
        self.ignores_metadata = False
        self.chat: Callable[[str, str], str] = lambda model, prompt: prompt.upper()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def fail(self, method: str, path: str, *faults: Fault) -> None:
        """Let the next requests of this method, whose path ends so, meet these faults, one each."""
        self.faults += [(method, path, fault) for fault in faults]

    def count(self, method: str, path: str) -> int:
        """Count the requests of this method whose path ends so."""
        return sum(r.method == method and r.path.endswith(path) for r in self.requests)

    def close(self) -> None:
        """Stop listening."""
        self._http.shutdown()
        self._http.server_close()

    def respond(self, request: Request) -> Reply | None:
        """Answer one request, by the script first."""
        self.requests.append(request)
        for index, (method, path, fault) in enumerate(self.faults):
            if request.method == method and request.path.endswith(path):
                del self.faults[index]
                return fault(lambda: self._act(request))
        return self._act(request)

    def _act(self, request: Request) -> Reply:
        parts = request.path.removeprefix("/v1").strip("/").split("/")
        body = json.loads(request.body) if request.body[:1] == b"{" else {}
        match request.method, parts:
            case "POST", ["files"]:
                self.files.append(f"file-{len(self.files) + 1}")
                return _json({"id": self.files[-1], "object": "file"})
            case "GET", ["files", file_id]:
                return _json({"id": file_id}) if file_id in self.files else _missing(file_id)
            case "POST", ["fine_tuning", "jobs"]:
                return _json(self._create(body))
            case "GET", ["fine_tuning", "jobs"]:
                return _json(self._list(request.query))
            case "GET", ["fine_tuning", "jobs", job_id]:
                found = [job for job in self.jobs if job["id"] == job_id]
                return _json(found[0]) if found else _missing(job_id)
            case "GET", ["fine_tuning", "jobs", _, "events"]:
                return _json(_page(self.events, request.query))
            case "GET", ["fine_tuning", "jobs", _, "checkpoints"]:
                return _json({"object": "list", "data": [], "has_more": False})
            case "POST", ["fine_tuning", "jobs", job_id, verb]:
                found = [job for job in self.jobs if job["id"] == job_id]
                found[0]["status"] = {"cancel": "cancelled", "pause": "paused", "resume": "queued"}[verb]
                return _json(found[0])
            case "POST", ["chat", "completions"]:
                message = {
                    "role": "assistant",
                    "content": self.chat(body["model"], body["messages"][-1]["content"]),
                }
                usage = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
                choice = {"index": 0, "finish_reason": "stop", "message": message}
                return _json({"id": "c", "choices": [choice], "usage": usage})
        return _missing(request.path)

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        job = {
            "object": "fine_tuning.job",
            "id": f"ftjob-{len(self.jobs) + 1}",
            "created_at": 1_790_000_000 + len(self.jobs),
            "status": "queued",
            "model": body.get("model"),
            "metadata": body.get("metadata"),
            "training_file": body.get("training_file"),
        }
        self.jobs.append(job)
        return job

    def _list(self, query: dict[str, list[str]]) -> dict[str, Any]:
        wanted = {k[9:-1]: v[0] for k, v in query.items() if k.startswith("metadata[")}
        jobs = [] if self.hides_jobs else list(reversed(self.jobs))
        if not self.ignores_metadata:
            jobs = [job for job in jobs if wanted.items() <= (job["metadata"] or {}).items()]
        return _page(jobs, query)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._serve()

            def do_POST(self) -> None:
                self._serve()

            def do_DELETE(self) -> None:
                self._serve()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

            def _serve(self) -> None:
                url = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                reply = service.respond(Request(self.command, url.path, parse_qs(url.query), headers, body))
                try:
                    self._send(reply)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def _send(self, reply: Reply | None) -> None:
                if reply is None:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body[: reply.cut])
                self.close_connection = self.close_connection or reply.cut is not None

        return Handler


def _json(value: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


def _missing(what: str) -> Reply:
    return _json({"error": {"message": f"no such thing: {what}", "code": "not_found"}}, 404)


def _page(rows: list[dict[str, Any]], query: dict[str, list[str]]) -> dict[str, Any]:
    limit, after = int(query.get("limit", ["20"])[0]), query.get("after", [None])[0]
    ids = [row["id"] for row in rows]
    start = ids.index(after) + 1 if after in ids else 0
    return {"object": "list", "data": rows[start : start + limit], "has_more": start + limit < len(rows)}
