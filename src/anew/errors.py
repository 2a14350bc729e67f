"""Every error Anew raises, and the exit code of each.

    AnewError                  1  something went wrong; the message says what, to what, and what to do
    ├── UsageError             2  the request itself is wrong
    │   ├── QueryError         2  a query that does not parse or names no known column
    │   └── AmbiguousRun       2  a name or prefix that fits several runs
    ├── NotFound               1  the named thing does not exist
    │   └── RunNotFound        1
    ├── Conflict               1  the thing exists already, or its state does not allow it
    ├── StoreError             1  the store can't be read or written
    │   ├── CorruptData        1  bytes that fail their checksum, or don't follow the format
    │   └── StoreFull          1  no space, or no permission to take it
    ├── Unreachable            1  a server that does not answer, or not now
    ├── PipelineError          1  a pipeline's files don't say what is to be done, or a stage of it failed
    ├── DvcError               1  a DVC project, or a request to one, is not what DVC takes
    │   ├── NoDvcProject       1  no DVC project here; `anew dvc` exits with DVC's 253
    │   └── DvcConfigError     1  its configuration; 251
    ├── MissingExtra           1  an optional package is not installed; names the command that installs it
    └── NotReproducible        4  something a reproduction needs was never captured, or is gone

Exit code 3 (ran, but did not reproduce) is a verdict, not an error: see ``anew.reproduce.verdict``.
"""

from __future__ import annotations

OK, ERROR, USAGE, DID_NOT_REPRODUCE, NOT_REPRODUCIBLE = 0, 1, 2, 3, 4


class AnewError(Exception):
    """Base of every error Anew raises on purpose."""

    exit_code = ERROR


class UsageError(AnewError):
    exit_code = USAGE


class QueryError(UsageError):
    """A query that can't be answered. `position` is the 0-based column the caret goes under."""

    def __init__(self, message: str, query: str = "", position: int = 0) -> None:
        self.query, self.position = query, position
        caret = f"\n  {query}\n  {' ' * position}^" if query else ""
        super().__init__(message + caret)


class AmbiguousRun(UsageError):
    pass


class NotFound(AnewError):
    pass


class RunNotFound(NotFound):
    pass


class Conflict(AnewError):
    pass


class StoreError(AnewError):
    pass


class CorruptData(StoreError):
    pass


class StoreFull(StoreError):
    pass


class Unreachable(AnewError):
    pass


class PipelineError(AnewError):
    pass


class DvcError(AnewError):
    """What `anew dvc` can't do. `dvc_code`: the exit code DVC has for it, where that is not the verb's own."""

    dvc_code: int | None = None

    def __init__(self, message: str, dvc_code: int | None = None) -> None:
        super().__init__(message)
        self.dvc_code = dvc_code or self.dvc_code


class NoDvcProject(DvcError):
    dvc_code = 253


class DvcConfigError(DvcError):
    dvc_code = 251


class MissingExtra(AnewError):
    """An optional package is missing: `MissingExtra("pandas", "export")`."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed; install it with: pip install 'anew[{extra}]'")


class NotReproducible(AnewError):
    exit_code = NOT_REPRODUCIBLE

    def __init__(self, message: str, missing: list[dict[str, str]] | None = None) -> None:
        self.missing = missing or []
        super().__init__(message)
