"""Finding runs, and reading them: `anew.runs`, `anew.run`, `anew.reproduce`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from anew.capture.recover import recover
from anew.errors import AmbiguousRun, RunNotFound
from anew.index import Index
from anew.store.location import Store, find_store

if TYPE_CHECKING:
    from anew.index import Series
    from anew.reproduction.verdict import Verdict

_LOWER_IS_BETTER = re.compile(r"loss|error|err\b|rmse|mse|mae|mape|perplexity|deviance|logloss|latency", re.I)
_LAST = re.compile(r"last(?:~(\d+))?$")


def open_index(store: Store | None = None) -> Index:
    """The index of the store, brought up to date; crashed runs are closed on the way."""
    store = store or find_store()
    index = Index(store.root)
    index.refresh()
    crashed = [run_id for run_id in index.ids("status = 'crashed'") if (store.run(run_id) / "spool").is_dir()]
    recovered = [recover(store, index.document(run_id)) for run_id in crashed]  # each of them, not the first alone
    if any(recovered):
        index.refresh()
    return index


def resolve(index: Index, reference: str, place: str = "") -> str:
    """The id that `reference` means: an id, a unique prefix (4 or more), a name, `last`, `last~N`, `best:METRIC`.

    `last` and `best` are runs, not reproductions of them. `best:metrics.loss` takes the least where the name says that
    less is better (loss, error, rmse, …), else the greatest. `place` is how errors call the store, by default its path.
    Raises RunNotFound, AmbiguousRun.
    """
    place = place or f"in {index.root}"
    if match := _LAST.match(reference):
        return _last(index, int(match[1] or 0), place)
    if reference.startswith("best:"):
        return _best(index, reference[5:])
    found_ids = index.find(reference) if len(reference) >= 4 else []
    if len(found_ids) > 1 and reference not in found_ids:
        shown = ", ".join(found_ids[:8])
        raise AmbiguousRun(f"{reference} is the start of {len(found_ids)} runs: {shown}; give more of the id")
    if found_ids:
        return reference if reference in found_ids else found_ids[0]
    named = index.by_name(reference)
    if len(named) > 1:
        shown = ", ".join(named[:8])
        raise AmbiguousRun(f"{len(named)} runs are called {reference}: {shown}; give an id")
    if named:
        return named[0]
    raise RunNotFound(f"there is no run {reference} {place}{_hint(index, reference)}")


def _last(index: Index, back: int, place: str) -> str:
    own = index.ids("reproduction_of is null", sort=["-created"], limit=back + 1, strict=False)
    if not own:
        raise RunNotFound(f"there are no runs {place} yet; start with: anew run SCRIPT")
    if len(own) <= back:
        raise RunNotFound(f"there is no last~{back}: {len(own)} runs are {place}")
    return own[back]


def _best(index: Index, column: str) -> str:
    column = column if "." in column else f"metrics.{column}"
    order = "" if _LOWER_IS_BETTER.search(column) else "-"
    index.count(f"{column} is not null")  # says what is wrong with the name
    own = f"{column} is not null and reproduction_of is null"
    found = index.ids(own, sort=[order + column], limit=1, strict=False)
    if not found:
        raise RunNotFound(f"no run has {column}")
    return found[0]


def _hint(index: Index, reference: str) -> str:
    if 0 < len(reference) < 4:
        return "; a prefix needs at least 4 characters"
    names = {str(row["name"]) for row in index.search("", columns=["name"], limit=1000)}
    close = difflib.get_close_matches(reference, names, 1)
    return f"; did you mean {close[0]}?" if close else "; anew runs lists them"


class RunView:
    """A run as it was recorded, to read. `document` is the whole of it, as `anew show --json` prints it."""

    def __init__(self, index: Index, document: dict[str, Any]) -> None:
        self._index, self.document = index, document

    def __getattr__(self, name: str) -> Any:
        try:
            return self.document[name]
        except KeyError:
            raise AttributeError(f"run {self.document.get('id')} has no {name}") from None

    def __repr__(self) -> str:
        return f"<run {self.document['id']} {self.document.get('name')}: {self.document.get('status')}>"

    def history(self, metric: str, points: int | None = None) -> Series:
        """Every point of `metric` (or at most `points`, spikes kept), by step. Raises NotFound with a suggestion."""
        return self._index.series(self.document["id"], metric, points=points)


class Runs(Sequence[RunView]):
    """The answer to a query."""

    def __init__(self, index: Index, documents: list[dict[str, Any]]) -> None:
        self._index, self.documents = index, documents

    @overload
    def __getitem__(self, at: int) -> RunView: ...
    @overload
    def __getitem__(self, at: slice) -> Runs: ...
    def __getitem__(self, at: int | slice) -> RunView | Runs:
        if isinstance(at, slice):
            return Runs(self._index, self.documents[at])
        return RunView(self._index, self.documents[at])

    def __len__(self) -> int:
        return len(self.documents)

    def __iter__(self) -> Iterator[RunView]:
        return (RunView(self._index, document) for document in self.documents)

    def __repr__(self) -> str:
        return f"<{len(self)} runs>"

    def to_pandas(self) -> Any:
        """A pandas data frame, one row a run. Raises MissingExtra without pandas."""
        from anew.index.export import table, to_pandas

        return to_pandas(table(self.documents))

    def to_polars(self) -> Any:
        """A polars data frame, one row a run. Raises MissingExtra without polars."""
        from anew.index.export import table, to_polars

        return to_polars(table(self.documents))


def runs(query: str = "", *, sort: str | Sequence[str] = "-created", limit: int | None = None) -> Runs:
    """The runs that pass `query` (docs/query.md). Raises QueryError."""
    index = open_index()
    order = [sort] if isinstance(sort, str) else list(sort)
    return Runs(index, index.search(query, sort=order, limit=limit))


def run(reference: str) -> RunView:
    """One run, by id, prefix, name, `last`, or `best:METRIC`. Raises RunNotFound, AmbiguousRun."""
    index = open_index()
    return RunView(index, index.document(resolve(index, reference)))


def reproduce(
    reference: str,
    *,
    in_place: bool = False,
    env: str = "auto",
    times: int = 1,
    tolerance: Mapping[str, float] | None = None,
    timeout_s: float | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Verdict:
    """Run a recorded run anew, and compare. The verdict is in the ledger when this returns."""
    from anew.reproduction.verdict import Options, reproduce

    store = find_store()
    run_id = resolve(open_index(store), reference)
    options = Options(in_place, env, times, tolerance or {}, timeout_s)
    return reproduce(store, run_id, options, say)
