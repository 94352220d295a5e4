"""The judge against a real HTTP server on loopback that answers by script."""

import json
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rftctl.errors import ExitCode, InvalidInputError, ProviderError, StorageError
from rftctl.judge import HttpJudge, JudgeSettings, forget_answers

ASK = [{"role": "user", "content": "how good is this?"}]
KEY = "sk-test-canary-123"


def completion(content='{"steps": [], "result": 0.5}', finish_reason="stop", **message):
    body = {
        "choices": [{"finish_reason": finish_reason, "message": {"content": content, **message}}],
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 3,
            "prompt_tokens_details": {"cached_tokens": 4},
        },
    }
    return 200, {}, json.dumps(body).encode()


def refused(status, message="no", **headers):
    return status, headers, json.dumps({"error": {"message": message, "code": "c"}}).encode()


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.script, self.seen = [completion()], []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server = self.server
        server.seen.append((self.path, dict(self.headers), json.loads(body)))
        answer = server.script.pop(0) if len(server.script) > 1 else server.script[0]
        if answer is None:
            self.close_connection = True
            return
        status, headers, reply = answer
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(reply))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    opened = Server()
    thread = threading.Thread(target=opened.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield opened
    opened.shutdown()
    thread.join()
    opened.server_close()


@pytest.fixture
def open_judge(server, monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", KEY)
    opened = []

    def make(cache=None, **settings):
        settings = {"base_url": server.url, "api_key_env": "JUDGE_KEY", "backoff_s": 0.001, **settings}
        opened.append(HttpJudge(JudgeSettings(**settings), cache))
        return opened[-1]

    yield make
    for judge in opened:
        judge.close()


def test_an_answer_comes_with_its_tokens(open_judge):
    sample, usage = open_judge().sample(ASK)
    assert sample.output_json == {"steps": [], "result": 0.5}
    assert usage == {"prompt_tokens": 10, "completion_tokens": 3, "cached_tokens": 4}


def test_the_request_is_a_chat_completion_with_the_key_in_its_header(open_judge, server):
    open_judge().sample(ASK, response_format={"type": "json_object"}, params={"model": "m", "seed": 1})
    [(path, headers, body)] = server.seen
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert body == {"messages": ASK, "model": "m", "seed": 1, "response_format": {"type": "json_object"}}


def test_another_header_gets_the_bare_key(open_judge, server):
    open_judge(api_key_header="api-key").sample(ASK)
    assert server.seen[0][1]["api-key"] == KEY


def test_the_settings_model_goes_before_the_graders(open_judge, server):
    open_judge(model="office-model").sample(ASK, params={"model": "gpt-4.1"})
    assert server.seen[0][2]["model"] == "office-model"


@pytest.mark.parametrize("broken", [refused(429), refused(500), refused(503, **{"Retry-After": "0"}), None])
def test_a_busy_or_broken_reply_is_tried_again(open_judge, server, broken):
    server.script = [broken, broken, completion()]
    sample, _ = open_judge().sample(ASK)
    assert sample.output_json["result"] == 0.5
    assert len(server.seen) == 3


def test_a_judge_that_stays_busy_is_a_provider_error(open_judge, server):
    server.script = [refused(429, "slow down")]
    with pytest.raises(ProviderError, match="answered 429: slow down") as caught:
        open_judge(max_retries=2).sample(ASK)
    assert len(server.seen) == 3
    assert (caught.value.status, caught.value.exit_code) == (429, ExitCode.PROVIDER)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_for_good_is_not_asked_again(open_judge, server, status):
    server.script = [refused(status)]
    judge = open_judge()
    for _ in range(3):
        with pytest.raises(ProviderError, match=f"answered {status}"):
            judge.sample(ASK)
    assert len(server.seen) == 1


def test_a_bad_request_is_not_retried_but_the_next_question_is_asked(open_judge, server):
    server.script = [refused(400), completion()]
    judge = open_judge()
    with pytest.raises(ProviderError, match="answered 400"):
        judge.sample(ASK)
    assert judge.sample(ASK)[0].output_json["result"] == 0.5


def test_a_judge_that_is_not_there_is_a_provider_error(open_judge):
    with pytest.raises(ProviderError, match="did not answer"):
        open_judge(base_url="http://127.0.0.1:9/v1", max_retries=1).sample(ASK)


@pytest.mark.parametrize("reply", [b"", b"<html>", b"[]", b'{"choices": []}', b'{"choices": [{}]}', b"null"])
def test_a_reply_that_is_no_chat_completion_is_a_provider_error(open_judge, server, reply):
    server.script = [(200, {}, reply)]
    with pytest.raises(ProviderError, match="not a chat completion"):
        open_judge().sample(ASK)


def test_a_redirect_is_not_followed_with_the_key(open_judge, server):
    server.script = [(307, {"Location": f"{server.url}/elsewhere"}, b"")]
    with pytest.raises(ProviderError, match="answered 307"):
        open_judge().sample(ASK)
    assert len(server.seen) == 1


def test_a_refusal_shows_in_the_finish_reason(open_judge, server):
    server.script = [completion(None, refusal="I cannot judge this")]
    sample, _ = open_judge().sample(ASK)
    assert (sample.finish_reason, sample.output_text) == ("refusal", "I cannot judge this")


def test_a_kept_answer_costs_nothing_the_second_time(open_judge, server, tmp_path):
    judge = open_judge(tmp_path / "cache" / "answers.sqlite")
    first, second = judge.sample(ASK), judge.sample(ASK)
    assert first[0] == second[0]
    assert set(second[1].values()) == {0}
    assert len(server.seen) == 1


def test_another_question_is_not_answered_from_the_cache(open_judge, server, tmp_path):
    judge = open_judge(tmp_path / "answers.sqlite")
    judge.sample(ASK)
    judge.sample(ASK, params={"temperature": 0.5})
    assert len(server.seen) == 2


def test_kept_answers_can_be_forgotten(open_judge, server, tmp_path):
    judge = open_judge(tmp_path / "answers.sqlite")
    judge.sample(ASK)
    assert forget_answers(tmp_path / "answers.sqlite") == 1
    judge.sample(ASK)
    assert len(server.seen) == 2


def test_a_broken_cache_is_a_storage_error_with_the_way_out(open_judge, tmp_path):
    (tmp_path / "answers.sqlite").write_bytes(b"this is not a database, not at all" * 100)
    with pytest.raises(StorageError, match="failed") as caught:
        open_judge(tmp_path / "answers.sqlite").sample(ASK)
    assert "delete this file" in caught.value.hint


def test_a_key_never_reaches_the_cache_or_a_message(open_judge, server, tmp_path):
    server.script = [completion(), refused(401, "who are you?")]
    judge = open_judge(tmp_path / "answers.sqlite")
    judge.sample(ASK)
    with pytest.raises(ProviderError) as caught:
        judge.sample(ASK, params={"seed": 2})
    judge.close()
    kept = sqlite3.connect(tmp_path / "answers.sqlite")
    assert KEY not in repr(kept.execute("SELECT * FROM answers").fetchall())
    kept.close()
    assert KEY not in caught.value.message + caught.value.hint


def test_many_threads_share_one_judge(open_judge, server, tmp_path):
    judge = open_judge(tmp_path / "answers.sqlite", concurrency=8)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: judge.sample(ASK, params={"seed": n}), range(64)))
    assert len(answers) == len(server.seen) == 64


def test_a_key_that_is_not_set_is_named_before_anything_is_sent(server, monkeypatch):
    monkeypatch.delenv("JUDGE_KEY", raising=False)
    with pytest.raises(ProviderError, match="JUDGE_KEY is not set"):
        HttpJudge(JudgeSettings(server.url, api_key_env="JUDGE_KEY"))


def test_a_judge_without_a_key_gets_no_header(server):
    judge = HttpJudge(JudgeSettings(server.url, api_key_env=None))
    judge.sample(ASK)
    judge.close()
    assert "Authorization" not in server.seen[0][1]


@pytest.mark.parametrize(
    "base_url", ["ftp://x/v1", "office", "http://example.com/v1", "https://me:secret@example.com/v1"]
)
def test_an_address_that_is_unsafe_is_refused(base_url):
    with pytest.raises(InvalidInputError) as caught:
        HttpJudge(JudgeSettings(base_url, api_key_env=None))
    assert "secret" not in caught.value.message
