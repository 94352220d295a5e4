"""`/v1/files`: upload, list, read, download, delete.

In: multipart uploads of purpose `fine-tune`. Out: file objects, and bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from python_multipart.exceptions import FormParserError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from rftctl.server.files import FileRow, add_file, delete_file, find_file, page_of_files
from rftctl.server.gate import UPLOAD_LIMIT
from rftctl.server.handlers import id_in_path, store_of
from rftctl.server.jobs import dataset_path
from rftctl.server.paging import cursor_of, page_reply
from rftctl.server.refusal import RefusalError, Reply, bad, missing
from rftctl.text import one_line

if TYPE_CHECKING:
    from starlette.requests import Request

_FIELDS = frozenset({"file", "purpose", "expires_after[anchor]", "expires_after[seconds]"})
_LONGEST_EXPIRY_S = 2_592_000


async def upload(request: Request) -> Response:
    """Take one file."""
    form = await _form(request)
    try:
        upload_file = _file_of(form)
        _check_fields(form)
        name = one_line(upload_file.filename or "upload.jsonl", limit=255)
        expiry_s = _expiry_of(form)
        row = await run_in_threadpool(
            add_file, store_of(request), upload_file.file, name, "fine-tune", expiry_s
        )
    finally:
        await form.close()
    return Reply(row.to_wire())


async def index(request: Request) -> Response:
    """List files, newest first."""
    cursor = cursor_of(request.query_params, default=10_000, largest=10_000)
    purpose = request.query_params.get("purpose")
    rows, has_more = await run_in_threadpool(page_of_files, store_of(request), cursor, purpose)
    # The description wants strings here even when the list is empty.
    return Reply({"first_id": "", "last_id": ""} | page_reply(rows, has_more, FileRow.to_wire))


async def show(request: Request) -> Response:
    """Read one file object."""
    return Reply((await _row(request)).to_wire())


async def content(request: Request) -> Response:
    """Download a file's bytes."""
    row = await _row(request)
    path = dataset_path(store_of(request), row.id)
    if not path.is_file():
        raise RefusalError(404, f"the content of file '{row.id}' is gone from the disk")
    return FileResponse(path, media_type="application/octet-stream", filename=row.filename)


async def delete(request: Request) -> Response:
    """Delete one file; refused (409) while an unfinished job reads it."""
    row = await _row(request)
    deleted = await run_in_threadpool(delete_file, store_of(request), row.id)
    return Reply({"id": row.id, "object": "file", "deleted": deleted})


async def _row(request: Request) -> FileRow:
    file_id = id_in_path(request, "file")
    row = await run_in_threadpool(find_file, store_of(request), file_id)
    if row is None:
        raise missing("file", file_id)
    return row


async def _form(request: Request) -> FormData:
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise bad("an upload must be multipart/form-data with the fields 'file' and 'purpose'")
    try:
        return await request.form(max_files=1, max_fields=8)
    except (FormParserError, UnicodeError, ValueError) as error:
        raise bad(f"the multipart body cannot be read: {one_line(str(error))}") from error


def _file_of(form: FormData) -> UploadFile:
    upload_file = form.get("file")
    if not isinstance(upload_file, UploadFile):
        raise bad("'file' must be a part with a filename", "file", "missing_required_parameter")
    if not upload_file.size:
        raise bad("'file' is empty", "file", "empty_file")
    if upload_file.size > UPLOAD_LIMIT:
        raise RefusalError(413, f"'file' is larger than {UPLOAD_LIMIT >> 20} MiB", param="file")
    return upload_file


def _check_fields(form: FormData) -> None:
    for name in form:
        if name not in _FIELDS:
            raise bad(f"'{one_line(name)}' is not a known field of an upload", one_line(name))
    purpose = form.get("purpose")
    if purpose != "fine-tune":
        raise bad(f"purpose '{_shown(purpose)}' must be 'fine-tune'", "purpose")


def _expiry_of(form: FormData) -> int | None:
    text = form.get("expires_after[seconds]")
    if text is None:
        return None
    is_number = isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 10
    if not is_number or not 3600 <= int(str(text)) <= _LONGEST_EXPIRY_S:
        raise bad(
            f"expires_after.seconds '{_shown(text)}' must be from 3600 to {_LONGEST_EXPIRY_S}",
            "expires_after",
        )
    return int(str(text))


def _shown(value: Any) -> str:
    return one_line(value, limit=40) if isinstance(value, str) else ""


ROUTES = [
    Route("/v1/files", index, methods=["GET"]),
    Route("/v1/files", upload, methods=["POST"]),
    Route("/v1/files/{id}", show, methods=["GET"]),
    Route("/v1/files/{id}", delete, methods=["DELETE"]),
    Route("/v1/files/{id}/content", content, methods=["GET"]),
]
