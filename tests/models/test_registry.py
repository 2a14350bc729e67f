"""Registered models: versions are numbered once, and every change is one entry of the ledger."""

from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path

import pytest

from anew.errors import Conflict, NotFound, UsageError
from anew.models.registry import Origin, Registry
from anew.store.ledger import Ledger

SOURCE = Origin("s3://bucket/model")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(Ledger(tmp_path / "ledger"))


def entries(registry: Registry) -> list[dict[str, object]]:
    return [entry["body"] for entry in registry.ledger.entries()]


def test_a_model_is_created_once(registry: Registry) -> None:
    model = registry.create("iris", "flowers", {"team": "a"}, actor="ann")
    assert (model.name, model.description, model.tags, model.last) == ("iris", "flowers", {"team": "a"}, 0)
    with pytest.raises(Conflict):
        registry.create("iris")
    assert [entry["actor"] for entry in registry.ledger.entries()] == ["ann"]


@pytest.mark.parametrize("name", ["", " ", "a/b", "a:b", ".", "..", "a\nb", "x" * 501])
def test_names_that_cannot_be(registry: Registry, name: str) -> None:
    with pytest.raises(UsageError):
        registry.create(name)
    assert entries(registry) == []


def test_numbers_of_versions_are_never_used_again(registry: Registry) -> None:
    registry.create("iris")
    assert [registry.add_version("iris", SOURCE).number for _ in range(3)] == [1, 2, 3]
    registry.delete_version("iris", 3)
    assert registry.add_version("iris", SOURCE).number == 4
    assert list(registry.get("iris").versions) == [1, 2, 4]
    with pytest.raises(NotFound):
        registry.version("iris", 3)


def test_a_version_keeps_what_it_is_made_of(registry: Registry) -> None:
    registry.create("iris")
    origin = Origin("runs:/r/model", storage="s3://b", run_id="r", run_link="l", model_id="m-1")
    version = registry.add_version("iris", origin, "first", {"a": "1"}, actor="ann")
    assert (version.source, version.storage, version.run_id) == ("runs:/r/model", "s3://b", "r")
    assert (version.run_link, version.model_id, version.user) == ("l", "m-1", "ann")
    assert (version.stage, version.status, version.description) == ("None", "READY", "first")
    with pytest.raises(UsageError):
        registry.add_version("iris", Origin(""))


def test_tags_and_descriptions_say_what_was_before(registry: Registry) -> None:
    registry.create("iris")
    registry.add_version("iris", SOURCE)
    registry.tag("iris", "k", "1")
    registry.tag("iris", "k", "2")
    registry.tag("iris", "k", "2")  # nothing changes, nothing is written
    registry.tag("iris", "k", None)
    registry.tag("iris", "k", None)
    registry.tag_version("iris", 1, "v", "x")
    registry.describe("iris", "new")
    registry.describe_version("iris", 1, "said")
    assert entries(registry)[2:] == [
        {"action": "tag", "key": "k", "before": None, "after": "1"},
        {"action": "tag", "key": "k", "before": "1", "after": "2"},
        {"action": "tag", "key": "k", "before": "2", "after": None},
        {"action": "tag", "version": 1, "key": "v", "before": None, "after": "x"},
        {"action": "describe", "before": None, "after": "new"},
        {"action": "describe", "version": 1, "before": None, "after": "said"},
    ]
    assert registry.get("iris").description == "new"
    assert registry.version("iris", 1).tags == {"v": "x"}


def test_aliases(registry: Registry) -> None:
    registry.create("iris")
    registry.add_version("iris", SOURCE)
    registry.add_version("iris", SOURCE)
    registry.set_alias("iris", "best", 1)
    registry.set_alias("iris", "best", 2)
    assert registry.aliased("iris", "best").number == 2
    assert registry.get("iris").aliases_of(2) == ["best"]
    assert entries(registry)[-1] == {"action": "alias", "alias": "best", "before": 1, "after": 2}
    registry.delete_version("iris", 2)
    with pytest.raises(NotFound):
        registry.aliased("iris", "best")
    with pytest.raises(NotFound):
        registry.set_alias("iris", "best", 2)
    for alias in ("latest", "LATEST", "v1", "V22", "a b", "", "x" * 256):
        with pytest.raises(UsageError):
            registry.set_alias("iris", alias, 1)


def test_stages_archive_those_that_were_there(registry: Registry) -> None:
    registry.create("iris")
    for _ in range(3):
        registry.add_version("iris", SOURCE)
    registry.move("iris", 1, "production")
    registry.move("iris", 2, "Production")
    before = len(entries(registry))
    registry.move("iris", 3, "PRODUCTION", archive_existing=True)
    assert len(entries(registry)) == before + 1  # one change, one entry
    assert entries(registry)[-1]["archived"] == [1, 2]
    assert [version.stage for version in registry.get("iris").versions.values()] == [
        "Archived",
        "Archived",
        "Production",
    ]
    assert [version.number for version in registry.get("iris").latest()] == [2, 3]
    with pytest.raises(UsageError):
        registry.move("iris", 1, "Tested")
    with pytest.raises(UsageError):
        registry.move("iris", 1, "Archived", archive_existing=True)


def test_renaming_takes_all_along(registry: Registry) -> None:
    registry.create("iris", tags={"a": "1"})
    registry.add_version("iris", SOURCE)
    registry.set_alias("iris", "best", 1)
    registry.create("other")
    with pytest.raises(Conflict):
        registry.rename("iris", "other")
    model = registry.rename("iris", "flowers")
    assert (model.name, model.versions[1].name, model.aliases) == ("flowers", "flowers", {"best": 1})
    with pytest.raises(NotFound):
        registry.get("iris")
    assert registry.create("iris").last == 0
    assert registry.add_version("flowers", SOURCE).number == 2
    assert registry.rename("flowers", "flowers").name == "flowers"


def test_a_deleted_model_is_gone_and_its_name_free(registry: Registry) -> None:
    registry.create("iris")
    registry.add_version("iris", SOURCE)
    registry.delete("iris")
    assert registry.all() == []
    for call in (
        lambda: registry.get("iris"),
        lambda: registry.delete("iris"),
        lambda: registry.add_version("iris", SOURCE),
        lambda: registry.rename("iris", "x"),
        lambda: registry.tag("iris", "a", "b"),
    ):
        with pytest.raises(NotFound):
            call()
    assert registry.create("iris").versions == {}


def test_another_registry_reads_the_same(registry: Registry) -> None:
    registry.create("iris", "d")
    registry.add_version("iris", SOURCE, tags={"a": "1"})
    registry.move("iris", 1, "Staging")
    registry.rename("iris", "iris2")
    other = Registry(registry.ledger)
    assert other.all() == registry.all()
    registry.tag("iris2", "late", "x")
    assert other.get("iris2").tags == {"late": "x"}
    assert registry.ledger.verify()[1] is None


def test_what_a_later_anew_writes_is_passed_over(registry: Registry) -> None:
    registry.create("iris")
    registry.add_version("iris", SOURCE)
    registry.ledger.append("model", "iris", {"action": "approve", "by": "ann"})
    registry.ledger.append("model", "iris", {"action": "approve", "version": 1, "by": "ann"})
    registry.ledger.append("gate", "iris", {"action": "create"})
    registry.tag("iris", "a", "1")
    assert registry.get("iris").tags == {"a": "1"}


def test_threads_get_numbers_of_their_own(registry: Registry) -> None:
    registry.create("iris")
    numbers: list[int] = []

    def add() -> None:
        numbers.extend(registry.add_version("iris", SOURCE).number for _ in range(10))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 41))


def _add(path: Path, count: int) -> list[int]:
    registry = Registry(Ledger(path))
    return [registry.add_version("iris", SOURCE).number for _ in range(count)]


def test_processes_get_numbers_of_their_own(registry: Registry) -> None:
    registry.create("iris")
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found = pool.starmap(_add, [(registry.ledger.path, 15)] * 2)
    assert sorted(number for numbers in found for number in numbers) == list(range(1, 31))
    assert list(registry.get("iris").versions) == list(range(1, 31))


def test_watchers_hear_of_every_change(registry: Registry) -> None:
    heard: list[tuple[str, str | None]] = []
    registry.watchers.append(
        lambda entry, model: heard.append((entry["body"]["action"], model.name if model else None))
    )
    registry.create("iris")
    registry.rename("iris", "flowers")
    registry.delete("flowers")
    with pytest.raises(NotFound):
        registry.delete("flowers")
    assert heard == [("create", "iris"), ("rename", "flowers"), ("delete", None)]
