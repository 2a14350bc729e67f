"""Which of the figures that differ are durations or speeds: found out by trials whose clocks run faster, and slower."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from anew.errors import AnewError
from anew.reproduction.compare.clocked import PACES
from anew.reproduction.judge import Item, compare, equal
from anew.reproduction.record import Record
from anew.reproduction.trial import Setting, make_aside

_MOST_S = 1800.0


def find_clocked(setting: Setting, compared: list[Item], first: Record, say: Callable[[str], None]) -> int:
    """Fill `clocked` of the setting's record with the places of what follows the clock; how many trials showed it.

    0, and nothing is filled in, if the differences in `compared` can't all be durations, or the trials differ from the
    record in anything else. A figure must follow the clock at every pace.
    """
    record, took_s = setting.record, float(first.document.get("duration_s") or 0)
    if setting.in_place or took_s > _MOST_S or not all(item["equal"] or _is_of_numbers(item) for item in compared):
        return 0
    places: set[str] | None = None
    for pace in PACES:
        said = f"{pace:g} times as fast" if pace > 1 else f"{1 / pace:g} times as slow"
        say(f"running it again with a clock {said} (are the figures that differ durations?)")
        clock = {"ANEW_CLOCK": f"{time.time():.6f}x{pace:g}"}
        try:
            trial = make_aside(replace(setting, extra=clock, timeout_s=10 + 4 * took_s))
        except AnewError:
            return 0
        trial.pace, record.clocked = pace, set()
        alike, found = equal(compare(record, trial)), record.clocked
        record.clocked = None
        if not alike:
            return 0
        places = found if places is None else places & found
    record.clocked = places
    return len(PACES)


def _is_of_numbers(item: Item) -> bool:
    return item.get("max_difference") is not None
