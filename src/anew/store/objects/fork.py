"""Starting afresh in a forked child, where a copied lock may be held for ever and files are the parent's."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    def forget_parent(self) -> None:
        """Called in the child, before anything else there can use this object."""


_all: weakref.WeakSet[Forkable] = weakref.WeakSet()


def watch(thing: Forkable) -> None:
    """Call `thing.forget_parent()` in every child forked while it lives."""
    _all.add(thing)


def _forget_parents() -> None:
    for thing in list(_all):
        thing.forget_parent()


os.register_at_fork(after_in_child=_forget_parents)
