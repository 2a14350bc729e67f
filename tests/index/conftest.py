from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from index_stores import Store

from anew.index import Index


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / ".anew")


@pytest.fixture
def opened(store: Store) -> Iterator[Callable[[], Index]]:
    """Opens indexes that are closed when the test is over."""
    every: list[Index] = []

    def open_index() -> Index:
        every.append(store.index())
        return every[-1]

    yield open_index
    for index in every:
        index.close()
