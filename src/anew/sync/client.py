"""A server, as sync speaks to it: every request may be sent again, because none does twice what it did once."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from anew._version import __version__
from anew.errors import AnewError, Conflict, NotFound, RunNotFound, StoreFull, Unreachable, UsageError
from anew.store.received import RUN_ID, WrongOffset

_BASE = "/api/v1/sync"
_CONNECT_S, _READ_S = 10.0, 120.0
_JOIN_S = 3600.0  # the server reads all of a large object before it answers
_PAUSES_S = (0.2, 1.0, 3.0)
_NOT_NOW = {429, 502, 503, 504}
MOST_ASKED = 5_000


class Server:
    """One server. Safe for threads. `patient`: what fails for want of an answer is tried again a few times."""

    def __init__(self, address: str, token: str | None = None, *, patient: bool = True, threads: int = 4) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise UsageError(f"{address!r:.200} is not the address of a server: http://… or https://…")
        import urllib3  # 40 ms to load, for those who sync

        self._urllib3 = urllib3
        self.address = address.rstrip("/")
        self.sent_bytes = self.fetched_bytes = 0
        self._count_lock = threading.Lock()
        self._pauses = _PAUSES_S if patient else _PAUSES_S[:1]
        self._headers = {"user-agent": f"anew/{__version__}"}
        token = os.environ.get("ANEW_TOKEN", "") if token is None else token
        if token:
            self._headers["authorization"] = f"Bearer {token}"
        self._pool = urllib3.PoolManager(maxsize=threads, block=True)

    def close(self) -> None:
        self._pool.clear()

    # What is there

    def find(self, reference: str) -> tuple[str, bool]:
        """The id of the run that a word means there, and whether it is running. Raises RunNotFound, UsageError."""
        found = self._json("GET", f"/find?{urlencode({'run': reference})}")
        if not RUN_ID.fullmatch(str(found["run"])):
            raise AnewError(f"{self.address} names a run {found['run']!r:.80}: that can't be one")
        return found["run"], bool(found["running"])

    def state(self, run_ids: list[str]) -> dict[str, Any]:
        return self._json("POST", "/state", {"runs": run_ids})

    def heard(self, alive: list[str], gone: list[str]) -> None:
        self._json("POST", "/heard", {"alive": alive, "gone": gone})

    # Journals

    def append(self, run_id: str, name: str, offset: int, piece: bytes) -> int:
        """Raises WrongOffset with the size there, when that is another."""
        from blake3 import blake3

        body, encoding = _shrunk(piece)
        query = urlencode({"offset": offset, "digest": blake3(piece).hexdigest()})
        headers = {"content-type": "application/octet-stream", **encoding}
        answer = self._call("PUT", f"/runs/{run_id}/journals/{quote(name)}?{query}", body, headers)
        return int(json.loads(answer.data)["size"])

    def read(self, run_id: str, name: str, offset: int, end: int) -> bytes:
        """Whole frames. Raises AnewError when they were changed on the way."""
        from blake3 import blake3

        path = f"/runs/{run_id}/journals/{quote(name)}?{urlencode({'offset': offset, 'end': end})}"
        answer = self._call("GET", path, headers={"accept-encoding": "zstd"})
        piece = bytes(answer.data)
        if answer.headers.get("content-encoding") == "zstd":
            from zstandard import ZstdDecompressor

            piece = ZstdDecompressor().decompress(piece)
        if blake3(piece).hexdigest() != answer.headers.get("x-anew-digest"):
            raise AnewError(f"{name} of run {run_id} was changed on its way from {self.address}; try again")
        return piece

    # Objects

    def missing(self, digests: Iterable[str]) -> list[str]:
        found: list[str] = []
        asked = list(dict.fromkeys(digests))
        for start in range(0, len(asked), MOST_ASKED):
            answer = self._json("POST", "/objects/missing", {"digests": asked[start : start + MOST_ASKED]})
            found += answer["missing"]
        return found

    def put(self, records: bytes) -> None:
        self._call("POST", "/objects", records, {"content-type": "application/octet-stream"})

    def get(self, digests: list[str]) -> bytes:
        """Those of them that are there, as records."""
        body = json.dumps({"digests": digests}).encode()
        return bytes(self._call("POST", "/objects/get", body, {"content-type": "application/json"}).data)

    def join(self, digest: str, chunks: bytes) -> None:
        headers = {"content-type": "application/octet-stream"}
        self._call("PUT", f"/objects/{digest}/chunks", chunks, headers, read_s=_JOIN_S)

    def chunks(self, digest: str) -> bytes:
        return bytes(self._call("GET", f"/objects/{digest}/chunks").data)

    def objects_of(self, run_id: str) -> dict[str, int]:
        """Digest and size of all that a run refers to."""
        return dict(self._json("GET", f"/runs/{run_id}/objects")["objects"])

    # Verdicts

    def verdicts(self, run_id: str) -> list[Any]:
        return list(self._json("GET", f"/runs/{run_id}/verdicts")["entries"])

    def put_verdicts(self, run_id: str, entries: list[Any]) -> int:
        return int(self._json("POST", f"/runs/{run_id}/verdicts", {"entries": entries})["taken"])

    def _json(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"content-type": "application/json"}
        found = json.loads(self._call(method, path, data, headers).data)
        if not isinstance(found, dict):
            raise AnewError(f"{self.address} gave an answer that is not one of Anew's")
        return found

    def _call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        read_s: float = _READ_S,
    ) -> Any:
        """The answer, whole. Raises Unreachable, and what the server's error means."""
        timeout = self._urllib3.Timeout(connect=_CONNECT_S, read=read_s)
        for pause_s in (*self._pauses, None):
            try:
                answer = self._pool.request(
                    method, f"{self.address}{_BASE}{path}", body=body, headers={**self._headers, **(headers or {})},
                    timeout=timeout, retries=False, redirect=False, decode_content=False,
                )  # fmt: skip
            except (self._urllib3.exceptions.HTTPError, OSError) as error:
                problem = f"{self.address} can't be reached: {_reason(error)}"
            else:
                if answer.status not in _NOT_NOW:
                    break
                problem = f"{self.address} does not answer now: {answer.status} {answer.reason}"
            if pause_s is None:
                raise Unreachable(problem)
            time.sleep(pause_s)
        with self._count_lock:
            self.sent_bytes += len(body or b"")
            self.fetched_bytes += len(answer.data)
        if answer.status != 200:
            raise self._error(answer)
        return answer

    def _error(self, answer: Any) -> AnewError:
        try:
            said = json.loads(answer.data)
            kind, message = said["error"]["kind"], str(said["error"]["message"])
        except (ValueError, KeyError, TypeError):
            where = f" (it leads to {answer.headers['location']})" if "location" in answer.headers else ""
            return AnewError(f"{self.address} gave status {answer.status}{where}: is it Anew's server?")
        if kind == "WrongOffset" and isinstance(said.get("size"), int):
            return WrongOffset(said["size"])
        if answer.status in (401, 403):
            return AnewError(f"{self.address}: {message} (the token is taken from ANEW_TOKEN)")
        kinds = {"RunNotFound": RunNotFound, "NotFound": NotFound, "Conflict": Conflict, "StoreFull": StoreFull}
        found = kinds.get(kind) or (UsageError if answer.status == 400 else AnewError)
        return found(f"{self.address}: {message}")


def _shrunk(piece: bytes) -> tuple[bytes, dict[str, str]]:
    from zstandard import ZstdCompressor

    small = ZstdCompressor(level=1).compress(piece)
    return (small, {"content-encoding": "zstd"}) if len(small) < len(piece) else (piece, {})


def _reason(error: Exception) -> str:
    text = str(error)
    return text.rpartition(": ")[2] or type(error).__name__
