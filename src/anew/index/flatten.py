"""From a run's document to its cells and its words: what can be filtered, and what full text finds."""

from __future__ import annotations

import shlex
from typing import Any

# Between the name of a column and its statistic stands a character that no name is likely to hold.
SEP = "\x1f"
ID = f"{SEP}id"
# The text a parameter was sent as, where it is not what its value is written as: "1e-3" for 0.001.
SENT_SPACE = "sent"
SENT = SENT_SPACE + "."
# When a run ended, in milliseconds, as MLflow's clients are told: of a run of theirs that is what they sent, which may
# be nothing for a run that is over, and something for one that goes on.
SENT_END = f"{SEP}end_time"

TOP = {
    "id": "id",
    "name": "name",
    "project": "project",
    "status": "status",
    "created": "created",
    "ended": "ended",
    "duration": "duration_s",
    "user": "user",
    "host": "host",
    "command": "command",
    "notes": "notes",
    "grade": "grade",
    "verdict": "verdict",
    "reproduction_of": "reproduction_of",
    "deleted": "deleted",
}
ALIASES = {
    "run_id": "id",
    "run_name": "name",
    "start_time": "created",
    "end_time": "ended",
    "user_id": "user",
    "duration_s": "duration",
}
_AS_THEY_ARE = (
    "name", "project", "status", "created", "ended", "user", "host", "notes", "verdict", "reproduction_of", "deleted",
)  # fmt: skip
_STATS = ("min", "max", "mean", "first", "count")
_ALPHABET = {letter: value for value, letter in enumerate("0123456789abcdefghjkmnpqrstvwxyz")}


def flatten(document: dict[str, Any]) -> dict[str, Any]:
    """Column name to value; a value that is absent or None has no cell."""
    flat: dict[str, Any] = {ID: id_key(document["id"])}
    for name in _AS_THEY_ARE:
        flat[name] = document.get(name)
    flat["duration"] = document.get("duration_s")
    flat["command"] = command_text(document.get("command"))
    flat["grade"] = _letter(document.get("grade"))
    for space in ("config", "tags", "summary"):
        for name, value in document[space].items():
            flat[f"{space}.{name}"] = value
    for name, value in document["raw"].items():
        flat[SENT + name] = str(value)
    flat[SENT + SENT_END] = _sent_end(document)
    for space, stats in (("metrics", document["metric_stats"]), ("system", document["system"])):
        for name, of in stats.items():
            column = f"{space}.{name}"
            flat[column] = of["last"]
            for statistic in _STATS:
                flat[column + SEP + statistic] = of[statistic]
    _datasets(flat, document["datasets"])
    code = document.get("code")
    if isinstance(code, dict):
        for name, value in code.items():
            if isinstance(value, (str, int, float)):
                flat[f"code.{name}"] = value
    _inputs(flat, document["inputs"])
    return {name: value for name, value in flat.items() if value is not None}


def _inputs(flat: dict[str, Any], inputs: list[dict[str, Any]]) -> None:
    """An input is found by its path, its basename and, where it has one, its name; namesakes are counted
    through.
    """
    for item in inputs:
        digest, path = item.get("digest"), item.get("path")
        if digest is None:
            continue
        names = {str(path): 0, str(path).rpartition("/")[2]: 0, str(item.get("name") or path): 0}
        for name in names:
            column, again = f"data.{name}", 1
            while column in flat:
                again += 1
                column = f"data.{name}{SEP}{again}"
            flat[column] = digest


def _datasets(flat: dict[str, Any], datasets: list[dict[str, Any]]) -> None:
    """What a run was told to have read: by name as inputs are; all names, digests and contexts as lines of a text."""
    names, digests, contexts = {}, {}, {}
    for item in datasets:
        dataset = item.get("dataset") or {}
        name, digest = str(dataset.get("name", "")), str(dataset.get("digest", ""))
        if digest:
            flat.setdefault(f"data.{name}", digest)
        if isinstance(dataset.get("version"), int):
            flat.setdefault(f"data.{name}.version", dataset["version"])
        names[name] = digests[digest] = True
        for tag in item.get("tags") or ():
            if tag.get("key") == "mlflow.data.context":
                contexts[str(tag.get("value"))] = True
    for column, texts in (("name", names), ("digest", digests), ("context", contexts)):
        if texts:
            flat[f"datasets.{column}"] = "\n" + "\n".join(texts) + "\n"


def command_text(command: Any) -> str | None:
    """A command as one line, however it was recorded."""
    if isinstance(command, list):
        return shlex.join(map(str, command))
    return command if command is None else str(command)


def _sent_end(document: dict[str, Any]) -> float | None:
    ended = document.get("ended")
    sent = document.get("ended_ms") if document.get("remote") else ended and round(ended * 1000)
    return sent or None


def _letter(grade: Any) -> Any:
    if isinstance(grade, dict):
        return grade.get("letter") or grade.get("grade")
    return grade


def id_key(run_id: str) -> float:
    """A number that sorts like the id (its 60 bits, halved to fit a float64's 53 without loss of order)."""
    key = 0
    for letter in run_id[:10].ljust(10, "0"):
        key = key * 32 + _ALPHABET.get(letter, ord(letter) % 32)
    return float(key)


def words_of(document: dict[str, Any]) -> tuple[str, str, str, str, str]:
    """Name, notes, tags, command and config, as full text sees them."""
    tags = " ".join(f"{name} {value}" for name, value in document["tags"].items())
    config = " ".join(f"{name} {value}" for name, value in document["config"].items())
    fields = (
        document.get("name"),
        document.get("notes"),
        tags,
        command_text(document.get("command")),
        config,
    )
    name, notes, tags, command, config = (_clean(field) for field in fields)
    return name, notes, tags, command, config


def _clean(text: Any) -> str:
    return "" if text is None else str(text).encode("utf-8", "replace").decode().replace("\0", " ")
