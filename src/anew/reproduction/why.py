"""`anew why A B`: what can have moved the result from one run to the other, most likely first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from anew.reproduction.factors import Cause, differences
from anew.reproduction.judge import Item, compare
from anew.reproduction.record import load
from anew.store.ledger import Ledger
from anew.store.location import Store
from anew.store.objects import Objects


@dataclass
class Why:
    """`causes` in the order of likelihood; `moved` the metrics that differ; `others` the other outputs that do."""

    a: str
    b: str
    causes: list[Cause] = field(default_factory=list)
    moved: list[dict[str, Any]] = field(default_factory=list)
    others: list[Item] = field(default_factory=list)
    same_result: bool = False
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def why(store: Store, a: str, b: str) -> Why:
    """Compare all factors of two runs, and their results. Raises RunNotFound."""
    with Objects(store.objects) as objects:
        old, new = load(store, a, objects), load(store, b, objects)
        found = Why(a, b, differences(old, new))
        for item in compare(old, new):
            if item["equal"] or item["kind"] in ("config", "tags"):
                continue  # what was set is among the factors; here it is about what came out
            if item["kind"] == "metric" and "last" in item:
                before, after = item["last"]
                gap = after - before if before is not None and after is not None else None
                found.moved.append({"metric": item["name"], "before": before, "after": after, "difference": gap})
            else:
                found.others.append(item)
    found.same_result = not found.moved and not found.others
    tested = _tested(store, a, b)
    if found.same_result:
        found.causes = [item for item in found.causes if not item["what"].startswith("uuid.uuid4 (")]
        found.note = "the results are the same"
    elif not found.causes and tested:
        found.causes, found.note = tested, "found by the reproduction"
    elif not found.causes:
        found.note = (
            "nothing that was captured differs: the cause is inside the run (a race, the clock), or not captured"
        )
    return found


def _tested(store: Store, a: str, b: str) -> list[Cause]:
    """The causes a verdict names, where one of the two is a reproduction of the other."""
    import json

    causes: list[Cause] = []
    with Objects(store.objects) as objects:
        for entry in Ledger(store.ledger).entries():
            if entry["kind"] == "verdict" and {entry["subject"], entry["body"].get("reproduction")} == {a, b}:
                causes = json.loads(objects.get_bytes(entry["body"]["evidence"]))["causes"]
    return causes
