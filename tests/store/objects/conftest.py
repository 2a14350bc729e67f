from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from anew.store.objects import Objects


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "objects"


@pytest.fixture
def store(root: Path) -> Iterator[Objects]:
    with Objects(root) as objects:
        yield objects
