"""The wire against a real server on loopback: what is sent, how often, and what every fault becomes."""

from __future__ import annotations

import gzip
import json
import socket
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from rftctl.errors import OutcomeUnknownError, ProviderError, RftctlError
from rftctl.home import Home
from rftctl.providers import bounded, connect
from tests.providers.conftest import KEY
from tests.providers.scripted_server import (
    ScriptedServer,
    act_then_answer,
    answer,
    drop_after,
    drop_before,
    half_a_reply,
    stall,
)

if TYPE_CHECKING:
    from pathlib import Path

    from rftctl.providers.base import Answer, Provider
    from tests.providers.scripted_server import Fault

JOBS = "/fine_tuning/jobs"
REQUEST = {"model": "m", "training_file": "file-1", "metadata": {"rftctl_launch": "l1"}}

UNKNOWN: dict[str, Fault] = {
    "hung up after the act": drop_after,
    "hung up before the act": drop_before,
    "half a reply": half_a_reply,
    "too late": stall(1.5),
    "500": act_then_answer(500),
    "502": act_then_answer(502),
    "503": act_then_answer(503),
    "504": act_then_answer(504),
}
REFUSED: dict[str, Fault] = {
    "400": answer({"error": {"message": "bad model"}}, 400),
    "401": answer({"error": {"message": "bad key"}}, 401),
    "403": answer({"error": {"message": "no"}}, 403),
    "409": answer({"error": {"message": "busy"}}, 409),
    "422": answer({"detail": "no"}, 422),
    "429": answer({"error": {"message": "slow down"}}, 429),
    "307": answer("", 307, Location="/v1/fine_tuning/jobs"),
}
UNUSABLE: dict[str, Fault] = {
    "HTML": answer("<html>welcome</html>", **{"Content-Type": "text/html"}),
    "a list": answer([1, 2]),
    "no id": answer({"status": "queued"}),
    "a null id": answer({"id": None, "status": "queued"}),
    "an empty body": answer(""),
    "broken JSON": answer('{"id": "ftjob-'),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_create_without_a_clear_answer_is_sent_once_and_its_outcome_unknown(
    name: str, provider: Provider, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RFTCTL_DEADLINE_S", "0.7")
    server.fail("POST", JOBS, UNKNOWN[name])
    with pytest.raises(OutcomeUnknownError) as caught:
        provider.create_job(REQUEST)
    assert server.count("POST", JOBS) == 1
    assert caught.value.hint


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_create_is_sent_once_and_known_to_have_done_nothing(
    name: str, provider: Provider, server: ScriptedServer
) -> None:
    server.fail("POST", JOBS, REFUSED[name])
    with pytest.raises(ProviderError) as caught:
        provider.create_job(REQUEST)
    assert server.count("POST", JOBS) == 1
    assert caught.value.status == int(name)
    assert server.jobs == []


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_create_answered_by_something_else_is_sent_once_and_refused_in_one_line(
    name: str, provider: Provider, server: ScriptedServer
) -> None:
    server.fail("POST", JOBS, UNUSABLE[name])
    with pytest.raises((ProviderError, OutcomeUnknownError)) as caught:
        provider.create_job(REQUEST)
    assert server.count("POST", JOBS) == 1
    assert "\n" not in caught.value.message


def test_a_refused_connection_carried_nothing(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    provider = connect("lab", Home(tmp_path, providers={"lab": {"base_url": url}}), {})
    with pytest.raises(ProviderError, match="was not reached") as caught:
        provider.create_job(REQUEST)
    assert caught.value.hint == "check the network and the base URL"
    provider.close()


@pytest.mark.parametrize("name", ["hung up after the act", "half a reply"])
def test_an_upload_is_never_repeated(
    name: str, provider: Provider, server: ScriptedServer, tmp_path: Path
) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text("{}\n")
    server.fail("POST", "/files", UNKNOWN[name])
    with pytest.raises(OutcomeUnknownError):
        provider.upload(path)
    assert server.count("POST", "/files") == 1


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume"])
def test_a_control_call_is_never_repeated(verb: str, provider: Provider, server: ScriptedServer) -> None:
    job = provider.create_job(REQUEST)
    server.fail("POST", verb, drop_after)
    with pytest.raises(OutcomeUnknownError):
        getattr(provider, verb)(job.id)
    assert server.count("POST", verb) == 1


def test_a_created_job_is_read_and_its_request_is_what_was_given(
    provider: Provider, server: ScriptedServer
) -> None:
    job = provider.create_job(
        {**REQUEST, "method": {"type": "reinforcement", "reinforcement": {"x": {"a": 1}}}}
    )
    assert (job.id, job.status, job.metadata) == ("ftjob-1", "queued", {"rftctl_launch": "l1"})
    assert b'"reinforcement": {"x": {"a": 1}}' in server.requests[0].body.replace(b'":{', b'": {').replace(
        b'":1', b'": 1'
    )


def test_an_upload_carries_the_file_and_its_purpose(
    provider: Provider, server: ScriptedServer, tmp_path: Path
) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"messages": []}\n')
    assert provider.upload(path) == "file-1"
    body = server.requests[0].body
    assert b'{"messages": []}\n' in body
    assert b"fine-tune" in body
    assert b"train.jsonl" in body


@pytest.mark.parametrize("name", ["HTML", "no id", "an empty body"])
def test_an_upload_without_an_id_is_refused(
    name: str, provider: Provider, server: ScriptedServer, tmp_path: Path
) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text("{}\n")
    server.fail("POST", "/files", UNUSABLE[name])
    with pytest.raises((ProviderError, OutcomeUnknownError)):
        provider.upload(path)


def test_reading_is_repeated_until_it_works(provider: Provider, server: ScriptedServer) -> None:
    provider.create_job(REQUEST)
    server.fail("GET", "ftjob-1", answer({"error": {"message": "x"}}, 500), drop_before)
    assert provider.job("ftjob-1").id == "ftjob-1"
    assert server.count("GET", "ftjob-1") == 3


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_job_read_as_something_else_is_refused(
    name: str, provider: Provider, server: ScriptedServer
) -> None:
    server.fail("GET", "ftjob-1", *[UNUSABLE[name]] * 3)
    with pytest.raises(ProviderError):
        provider.job("ftjob-1")


def test_a_file_that_is_gone_is_not_there(provider: Provider, server: ScriptedServer) -> None:
    server.files.append("file-9")
    assert provider.has_file("file-9")
    assert not provider.has_file("file-10")


@pytest.mark.parametrize("reply", [{"deleted": True}, {}, [], "", "<html>welcome</html>"])
def test_a_removal_is_believed_when_it_is_said_or_the_file_is_seen_to_be_gone(
    provider: Provider, server: ScriptedServer, reply: Any
) -> None:
    server.fail("DELETE", "file-9", answer(reply))
    assert provider.delete_file("file-9")


@pytest.mark.parametrize("reply", [{}, {"deleted": False}, "<html>welcome</html>"])
def test_a_removal_that_nobody_confirms_is_not_believed(
    provider: Provider, server: ScriptedServer, reply: Any
) -> None:
    server.files.append("file-9")
    server.fail("DELETE", "file-9", answer(reply))
    with pytest.raises(ProviderError, match="does not say that 'file-9' was removed"):
        provider.delete_file("file-9")


def test_metadata_is_filtered_here_when_the_server_ignores_the_filter(
    provider: Provider, server: ScriptedServer
) -> None:
    server.ignores_metadata = True
    for launch in ("l1", "l2", "l1"):
        provider.create_job({**REQUEST, "metadata": {"rftctl_launch": launch, "other": "x"}})
    provider.create_job({"model": "m", "training_file": "f"})
    assert [job.id for job in provider.find_jobs({"rftctl_launch": "l1"})] == ["ftjob-3", "ftjob-1"]
    assert server.requests[-1].query["metadata[rftctl_launch]"] == ["l1"]


def test_a_job_is_found_on_a_later_page(provider: Provider, server: ScriptedServer) -> None:
    server.ignores_metadata = True
    provider.create_job(REQUEST)
    for _ in range(250):
        server._create({"metadata": {}})
    assert [job.id for job in provider.find_jobs({"rftctl_launch": "l1"})] == ["ftjob-1"]


def metrics(n: int, at: int | None = None) -> dict[str, Any]:
    data = {"step": n, "train_mean_reward": n / 1000}
    return {
        "id": f"e{n}",
        "created_at": at or n,
        "type": "metrics",
        "message": "",
        "level": "info",
        "data": data,
    }


def test_events_come_oldest_first_from_every_page(provider: Provider, server: ScriptedServer) -> None:
    server.events = [metrics(n) for n in range(250, 0, -1)]
    assert [event.step for event in provider.events("ftjob-1")] == list(range(1, 251))


def test_events_of_one_second_are_ordered_by_step(provider: Provider, server: ScriptedServer) -> None:
    server.events = [metrics(n, at=5) for n in (2, 3, 1)]
    assert [event.step for event in provider.events("ftjob-1")] == [1, 2, 3]


def test_reading_stops_one_page_after_a_known_event(provider: Provider, server: ScriptedServer) -> None:
    server.events = [metrics(n) for n in range(1000, 0, -1)]
    found = provider.events("ftjob-1", {"e990"})
    assert {f"e{n}" for n in range(890, 1001)} <= {event.id for event in found}
    assert server.count("GET", "/events") <= 3


def test_an_event_given_twice_is_one(provider: Provider, server: ScriptedServer) -> None:
    server.events = [metrics(2), metrics(1), metrics(2)]
    assert [event.step for event in provider.events("ftjob-1")] == [1, 2]


@pytest.mark.parametrize("ids", [["e1"], ["e1", "e2"]])
def test_a_server_that_pages_in_circles_is_left(
    ids: list[str], provider: Provider, server: ScriptedServer
) -> None:
    pages = [answer({"data": [metrics(int(i[1:]))], "has_more": True}) for i in ids]
    server.fail("GET", "/events", *pages * 50)
    assert [event.id for event in provider.events("ftjob-1")] == ids
    assert server.count("GET", "/events") <= len(ids) + 1


def test_an_empty_page_that_promises_more_ends_the_reading(
    provider: Provider, server: ScriptedServer
) -> None:
    server.fail("GET", "/events", *[answer({"data": [], "has_more": True})] * 50)
    assert provider.events("ftjob-1") == []
    assert server.count("GET", "/events") == 1


@pytest.mark.parametrize("row", [{"message": "no id"}, {"id": 5}, {"id": None}])
def test_an_event_that_cannot_be_read_is_a_provider_error(
    row: dict[str, Any], provider: Provider, server: ScriptedServer
) -> None:
    server.fail("GET", "/events", answer({"data": [row], "has_more": False}))
    with pytest.raises(ProviderError):
        provider.events("ftjob-1")


def test_a_checkpoint_that_cannot_be_read_is_a_provider_error(
    provider: Provider, server: ScriptedServer
) -> None:
    server.fail("GET", "/checkpoints", answer({"data": [{"id": "cp"}], "has_more": False}))
    with pytest.raises(ProviderError):
        provider.checkpoints("ftjob-1")


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "check the key"), (403, "may not"), (404, "another project"), (429, "wait and run")],
)
def test_a_refusal_says_the_way_out(
    status: int, words: str, provider: Provider, server: ScriptedServer
) -> None:
    body = {"error": {"message": "the server's own words", "code": "its_code"}}
    server.fail("GET", "ftjob-1", *[answer(body, status, **{"Retry-After": "0"})] * 3)
    with pytest.raises(ProviderError, match="the server's own words") as caught:
        provider.job("ftjob-1")
    assert words in caught.value.hint
    assert (caught.value.status, caught.value.code) == (status, "its_code")


def test_what_a_server_says_is_one_harmless_line(provider: Provider, server: ScriptedServer) -> None:
    server.fail("GET", "ftjob-1", answer({"error": {"message": "\x1b[2J\nred\u202e" + "x" * 9999}}, 400))
    with pytest.raises(ProviderError) as caught:
        provider.job("ftjob-1")
    assert "\x1b" not in caught.value.message
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 400


@pytest.mark.parametrize("name", [*UNKNOWN, *REFUSED, *UNUSABLE])
def test_the_key_is_in_no_message(
    name: str, provider: Provider, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RFTCTL_DEADLINE_S", "0.7")
    server.fail("POST", JOBS, (UNKNOWN | REFUSED | UNUSABLE)[name])
    with pytest.raises(RftctlError) as caught:
        provider.create_job(REQUEST)
    error: BaseException | None = caught.value
    while error is not None:
        assert KEY not in f"{error!r} {error} {getattr(error, 'hint', '')}"
        error = error.__cause__
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_server_that_echoes_the_key_does_not_get_it_shown(
    provider: Provider, server: ScriptedServer
) -> None:
    server.fail("GET", "ftjob-1", answer({"error": {"message": f"Incorrect API key provided: {KEY}."}}, 401))
    with pytest.raises(ProviderError) as caught:
        provider.job("ftjob-1")
    assert KEY not in caught.value.message


def ask(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def test_answers_carry_their_index_and_tokens(provider: Provider) -> None:
    found = {a.index: a for a in provider.answers("m", [ask("a"), ask("b"), ask("c")], concurrency=2)}
    texts = [found[i].sample.output_text for i in range(3) if found[i].sample is not None]  # type: ignore[union-attr]
    assert texts == ["A", "B", "C"]
    assert found[0].token_usage["completion_tokens"] == 1


def test_an_answer_that_failed_stands_beside_those_that_came(
    provider: Provider, server: ScriptedServer
) -> None:
    server.fail("POST", "/completions", answer({"error": {"message": "too long"}}, 400))
    found = list(provider.answers("m", [ask("a"), ask("b"), ask("c")], concurrency=1))
    assert sorted(a.index for a in found) == [0, 1, 2]
    assert [a.error.message for a in found if a.error] == ["lab: too long"]


@pytest.mark.parametrize(
    "body", ["<html>", [1], {"choices": []}, {"choices": [3]}, {"choices": [{"message": "x"}]}]
)
def test_an_answer_of_the_wrong_shape_is_an_error_in_its_place(
    body: Any, provider: Provider, server: ScriptedServer
) -> None:
    server.fail("POST", "/completions", answer(body))
    found: list[Answer] = []
    # In a thread, so that a reply which is never handed on fails this test alone.
    asking = Thread(
        target=lambda: found.extend(provider.answers("m", [ask("a"), ask("b")], concurrency=1)), daemon=True
    )
    asking.start()
    asking.join(timeout=5)
    assert sorted((a.index, a.error is None) for a in found) == [(0, False), (1, True)]


def test_leaving_answers_early_does_not_hang(provider: Provider) -> None:
    answers = provider.answers("m", [ask(str(n)) for n in range(50)], concurrency=2)
    next(answers)
    answers.close()  # type: ignore[attr-defined]
    assert provider.has_file("file-1") is False


def test_a_provider_may_be_closed_twice(provider: Provider) -> None:
    provider.close()
    provider.close()


def test_a_reply_without_end_is_cut_off(
    provider: Provider, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "MAX_REPLY_BYTES", 1000)
    server.fail("GET", "ftjob-1", *[answer({"id": "ftjob-1", "status": "x" * 5000})] * 3)
    with pytest.raises(ProviderError, match="larger than"):
        provider.job("ftjob-1")


def test_a_small_reply_that_unpacks_to_a_large_one_is_cut_off(
    provider: Provider, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "MAX_PACKED_BYTES", 1000)
    packed = gzip.compress(json.dumps({"id": "ftjob-1", "status": "x" * 2_000_000}).encode())
    server.fail("GET", "ftjob-1", *[answer(packed, **{"Content-Encoding": "gzip"})] * 3)
    with pytest.raises(ProviderError, match="larger than"):
        provider.job("ftjob-1")
    assert server.requests[0].headers["accept-encoding"] == "identity"


def test_a_reply_nested_without_end_is_no_crash(provider: Provider, server: ScriptedServer) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    server.fail("GET", "ftjob-1", *[answer(deep)] * 3)
    with pytest.raises(ProviderError, match="JSON"):
        provider.job("ftjob-1")
    server.fail("POST", JOBS, answer(deep))
    with pytest.raises(OutcomeUnknownError):
        provider.create_job(REQUEST)


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume"])
def test_an_answer_about_another_job_is_not_believed(
    verb: str, provider: Provider, server: ScriptedServer
) -> None:
    other = answer({"id": "ftjob-7", "status": "succeeded"})
    server.fail("GET", "ftjob-1", other)
    with pytest.raises(ProviderError, match="another job"):
        provider.job("ftjob-1")
    server.fail("POST", verb, other)
    with pytest.raises(OutcomeUnknownError, match="another job"):
        getattr(provider, verb)("ftjob-1")


def test_an_id_stays_one_part_of_the_path(provider: Provider, server: ScriptedServer) -> None:
    with pytest.raises(ProviderError):
        provider.job("../files?x=1#")
    assert [request.path for request in server.requests] == ["/v1/fine_tuning/jobs/..%2Ffiles%3Fx%3D1%23"]


def test_a_list_that_never_ends_has_a_deadline(
    provider: Provider, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RFTCTL_DEADLINE_S", "0.05")
    pages = [
        answer({"data": [{"id": f"ftjob-{n}", "status": "queued"}], "has_more": True}) for n in range(2000)
    ]
    server.fail("GET", JOBS, *pages)
    with pytest.raises(ProviderError):
        provider.find_jobs({"rftctl_launch": "l"})
    assert server.count("GET", JOBS) < 2000
