"""A model judge that answers after 200 ms: gradings per second beside the limit and beside aiohttp.

The limit is concurrency / 0.2 s. Wall time; server and client share the machine. The server runs in a process
of its own; so does aiohttp, which only posts the same question and reads the reply.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from rftctl.dataset import Sample
from rftctl.graders import build_grader
from rftctl.judge import HttpJudge, JudgeSettings
from tests.bench._peers import pip_peer, say

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
COMMAND = [sys.executable, "-m", "tests.bench.judging", "--serve"]
DELAY_S = 0.2
N = 2_000
ROUNDS = 3
AIMS = {50: 0.9, 200: 0.6}
GRADER = {
    "type": "score_model",
    "name": "judge",
    "model": "m",
    "input": [{"role": "user", "content": "Compare {{sample.output_text}} with {{item.answer}}."}],
}
_MESSAGE = {"role": "assistant", "content": '{"steps": [], "result": 0.5}'}
REPLY = json.dumps(
    {
        "choices": [{"index": 0, "finish_reason": "stop", "message": _MESSAGE}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 9},
    }
).encode()
RAW = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(REPLY),
    REPLY,
)

PEER = """
import asyncio, json, sys, time, aiohttp
url, n, concurrency = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
async def main():
    limiter = asyncio.Semaphore(concurrency)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency)) as session:
        async def ask(i):
            async with limiter:
                question = {"role": "user", "content": f"Compare output {i} with {i}."}
                body = {"messages": [question], "model": "m"}
                async with session.post(url + "/chat/completions", json=body) as reply:
                    json.loads((await reply.json())["choices"][0]["message"]["content"])["result"]
        await asyncio.gather(*(ask(i) for i in range(concurrency)))
        start, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(ask(i) for i in range(n)))
        print(time.perf_counter() - start, time.process_time() - cpu)
asyncio.run(main())
"""


class Answering(asyncio.Protocol):
    """Reads requests with a Content-Length and answers each after the delay."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(rest) >= length:
            self.buffer = rest[length:]
            asyncio.get_running_loop().call_later(DELAY_S, self.transport.write, RAW)  # type: ignore[attr-defined]


async def serve() -> None:
    """Listen on a free port of this machine, say which, and answer until killed."""
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0, backlog=1024)
    say(str(server.sockets[0].getsockname()[1]))
    await server.serve_forever()


def ours(url: str, concurrency: int) -> tuple[float, float]:
    """Grade N samples; wall and CPU seconds."""
    pairs = [(Sample(f"output {n}"), {"answer": str(n)}) for n in range(N)]
    judge = HttpJudge(JudgeSettings(url, api_key_env=None, concurrency=concurrency))
    with closing(judge), closing(build_grader(GRADER, sampler=judge)) as grader:
        grader.grade_batch(pairs[:concurrency])
        start, cpu = time.perf_counter(), time.process_time()
        grades = grader.grade_batch(pairs)
        taken = time.perf_counter() - start, time.process_time() - cpu
    assert all(grade.reward == 0.5 for grade in grades)
    return taken


def aiohttp(python: Path, url: str, concurrency: int) -> tuple[float, float]:
    """Ask N questions with aiohttp; wall and CPU seconds."""
    command = [str(python), "-c", PEER, url, str(N), str(concurrency)]
    wall, cpu = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(wall), float(cpu)


def main() -> None:
    """Measure and print."""
    python = pip_peer("aiohttp")
    server = subprocess.Popen(COMMAND, cwd=HERE.parents[1], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        for concurrency, aim in AIMS.items():
            ways: dict[str, Callable[[], tuple[float, float]]] = {
                "rftctl": lambda c=concurrency: ours(url, c)  # type: ignore[misc]
            }
            if python is not None:
                ways["aiohttp"] = lambda c=concurrency: aiohttp(python, url, c)  # type: ignore[misc]
            report(ways, concurrency, aim)
    finally:
        server.kill()
        server.wait()


def report(ways: dict[str, Callable[[], tuple[float, float]]], concurrency: int, aim: float) -> None:
    """Run the ways in turn and print the median of each."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            taken[name].append(way())
    limit = concurrency / DELAY_S
    for name, rounds in taken.items():
        rate = N / statistics.median(wall for wall, _ in rounds)
        cpu_ms = 1000 * statistics.median(cpu for _, cpu in rounds) / N
        wanted = f"   aim >= {aim}" if name == "rftctl" else ""
        share = f"{rate / limit:.2f} of the limit, {cpu_ms:.2f} ms CPU each{wanted}"
        say(f"{concurrency:4} at once  {name:8} {rate:6.0f}/s  {share}")


if __name__ == "__main__":
    asyncio.run(serve()) if "--serve" in sys.argv else main()
