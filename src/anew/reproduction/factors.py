"""What differs between two runs, factor by factor, as far as it bears on the result; nothing is guessed.

A cause is a dict: `factor` (code, data, config, environment, seed, nondeterminism, hardware, time, network), `what`
(the file, package, setting or generator), `before`, `after`, and `detail` where there is more to show.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from typing import Any

from anew.capture import bootstrap
from anew.capture.marks import differ
from anew.errors import AnewError
from anew.reproduction.record import Record
from anew.store.objects import Objects

Cause = dict[str, Any]

# Most likely first: what a person changed, then what the world changed.
RANK = ["code", "data", "config", "seed", "environment", "hardware", "network", "time", "nondeterminism"]
_SEED_NAME = re.compile(r"(^|[._-])(seed|random_state|rng|random_seed)s?$", re.I)
# They say how a program is shown or found, not what it computes.
_IDLE_VARIABLES = {
    "PYTHONPATH", "PYTHONHASHSEED", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONWARNINGS", "PYTHONSTARTUP",
    "PYTHONIOENCODING", "PYTHONBREAKPOINT", "PYTHONFAULTHANDLER", "PYTHONPYCACHEPREFIX", "PYTHONUSERBASE", "MPLBACKEND",
    "VIRTUAL_ENV", "CONDA_DEFAULT_ENV", "TF_CLI_CONFIG_FILE", "MPLCONFIGDIR", "TOKENIZERS_PARALLELISM",
}  # fmt: skip
# They name the job, the node or the port; the ranks and sizes beside them are kept.
_IDLE_PREFIXES = (
    "SLURM_JOB",
    "SLURM_NODE",
    "SLURM_SUBMIT",
    "SLURM_STEP",
    "SLURM_TASK_PID",
    "RAY_",
    "MASTER_",
    "SLURMD_",
)
# Ours, or what every script of this kind loads without a word about its result.
_IDLE_PACKAGES = {"anew", "pip", "setuptools", "wheel", "uv"}
_HARDWARE = ("machine", "cpu", "cpu_features", "cores_usable", "cpu_quota", "gpus")
_MOST_DIFF_LINES = 400


def cause(factor: str, what: str, before: Any, after: Any, detail: str = "") -> Cause:
    made: Cause = {"factor": factor, "what": what, "before": before, "after": after}
    return made | {"detail": detail} if detail else made


def differences(a: Record, b: Record) -> list[Cause]:
    """Everything captured that differs and can have moved a result, most likely first."""
    found = [*_code(a, b), *_data(a, b), *_config(a, b), *_environment(a, b), *_hardware(a, b)]
    found = _without_explained(found)
    found += _seed(a, b, found)
    return sorted(found, key=lambda item: RANK.index(item["factor"]))


def _without_explained(found: list[Cause]) -> list[Cause]:
    """A config file is no cause beside the settings in it, where these are all that changed in it."""
    keyed = [item for item in found if item["factor"] in ("config", "seed") and "digest" not in item]
    kept = []
    for item in found:
        explaining = _settings_behind(item, keyed) if item.pop("digest", None) and item["factor"] == "config" else []
        for setting in explaining:
            setting["detail"] = f"in {item['what']}"
        if not explaining:
            kept.append(item)
    return kept


def _settings_behind(file: Cause, keyed: list[Cause]) -> list[Cause]:
    """The settings whose values stand in the changed lines of a config file; none where one line is not explained."""
    lines = [line for line in file.get("detail", "").splitlines()[2:] if line[:1] in "+-"]
    behind: list[Cause] = []
    for line in lines:
        side = "before" if line[0] == "-" else "after"
        at = [c for c in keyed if c["what"].rpartition(".")[2] in line and _spelt(c[side]) in line.lower()]
        if not at:
            return []
        behind += [setting for setting in at if setting not in behind]
    return behind


def _spelt(value: Any) -> str:
    return str(value).lower()


def _code(a: Record, b: Record) -> Iterator[Cause]:
    old, new = ((record.document.get("code") or {}).get("used") or {} for record in (a, b))
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if before != after and not _not_reached(name, before, after, a, b):
            yield cause("code", name, before, after, text_diff(name, before, after, a.objects, b.objects))


def _not_reached(name: str, before: str | None, after: str | None, a: Record, b: Record) -> bool:
    """Whether a file is missing from a run only because that one ended before it came to it.

    A file that is gone from the project is another matter: it may be why the run ended.
    """
    short, whole = (b, a) if after is None else (a, b)
    if (before and after) or short.document.get("exit_code") == whole.document.get("exit_code"):
        return False
    if short.document.get("exit_code") == 0:
        return False
    root = short.side.root
    return not os.path.isdir(root) or os.path.exists(os.path.join(root, name))


def text_diff(name: str, before: str | None, after: str | None, old: Objects, new: Objects) -> str:
    """A unified diff of two stored texts; "" when either is not text, or not stored."""
    texts = []
    for digest, objects in ((before, old), (after, new)):
        try:
            texts.append(objects.get_bytes(digest).decode() if digest else "")
        except (AnewError, UnicodeDecodeError):
            return ""
    old_lines, new_lines = (text.splitlines() for text in texts)
    placed = _in_place(old_lines, new_lines)
    if placed:
        # Lines that stand in many places (the figures of a table) lead difflib astray: told apart by where they stand.
        old_lines, new_lines = ([f"{at}\0{line}" for at, line in enumerate(side)] for side in (old_lines, new_lines))
    told = difflib.unified_diff(old_lines, new_lines, f"a/{name}", f"b/{name}", lineterm="", n=2)
    shown = [line[0] + line.partition("\0")[2] if placed and "\0" in line else line for line in told]
    if len(shown) > _MOST_DIFF_LINES:
        shown = [*shown[:_MOST_DIFF_LINES], f"… {len(shown) - _MOST_DIFF_LINES} more lines"]
    return "\n".join(shown)


def _in_place(old: list[str], new: list[str]) -> bool:
    """Whether lines were changed where they stand: as many as before, and no more than a quarter of them others."""
    return len(old) == len(new) and sum(a != b for a, b in zip(old, new, strict=True)) * 4 <= len(old)


def _data(a: Record, b: Record) -> Iterator[Cause]:
    old, new = (
        {
            record.document.get("aside", {}).get(item["path"], item["path"]): item
            for item in record.document.get("inputs", [])
            if not item.get("appended_to")
        }
        for record in (a, b)
    )
    for path in sorted(old.keys() | new.keys()):
        before, after = old.get(path, {}), new.get(path, {})
        if before.get("digest") == after.get("digest"):
            if differ(before.get("mark", ""), after.get("mark", "")):
                yield cause("config", path, "", "", "it holds secrets, so what changed is not kept")
            continue
        if _not_reached(path, before.get("digest"), after.get("digest"), a, b):
            continue
        role = before.get("role") or after.get("role")
        factor = {"config": "config", "program": "code"}.get(str(role), "data")
        digests = before.get("digest"), after.get("digest")
        if role == "config":
            detail = text_diff(path, *digests, a.objects, b.objects)
        else:
            detail = table_diff(before, after, a.objects, b.objects)
        yield cause(factor, path, *digests, detail) | {"digest": True}


def table_diff(before: Cause, after: Cause, old: Objects, new: Objects) -> str:
    """For small texts (CSV and the like): which lines, and how many; for the rest, the sizes."""
    if not (before.get("digest") and after.get("digest")):
        return "read by the second run only" if not before.get("digest") else "read by the first run only"
    sizes = f"{before['size']:,} -> {after['size']:,} bytes"
    if max(before["size"], after["size"]) > 16 << 20:
        return sizes
    try:
        lines = [
            objects.get_bytes(item["digest"]).decode().splitlines() for objects, item in ((old, before), (new, after))
        ]
    except (AnewError, UnicodeDecodeError):
        return sizes
    if len(lines[0]) == len(lines[1]):
        changed = [number for number, pair in enumerate(zip(*lines, strict=True), 1) if pair[0] != pair[1]]
        if changed:
            first = changed[0]
            shown = "\n".join(f"{sign} {side[first - 1][:200]}" for sign, side in zip("-+", lines, strict=True))
            return f"{len(changed):,} of {len(lines[0]):,} lines changed, the first is line {first}\n{shown}"
        return "line ends only"
    gone, come = (len(set(lines[i]) - set(lines[1 - i])) for i in (0, 1))
    return f"{len(lines[0]):,} -> {len(lines[1]):,} lines; {gone:,} of them gone or changed, {come:,} new"


def _config(a: Record, b: Record) -> Iterator[Cause]:
    old, new = (record.document.get("config") or {} for record in (a, b))
    roots = a.side.root, b.side.root
    named = False
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if _same_but_root(before, after, roots):
            continue
        named = True
        yield cause("seed" if _SEED_NAME.search(key) else "config", key, before, after)
    words = [list(record.document.get("command") or []) for record in (a, b)]
    if not named and not _same_but_root(words[0], words[1], roots):
        yield cause("config", "arguments", " ".join(words[0]), " ".join(words[1]))


def _same_but_root(before: Any, after: Any, roots: tuple[str, str]) -> bool:
    if isinstance(before, str) and isinstance(after, str):
        return before == after or before.replace(roots[0], "<root>") == after.replace(roots[1], "<root>")
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return all(_same_but_root(x, y, roots) for x, y in zip(before, after, strict=True))
    return bool(before == after and type(before) is type(after))


def _environment(a: Record, b: Record) -> Iterator[Cause]:
    old, new = (record.document.get("environment") or {} for record in (a, b))
    if old.get("python") != new.get("python"):
        yield cause("environment", "python", old.get("python"), new.get("python"))
    packages = old.get("packages", {}), new.get("packages", {})
    for name in sorted(packages[0].keys() | packages[1].keys()):
        before, after = packages[0].get(name), packages[1].get(name)
        # A package that only one of them loaded is a consequence of code or data, unless its version changed too.
        if before != after and before and after and name not in _IDLE_PACKAGES:
            yield cause("environment", name, before, after)
    edits = old.get("edited", {}), new.get("edited", {})
    for path in sorted(edits[0].keys() | edits[1].keys()):
        if edits[0].get(path) != edits[1].get(path):
            yield cause("environment", f"edited: {path}", edits[0].get(path), edits[1].get(path))
    marks = a.document.get("variables_marks", {}), b.document.get("variables_marks", {})
    for name in sorted(marks[0].keys() | marks[1].keys()):
        there = [name in side for side in marks]
        if all(marks) and (there[0] != there[1] or differ(marks[0].get(name, ""), marks[1].get(name, ""))):
            states = ["set" if held else "not set" for held in there]
            yield cause("environment", name, *(states if there[0] != there[1] else ("a value", "another value")))
    variables = a.document.get("variables", {}), b.document.get("variables", {})
    for name in sorted(variables[0].keys() | variables[1].keys()):
        before, after = variables[0].get(name), variables[1].get(name)
        if name in _IDLE_VARIABLES or name.startswith(_IDLE_PREFIXES):
            continue
        if not _same_but_root(before, after, (a.side.root, b.side.root)):
            yield cause("environment", name, before, after)
    threads = old.get("threads", {}).get("torch"), new.get("threads", {}).get("torch")
    told = any(name.endswith("_NUM_THREADS") for name, _ in variables[0].items() ^ variables[1].items())
    if all(threads) and threads[0] != threads[1] and not told:
        yield cause("environment", "torch threads", *threads)


def _hardware(a: Record, b: Record) -> Iterator[Cause]:
    old, new = (record.document.get("hardware") or {} for record in (a, b))
    for name in _HARDWARE:
        if old and new and old.get(name) != new.get(name):
            yield cause("hardware", name, old.get(name), new.get(name))
    paths = [(record.document.get("environment") or {}).get("native", {}) for record in (a, b)]
    for library in sorted(paths[0].keys() & paths[1].keys()):
        for name in ("core", "capability", "devices", "cuda", "cudnn"):
            before, after = paths[0][library].get(name), paths[1][library].get(name)
            if before and after and before != after:
                yield cause("hardware", f"{library} {name}", before, after)


def _seed(a: Record, b: Record, others: list[Cause]) -> list[Cause]:
    """Different randomness: other system entropy that was drawn on, another hash seed, another explicit seed."""
    old, new = (record.document.get("seeds") or {} for record in (a, b))
    found = []
    drawn = sorted(set(random_sources(old)) | set(random_sources(new)))
    # Ids that a library draws for what it writes (matplotlib for an SVG, say) move nothing where something else did.
    ids = [name for name in drawn if name.startswith("uuid.uuid4 (")]
    drawn = [name for name in drawn if name not in ids] or ([] if others else ids)
    if old.get("entropy") != new.get("entropy") and drawn:
        found.append(cause("seed", ", ".join(drawn), "drawn from the system", "drawn from the system, another value"))
    if old.get("hash_seed") != new.get("hash_seed") or old.get("hash_randomized") or new.get("hash_randomized"):
        hashes = [(s.get("hash_seed") or "random") if not s.get("hash_randomized") else "random" for s in (old, new)]
        if hashes != ["0", "0"]:
            found.append(cause("seed", "PYTHONHASHSEED", *hashes))
    explained = any(item["factor"] in ("code", "seed", "config") for item in others)
    if not explained:
        found += explicit_seeds(old, new)
    return found


def explicit_seeds(old: dict[str, Any], new: dict[str, Any]) -> list[Cause]:
    """Calls like `numpy.random.seed(x)` that got another x."""
    calls = old.get("seeded", []), new.get("seeded", [])
    return [
        cause("seed", f"{x['generator']} seed", x["seed"], y["seed"])
        for x, y in zip(*calls, strict=False)
        if x["generator"] == y["generator"] and x["seed"] != y["seed"]
    ]


def random_sources(seeds: dict[str, Any]) -> list[str]:
    """What of the run's randomness came from the system and can have moved its result."""
    entropy = bootstrap.module("entropy")
    aside = {*entropy.HOUSEKEEPING, entropy.SECRETS, "import"}
    found = [name for name, state in seeds.get("generators", {}).items() if state.get("drawn_unseeded")]
    found += [who for who in seeds.get("draws", {}) if who not in aside]
    return found
