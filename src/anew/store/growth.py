"""Growth: how far the journals of a run have come, told by their sizes, without opening one."""

from __future__ import annotations

import os
import time
from pathlib import Path

# A folder that changed so lately may change once more within the same tick of its clock.
_RACY_NS = 50_000_000
State = tuple[int, ...]


class Growth:
    """The journals of one run, looked at again and again: a `stat` of its folder, and of each of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._listed: tuple[int, list[str] | None] = -1, None

    def state(self, but: str = "") -> State | None:
        """What is another number as soon as anything was appended to a journal other than `but`; () without a folder.

        None where sizes don't tell: a script takes the space for its journal before it writes there.
        """
        try:
            stamp = os.stat(self._folder).st_mtime_ns
            known, names = self._listed
            if known != stamp:
                names = self._list(stamp)
            if names is None:
                return None
            return stamp, *(os.stat(f"{self._folder}/{name}").st_size for name in names if name != but)
        except FileNotFoundError:
            return ()

    def _list(self, stamp: int) -> list[str] | None:
        found = [name for name in os.listdir(self._folder) if name.startswith("journal")]
        told = all(name == "journal" or name.startswith("journal-server-") for name in found)
        names = sorted(found) if told else None
        self._listed = stamp if time.time_ns() - stamp > _RACY_NS else -1, names
        return names
