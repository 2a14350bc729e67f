"""Objects that a store has lost, from wherever a remote still has them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from anew.errors import AnewError
from anew.remotes.config import RemoteConfig
from anew.remotes.download import Came, Download
from anew.remotes.remote import Remote
from anew.store.location import Store
from anew.store.objects import Objects


class Restore:
    """`restored`: key → the name of the remote it came from. `problems`: which remote could not be asked, and why."""

    def __init__(self, store: Store, objects: Objects, remotes: Iterable[RemoteConfig]) -> None:
        self._store, self._objects, self._remotes = store, objects, list(remotes)
        self.restored: dict[bytes, str] = {}
        self.problems: dict[str, str] = {}

    def bring(self, lost: Collection[bytes], more: Callable[[], set[bytes]]) -> None:
        """Store what is to be had, instead of what is damaged. `more` says what is found to be lost once that is there:
        content that a tree or a large file names, which could not be read before.
        """
        wanted, asked = set(lost), set[bytes]()
        self._objects.drop(())  # seals what nobody writes to: good records don't go beside the damaged ones
        while wanted and self._remotes:
            asked |= wanted
            came = self._ask(wanted)
            if not came:
                return
            self.restored |= came
            self._objects.drop(asked, self.restored)
            wanted = (self._objects.lost((key.hex() for key in came), ()) | more()) - asked

    def _ask(self, wanted: set[bytes]) -> dict[bytes, str]:
        came: dict[bytes, str] = {}
        for config in self._remotes:
            left = [key for key in wanted if key not in came]
            if left and config.name not in self.problems:
                try:
                    self._bring_from(config, left, came)
                except AnewError as error:
                    self.problems[config.name] = str(error)
        return came

    def _bring_from(self, config: RemoteConfig, keys: list[bytes], came: dict[bytes, str]) -> None:
        def take(records: list[Came]) -> None:
            self._objects.put_records((key, record) for key, _, _, record in records)
            came.update((key, config.name) for key, _, _, _ in records)

        with Remote(self._store, config) as there:
            there.look()
            there.expect_filled()
            Download(there.place, there.inventory, there.jobs, there.tally).bring(keys, take)
        self._objects.flush()
