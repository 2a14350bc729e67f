"""Two machines that share a remote: each a project with a store of its own."""

from __future__ import annotations

import random
from pathlib import Path

from anew.data.workspace import Workspace
from anew.errors import AnewError
from anew.remotes.config import RemoteConfig
from anew.remotes.fetch import Fetch, take_in
from anew.remotes.push import Push, Pushed
from anew.remotes.remote import Remote
from anew.remotes.verify import Verify
from anew.store.location import Store


class Machine:
    """A project at `root`, that pushes to and pulls from the remote at `where`."""

    def __init__(self, root: Path, where: Path | str) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.store = Store(root / ".anew").create()
        self.config = RemoteConfig("origin", str(where), str(where))

    def work(self) -> Workspace:
        return Workspace(self.store, self.root)

    def remote(self) -> Remote:
        return Remote(self.store, self.config)

    def write(self, name: str, content: bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def add(self, name: str = "data") -> str:
        """The label of the version."""
        with self.work() as work:
            return work.add(self.root / name)[0].label

    def push(self, *names: str) -> Pushed:
        with self.work() as work, self.remote() as remote:
            remote.look()
            datasets = [work.datasets.get(name) for name in names or ("data",)]
            return Push(remote, work.objects).push(v for dataset in datasets for v in dataset.versions.values())

    def pull(self, name: str = "data", number: int | None = None) -> list[tuple[str, str]]:
        """Fetch, take in, check out; which of ours were renumbered, before and after."""
        with self.work() as work, self.remote() as remote:
            remote.look()
            theirs = remote.versions(name)
            version = theirs[number or max(theirs)]
            Fetch(remote, work.objects).version(version)
            taken = take_in(work.datasets, theirs)
            work.checkout(work.pointer_of(version), force=True)
            return [(before.label, after.label) for before, after in taken.moved]

    def verify(self) -> list[str]:
        """What is broken at the remote."""
        with self.remote() as remote:
            remote.look()
            return [problem.message for problem in Verify(remote).problems()]

    def holds(self) -> bool:
        """Whether the store has no damage."""
        with self.work() as work:
            return not list(work.objects.verify())


def contents(root: Path) -> dict[str, bytes]:
    """Every file below `root`."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def fill(machine: Machine, seed: int, *, files: int = 40, large: int = 700_000) -> None:
    """A folder of small files, one of many chunks, and a few that compress."""
    draw = random.Random(seed)
    for number in range(files):
        machine.write(f"data/{number % 7}/{number}", draw.randbytes(draw.choice([0, 10, 4096, 20_000])))
    machine.write("data/large", draw.randbytes(large))
    machine.write("data/text", b"the same line\n" * 3000)
    link = machine.root / "data" / "link"
    if not link.is_symlink():
        link.symlink_to("text")


__all__ = ["AnewError", "Machine", "contents", "fill"]
