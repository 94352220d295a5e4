"""A stateful imitation of the fine-tuning API on loopback that does wrong on request.

In: HTTP. Every test has a world of its own under /w/NAME/v1, so that one server serves many at once;
`PUT /w/NAME` sets a world's options and script, `GET /w/NAME` tells what it saw. Out: replies, or faults.
Run as `python -m tests.faults.server`; it prints its port and lives until its stdin is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.faults.faults import FAULTS, Line, head, prepare

METRICS = "step {step}/{steps} , train mean reward={reward:.2f}"


@dataclass
class Rule:
    """Let requests of this method, whose path fits, meet a fault: after `skip`, and `times` of them."""

    method: str
    path: str
    fault: str
    skip: int = 0
    times: int = 1_000_000

    def takes(self, method: str, path: str) -> bool:
        """Count a request; whether it meets the fault."""
        if method != self.method or not re.search(self.path, path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return self.times >= 0


@dataclass
class World:
    """What one service holds, and how it behaves.

    Attributes:
        visible_after_s: how long a job takes to show up in lists.
        commit_after_s / reply_after_s: pauses before and after a job is really made.
        steps: training steps; a job does one each time it is looked at, and then succeeds.
    """

    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    made_at: dict[str, float] = field(default_factory=dict)
    requests: list[list[str]] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    ignores_metadata: bool = False
    visible_after_s: float = 0.0
    commit_after_s: float = 0.0
    reply_after_s: float = 0.0
    steps: int = 3
    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def configure(self, options: dict[str, Any]) -> None:
        """Take over options; `rules` replaces the script, `forget` empties the log."""
        if options.pop("forget", False):
            self.requests.clear()
        self.rules = [Rule(**rule) for rule in options.pop("rules", [])]
        for name, value in options.items():
            setattr(self, name, value)

    def report(self) -> dict[str, Any]:
        """What was seen: requests, jobs as made, files."""
        return {
            "requests": self.requests,
            "jobs": self.jobs,
            "files": list(self.files),
            "bodies": self.bodies,
        }

    async def act(self, method: str, path: str, query: dict[str, str], body: bytes) -> tuple[int, Any]:
        """Do what a request asks for and return status and body."""
        parts = path.strip("/").split("/")
        match method, parts:
            case "POST", ["files"]:
                return 200, self._upload(body)
            case "GET", ["files"]:
                return 200, _page(list(self.files.values()), query)
            case "GET", ["files", name] if name in self.files:
                return 200, self.files[name]
            case "GET", ["files", name, "content"] if name in self.contents:
                return 200, self.contents[name]
            case "DELETE", ["files", name] if name in self.files:
                del self.files[name]
                return 200, {"id": name, "object": "file", "deleted": True}
            case "POST", ["fine_tuning", "jobs"]:
                return 200, await self._create(json.loads(body))
            case "GET", ["fine_tuning", "jobs"]:
                return 200, self._list(query)
            case _, ["fine_tuning", "jobs", job_id, *rest]:
                return self._on_job(method, job_id, rest, query)
            case "GET", ["models"]:
                return 200, {"object": "list", "data": [{"id": "lab-model", "object": "model"}]}
            case "POST", ["chat", "completions"]:
                return 200, _chat(json.loads(body))
        return 404, _error(f"no such thing: {path}")

    def _upload(self, body: bytes) -> dict[str, Any]:
        name = f"file-{len(self.contents) + 1}"
        found = re.search(rb'filename="([^"]*)"[^\n]*\n(?:[^\r\n]+\r?\n)*\r?\n(.*?)\r?\n--', body, re.S)
        filename, content = (found[1].decode(), found[2]) if found else ("x", b"")
        self.contents[name] = content
        self.files[name] = {"id": name, "object": "file", "bytes": len(content), "created_at": 1_790_000_000}
        self.files[name] |= {"filename": filename, "purpose": "fine-tune", "status": "processed"}
        return self.files[name]

    async def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(self.commit_after_s)
        job_id = f"ftjob-{len(self.jobs) + 1}"
        job = {"object": "fine_tuning.job", "id": job_id, "created_at": 1_790_000_000 + len(self.jobs)}
        job |= {"status": "queued", "model": body.get("model"), "metadata": body.get("metadata")}
        job |= {"training_file": body.get("training_file"), "validation_file": body.get("validation_file")}
        job |= {"fine_tuned_model": None, "finished_at": None, "error": None, "result_files": []}
        job |= {"organization_id": "org-1", "seed": body.get("seed") or 7, "trained_tokens": None}
        job |= {"hyperparameters": {}, "method": body.get("method"), "estimated_finish": None}
        self.jobs.append(job)
        self.made_at[job_id] = _now()
        self.events[job_id] = [_event(job_id, 0, "Created fine-tuning job")]
        reply = dict(job)
        await asyncio.sleep(self.reply_after_s)
        return reply

    def _list(self, query: dict[str, str]) -> dict[str, Any]:
        wanted = {k[9:-1]: v for k, v in query.items() if k.startswith("metadata[")}
        jobs = [
            job for job in reversed(self.jobs) if _now() - self.made_at[job["id"]] >= self.visible_after_s
        ]
        if not self.ignores_metadata:
            jobs = [job for job in jobs if wanted.items() <= (job["metadata"] or {}).items()]
        return _page(jobs, query)

    def _on_job(self, method: str, job_id: str, rest: list[str], query: dict[str, str]) -> tuple[int, Any]:
        found = [job for job in self.jobs if job["id"] == job_id]
        if not found:
            return 404, _error(f"no such job: {job_id}")
        job = found[0]
        match method, rest:
            case "GET", []:
                self._train(job)
                return 200, job
            case "GET", ["events"]:
                return 200, _page(self.events[job_id][::-1], query)
            case "GET", ["checkpoints"]:
                return 200, _page([_checkpoint(job)] if job["status"] == "succeeded" else [], query)
            case "POST", [("cancel" | "pause" | "resume") as verb]:
                job["status"] = {"cancel": "cancelled", "pause": "paused", "resume": "queued"}[verb]
                return 200, job
        return 404, _error("no such thing")

    def _train(self, job: dict[str, Any]) -> None:
        """Do one step, or come to the end."""
        if job["status"] not in ("queued", "running"):
            return
        events, job["status"] = self.events[job["id"]], "running"
        step = sum(event["type"] == "metrics" for event in events) + 1
        if step > self.steps:
            job |= {
                "status": "succeeded",
                "fine_tuned_model": "ft:lab-model:tuned",
                "finished_at": 1_790_000_999,
            }
            events.append(_event(job["id"], len(events), "The job has successfully completed"))
            return
        text = METRICS.format(step=step, steps=self.steps, reward=step / 10)
        scores = {"train_reward_mean": step / 10, "valid_reward_mean": step / 11}
        metrics = {"step": step, "scores": scores, "timing": {"step": {"full": 5.0}}}
        events.append(_event(job["id"], len(events), text, metrics))


class Server:
    """All worlds, and the connections to them."""

    def __init__(self) -> None:
        self.worlds: dict[str, World] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until it ends."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            while not writer.is_closing():
                await self._exchange(reader, writer)
        with contextlib.suppress(ConnectionError, OSError):
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        start = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = start.strip().split("\r\n")
        method, target, _ = first.split(" ")
        headers = {n.lower(): v for n, _, v in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        url = urlsplit(target)
        _, _, name, *rest = url.path.split("/")
        world = self.worlds.setdefault(name, World())
        if not rest:
            await self._control(world, method, body, writer)
            return
        path = "/" + "/".join(rest[1:])
        key = headers.get("authorization", "").removeprefix("Bearer ")
        await self._api(world, method, path, url.query, body, key, writer)

    async def _control(self, world: World, method: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        if method == "PUT":
            world.configure(json.loads(body))
        data = json.dumps(world.report()).encode()
        writer.write(head(200, len(data), "application/json") + data)
        await writer.drain()

    async def _api(
        self,
        world: World,
        method: str,
        path: str,
        query: str,
        body: bytes,
        key: str,
        writer: asyncio.StreamWriter,
    ) -> None:
        world.requests.append([method, path])
        if (method, path) == ("POST", "/fine_tuning/jobs"):
            world.bodies.append(body.decode("utf-8", "replace"))
        fault = next((FAULTS[rule.fault] for rule in world.rules if rule.takes(method, path)), None)
        flat = {k: v[-1] for k, v in parse_qs(query).items()}
        # What a reply looks like to a request that was not acted upon, where a fault needs one to spoil.
        status, reply = 200, {"id": "none", "object": "x", "status": "queued", "created_at": 1}
        if fault is None or fault.acts:
            status, reply = await world.act(method, path, flat, body)
        if fault is not None and fault.reshape and "data" in reply:
            reply = fault.reshape(reply)
        line = Line(writer, key, reply, status=status)
        if fault is not None and fault.respond:
            await fault.respond(line)
        else:
            await line.send(line.encoded(), status)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _error(message: str) -> dict[str, Any]:
    return {
        "error": {"message": message, "type": "invalid_request_error", "code": "not_found", "param": None}
    }


def _event(job_id: str, number: int, message: str, data: dict[str, Any] | None = None) -> dict[str, Any]:
    event = {"object": "fine_tuning.job.event", "id": f"ev-{job_id}-{number}", "message": message}
    event |= {"created_at": 1_790_000_000 + number, "level": "info", "type": "metrics" if data else "message"}
    return event | ({"data": data} if data else {})


def _checkpoint(job: dict[str, Any]) -> dict[str, Any]:
    point = {"object": "fine_tuning.job.checkpoint", "id": "ckpt-1", "created_at": 1_790_000_900}
    point |= {"fine_tuned_model_checkpoint": "ft:lab-model:tuned:ckpt", "fine_tuning_job_id": job["id"]}
    return point | {"metrics": {"step": 3, "full_valid_mean_reward": 0.3}, "step_number": 3}


def _chat(body: dict[str, Any]) -> dict[str, Any]:
    last = str(body["messages"][-1]["content"])
    message = {"role": "assistant", "content": "word" + "".join(c for c in last if c.isdigit())}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    usage = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [choice],
        "usage": usage,
    }


def _page(rows: list[dict[str, Any]], query: dict[str, str]) -> dict[str, Any]:
    limit, after = int(query.get("limit", "20")), query.get("after")
    ids = [row["id"] for row in rows]
    start = ids.index(after) + 1 if after in ids else 0
    return {"object": "list", "data": rows[start : start + limit], "has_more": start + limit < len(rows)}


async def main() -> None:
    """Serve until stdin ends; the port is the first line of stdout."""
    prepare()
    server = await asyncio.start_server(Server().serve, "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    # Connections that wait on purpose are not waited for.
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
