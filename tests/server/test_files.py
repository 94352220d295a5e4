"""Uploads: what goes in comes out, and what is broken is refused with a reason."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from rftctl.server import gate

if TYPE_CHECKING:
    from conftest import Service

ROW = b'{"messages": [{"role": "user", "content": "x"}]}\n'


def test_a_file_comes_back_byte_for_byte(service: Service) -> None:
    content = bytes(range(256)) * 100
    file_id = service.upload(content, "raw.bin")
    assert service.run(service.client.files.content(file_id)).content == content
    assert service.get(f"/files/{file_id}") | {"id": "", "created_at": 0} == {
        "id": "",
        "object": "file",
        "bytes": 25_600,
        "created_at": 0,
        "filename": "raw.bin",
        "purpose": "fine-tune",
        "status": "processed",
    }


def test_uploads_are_readable_by_their_owner_only(service: Service) -> None:
    path = service.home / "files" / service.upload(ROW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((service.home / "service.sqlite").stat().st_mode) == 0o600


def test_files_are_listed_in_pages_and_in_either_order(service: Service) -> None:
    ids = [service.upload(ROW) for _ in range(5)]
    first = service.get("/files", limit=2)
    assert [file["id"] for file in first["data"]] == [ids[4], ids[3]]
    assert (first["has_more"], first["last_id"]) == (True, ids[3])
    rest = service.get("/files", after=ids[3])
    assert [file["id"] for file in rest["data"]] == [ids[2], ids[1], ids[0]]
    assert rest["has_more"] is False
    assert [f["id"] for f in service.get("/files", order="asc", purpose="fine-tune")["data"]] == ids


def test_a_deleted_file_is_gone(service: Service) -> None:
    file_id = service.upload(ROW)
    assert service.run(service.client.files.delete(file_id)).deleted
    assert service.request("GET", f"/files/{file_id}").status_code == 404
    assert service.request("GET", f"/files/{file_id}/content").status_code == 404
    assert not (service.home / "files" / file_id).exists()


def test_a_file_of_an_unfinished_job_stays(service: Service) -> None:
    job_id = service.launch()
    file_id = service.job(job_id)["training_file"]
    reply = service.request("DELETE", f"/files/{file_id}")
    assert reply.status_code == 409
    assert f"job '{job_id}'" in reply.json()["error"]["message"]
    service.act(job_id, "cancel")
    service.wait_for(job_id, "cancelled")


def test_an_expiry_is_kept(service: Service) -> None:
    reply = service.request(
        "POST",
        "/files",
        files={"file": ("a.jsonl", ROW)},
        data={
            "purpose": "fine-tune",
            "expires_after[anchor]": "created_at",
            "expires_after[seconds]": "3600",
        },
    )
    assert reply.json()["expires_at"] == reply.json()["created_at"] + 3600


HEAD = b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n--b\r\n'
FILE = b'Content-Disposition: form-data; name="file"; filename="a"\r\n'


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (HEAD + FILE + b"\r\nrow\r\n--b--\r\n", "multipart/form-data; boundary=b", 200),
        (HEAD + FILE + b"\r\n\r\n--b--\r\n", "multipart/form-data; boundary=b", 400),
        (HEAD + b"--b--\r\n", "multipart/form-data; boundary=b", 400),
        (b"", "multipart/form-data; boundary=b", 400),
        (b"nonsense", "multipart/form-data; boundary=b", 400),
        (HEAD + FILE + b"\r\nrow", "multipart/form-data; boundary=b", 400),
        (HEAD + FILE, "multipart/form-data", 400),
        (HEAD + FILE + b"\r\nrow\r\n--b--\r\n", "multipart/form-data; boundary=b; charset=nope", 200),
        (b"--b\r\n\r\nno disposition\r\n--b--\r\n", "multipart/form-data; boundary=b", 400),
        (
            b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
            "multipart/form-data; boundary=b",
            400,
        ),
        (HEAD + b": bad header\r\n\r\nx\r\n--b--\r\n", "multipart/form-data; boundary=b", 400),
        (b"{}", "application/json", 400),
        (b"x", "text/plain", 415),
    ],
)
# Starlette leaves the temporary file of a part that never ends to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_broken_upload_is_refused_never_a_crash(
    service: Service, body: bytes, content_type: str, status: int
) -> None:
    reply = service.request("POST", "/files", content=body, headers={"content-type": content_type})
    assert reply.status_code == status, reply.text
    assert ("error" in reply.json()) == (status != 200)


@pytest.mark.parametrize("purpose", ["assistants", "finetune", ""])
def test_only_fine_tuning_files_are_taken(service: Service, purpose: str) -> None:
    reply = service.request("POST", "/files", files={"file": ("a", ROW)}, data={"purpose": purpose})
    assert reply.json()["error"]["param"] == "purpose"


def test_a_body_too_large_is_a_413_known_or_chunked(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "UPLOAD_LIMIT", 1000)
    monkeypatch.setattr(gate, "_MULTIPART_SLACK", 0)

    async def chunks():
        yield HEAD + FILE + b"\r\n"
        for _ in range(20):
            yield b"x" * 100

    headers = {"content-type": "multipart/form-data; boundary=b"}
    known = service.request("POST", "/files", content=b"x" * 1001, headers=headers)
    chunked = service.request("POST", "/files", content=chunks(), headers=headers)
    assert (known.status_code, chunked.status_code) == (413, 413)
    assert known.json()["error"]["code"] == "too_large"


@pytest.mark.parametrize("name", ["..%2F..%2Fservice.sqlite", "file-unknown", "%00", "a" * 300])
def test_an_id_never_climbs_out_of_the_store(service: Service, name: str) -> None:
    assert service.request("GET", f"/files/{name}/content").status_code == 404
