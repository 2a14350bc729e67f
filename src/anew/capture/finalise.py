"""Turns what capture left in a run's spool into the run's record: code, environment, inputs, outputs, seeds, grade.

Called by the supervisor when the script has ended, at exit of a script under plain Python, or by whoever finds a run
whose processes are gone. Reads only the spool and the files themselves; says everything through `emit`.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import stat
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anew.capture import environment as environments
from anew.capture import marks
from anew.capture.code import TEXT_SUFFIXES, Snapshot, take
from anew.capture.files import Sorter, Trace, Use, before_copy, is_new, present_place, read_trace
from anew.capture.grade import grade
from anew.capture.hardware import others
from anew.capture.redact import Redactor, is_secret_file
from anew.capture.standing import standing
from anew.capture.variables import asked, asked_for, named_in, reads_all
from anew.errors import AnewError
from anew.nesting import flatten
from anew.store.ledger import Ledger
from anew.store.location import Store
from anew.store.objects import Entry, Objects

STDIN = "<stdin>"  # stands for the path of what came through a pipe
_MOST_STORED_BYTES = 1 << 30
_MOST_OUTSIDE_BYTES = 64 << 20
_MOST_CODE_BYTES = 16 << 20
_MOST_PIDS = 1000
_MOST_SEARCHED_BYTES = 1 << 20
_MOST_SETTINGS_BYTES = 1 << 20


@dataclass
class Finaliser:
    """One run's end. `shot` is the snapshot taken at its start; `notes` what else bears on the grade."""

    store: Store
    objects: Objects
    run_id: str
    root: Path
    cwd: Path
    shot: Snapshot
    redactor: Redactor
    emit: Callable[[str, dict[str, Any]], None]
    notes: dict[str, Any] = field(default_factory=dict)
    environ: Mapping[str, str] | None = None  # the script's; None when it is not known any more
    places: Mapping[str, str] = field(default_factory=dict)  # paths: where the tracer led who asked for them

    @functools.cached_property
    def spool(self) -> Path:
        return self.store.run(self.run_id) / "spool"

    def finish(self) -> dict[str, Any]:
        """Write the whole record; returns the grade. The spool is gone afterwards."""
        trace = read_trace(self.spool)
        found = trace.files
        reports = self._reports()
        self._said()
        sorter = Sorter(self.root, self.store.root, self.cwd)
        _drop_installed(found, reports, sorter)
        code = self._code(found, reports, sorter)
        inputs = self._inputs(found, sorter)
        self._datasets(inputs)
        self._variables(code, inputs)
        if trace.unwatched:
            self._unseen(trace, sorter)
        self._outputs(found, sorter)
        self._links(trace.links, sorter)
        self._empty_folders(trace.folders, sorter)
        environment = self._environment(reports)
        seeds = self._seeds(reports)
        network = others(trace.network)
        if network:
            self.notes["network"] = network
            self.emit("run", {"network": network})
        made = [sorter.name(path) for path in trace.folders if not sorter.ignored(path) and not sorter.temporary(path)]
        if made:
            self.emit("run", {"made_folders": made[:1000]})
        self._stood(trace, sorter)
        self.emit("run", {"pids": sorted({*trace.pids, *(report["pid"] for report in reports)})[:_MOST_PIDS]})
        result = grade(code, environment, inputs, seeds, self.notes)
        self.emit("grade", result)
        self.objects.flush()
        shutil.rmtree(self.spool, ignore_errors=True)
        return result

    def _stood(self, trace: Trace, sorter: Sorter) -> None:
        """Keep what stood in the project at the start, without what the run had made by the time it was listed."""
        fresh = [path for path, use in trace.files.items() if use.written and is_new(self.spool, path)]
        made = {sorter.name(path) for path in [*trace.folders, *fresh]}
        stood = {name: facts for name, facts in self.notes.get("stood", {}).items() if name not in made}
        if stood:
            self.emit("run", {"stood": self.objects.put_bytes(json.dumps(stood, sort_keys=True).encode())})

    def _reports(self) -> list[dict[str, Any]]:
        """The traced processes' last words, main process first."""
        found = []
        for path in self.spool.glob("exit-*.json"):
            try:
                found.append((path.stat().st_mtime_ns, dict(json.loads(path.read_text(errors="replace")))))
            except (OSError, ValueError):
                continue  # killed while writing
        # Children leave before their parents: the last to go is the main process.
        return [report for _, report in sorted(found, key=lambda pair: -pair[0])]

    def _said(self) -> None:
        try:
            lines = (self.spool / "said").read_text(errors="surrogateescape").splitlines()
        except OSError:
            return
        for line in lines:
            try:
                said = json.loads(line)
                kind, body = said["kind"], said["body"]
            except (ValueError, KeyError):
                continue
            if kind == "config":
                self.emit("config", dict(self.redactor.value("", body)))  # type: ignore[call-overload]
            elif kind == "problem":
                self.notes.setdefault("problems", []).append(body["what"])
            elif kind == "figure":
                self._figure(body)

    def _figure(self, body: dict[str, Any]) -> None:
        try:
            found = self.objects.put_file(self.spool / body["file"])
        except (AnewError, OSError) as error:
            self.notes.setdefault("problems", []).append(f"figure {body['name']}: {error}")
            return
        self.emit(
            "output",
            {"path": body["name"], "name": body["title"] or body["name"], "type": "figure", "shown": True}
            | {"digest": found.digest, "size": found.size},
        )

    def _code(self, found: dict[str, Use], reports: list[dict[str, Any]], sorter: Sorter) -> dict[str, Any]:
        """Add what was imported or opened to the snapshot, and say which files were in use."""
        modules = {self._led(path): name for report in reports for name, path in report["modules"]}
        known_as = {there: path for path, there in self.places.items()}
        opened = [path for path, use in found.items() if sorter.role(path) == "code" and use.first == "r"]
        opened += [_source_of(path) for path in found if path.endswith(".pyc") and "__pycache__" in path]
        used: dict[str, str] = {}
        outside: dict[str, dict[str, Any]] = {}
        body = self.shot.body
        self._undo_own_writes(found, sorter)
        for path in dict.fromkeys([*opened, *modules]):
            if "/site-packages/" in path or "/dist-packages/" in path or sorter.ignored(path):
                continue
            if not os.path.isfile(path) or path.endswith(".so"):
                continue
            entry = self._code_file(path, sorter.name(path), found.get(path), sorter)
            if entry is None:
                continue
            original = body.get("redacted", {}).get(sorter.name(path), entry.digest)
            name = known_as.get(path, sorter.name(path))
            used[name] = original
            if not sorter.inside(path):
                outside[name] = {"digest": entry.digest, "import_root": _import_root(name, modules.get(path))}
                outside[name] |= {"executable": True} if entry.executable else {}
        body |= {"used": used, "outside": outside, "import_roots": self._import_roots(modules)}
        body = self.shot.store(self.objects)
        self.emit("code", body)
        return body

    def _led(self, path: str) -> str:
        """Where the file is that the run knew as `path`."""
        for known, there in self.places.items():
            if path == known or path.startswith(known + "/"):
                return there + path[len(known) :]
        return path

    def _variables(self, code: dict[str, Any], inputs: list[dict[str, Any]]) -> None:
        """Add the variables that the code in use asks for to those that are kept of every run."""
        if self.environ is None:
            return
        programs = [item["digest"] for item in inputs if item["role"] == "program" and item.get("stored")]
        sources, binaries = self._contents(code["used"].values()), self._contents(programs)
        texts = [source.decode("utf-8", "replace") for source in sources]
        names = asked_for(texts).union(*(named_in(binary, self.environ) for binary in binaries))
        found, unset = asked(names, self.environ, self.redactor)
        kept = self.redactor.environment(self.environ) | found
        if found or unset:
            self.emit("run", {"variables": kept, "variables_unset": [name for name in unset if name not in kept]})
        if reads_all(texts):
            self.notes["all_variables"] = True
            self.emit("run", {"variables_marks": marks.of_variables(self.store, self.environ, kept)})

    def _contents(self, digests: Iterable[str]) -> list[bytes]:
        contents = []
        for digest in digests:
            try:
                contents.append(self.objects.get_bytes(digest))
            except AnewError:
                continue
        return contents

    def _import_roots(self, modules: dict[str, str]) -> list[str]:
        """Entries of sys.path inside the project that an editable install (say) put there."""
        main = next((path for path, name in modules.items() if name == "__main__"), "")
        own = {os.path.dirname(main), str(self.cwd)}
        roots = {_import_root(path, name) for path, name in modules.items() if path.startswith(f"{self.root}/")}
        return sorted(roots - own)

    def _undo_own_writes(self, found: dict[str, Use], sorter: Sorter) -> None:
        """The snapshot is taken while the script already runs: what the script wrote meanwhile is not part of it."""
        for path, use in found.items():
            name = sorter.name(path)
            if not use.written or name not in self.shot.entries:
                continue
            copy = before_copy(self.spool, path)
            entry = None if copy is None else take(copy, name, self.objects, self.redactor, self.shot.body)
            if entry is not None:
                self.shot.entries[name] = entry
            elif copy is None:
                del self.shot.entries[name]

    def _code_file(self, path: str, name: str, use: Use | None, sorter: Sorter) -> Entry | None:
        known = self.shot.entries.get(name)
        copy = before_copy(self.spool, path)
        try:
            if known is not None and (copy is not None or not self._was_edited_before(name, use)):
                return known
            if known is not None and use is not None:
                info = os.stat(path)
                if (info.st_size, info.st_mtime_ns) != (use.size, use.mtime_ns):
                    self.shot.body.setdefault("changed", []).append(name)  # once more: what ran is gone
                    return known
            entry = take(copy or Path(path), name, self.objects, self.redactor, self.shot.body, _MOST_CODE_BYTES)
        except (OSError, AnewError):
            return None
        if entry is not None and sorter.inside(path):
            self.shot.entries[name] = entry
        return entry

    def _was_edited_before(self, name: str, use: Use | None) -> bool:
        """Whether a source file was changed after the snapshot of the start, and then opened."""
        stood = self.notes.get("stood", {}).get(name)
        return bool(use is not None and use.mtime_ns and stood and list(stood) != [use.size, use.mtime_ns])

    def _inputs(self, found: dict[str, Use], sorter: Sorter) -> list[dict[str, Any]]:
        inputs = []
        for path, use in found.items():
            role = sorter.role(path)
            compiled = use.ran or sorter.inside(path)
            if use.first not in "rapu" or sorter.ignored(path, compiled=compiled) or role == "code":
                continue
            role = "program" if use.ran else role
            if use.first in "ap" and before_copy(self.spool, path) is None and use.written and use.size == 0:
                continue  # made by this run
            present = present_place(found, path) if use.moved_away else path
            item = self._input(path, use, {"path": sorter.name(path), "role": role}, present, sorter.inside(path))
            if item is not None:
                inputs.append(item)
                self.emit("input", item)
                if item["role"] == "config" and item.get("stored"):
                    self._settings(item)
        piped = self._piped()
        if piped is not None:
            inputs.append(piped)
            self.emit("input", piped)
        return inputs

    def _datasets(self, inputs: list[dict[str, Any]]) -> None:
        """The versions of data that these files are of."""
        from anew.data.datasets import Datasets
        from anew.data.linking import versions_read

        for body in versions_read(Path(self.root), self.objects, Datasets(Ledger(self.store.ledger)), inputs):
            self.emit("dataset", body)

    def _piped(self) -> dict[str, Any] | None:
        """What was read from the pipe that was the run's standard input."""
        copy = self.spool / "stdin"
        if not copy.exists():
            return None
        size = copy.stat().st_size
        item = {"path": STDIN, "role": "data", "outside": False, "digest": "", "size": size, "stored": False}
        if (self.spool / "stdin.lost").exists():
            return item | {"problem": "it could not be written to the store as it was read"}
        secret = self._holds_secret("stdin.txt", copy, size)
        ref = self.objects.hash_file(copy) if secret else self.objects.put_file(copy)
        return item | {"digest": ref.digest, "stored": not secret} | ({"secret": True} if secret else {})

    def _settings(self, item: dict[str, Any]) -> None:
        """The settings in a JSON or TOML file that the run read (YAML is said by the run itself, see listen.py)."""
        parse = {".json": json.loads, ".toml": tomllib.loads}.get(os.path.splitext(item["path"])[1].lower())
        if parse is None or item["size"] > _MOST_SETTINGS_BYTES:
            return
        try:
            values = parse(self.objects.get_bytes(item.get("stored_as", item["digest"])).decode())
        except (AnewError, ValueError, RecursionError):
            return  # not what its name says: the file itself is kept all the same
        if isinstance(values, dict):
            shown = {key: self.redactor.value(key, value) for key, value in flatten(values, ".").items()}
            self.emit("config", {"values": shown, "source": item["path"]})

    def _input(self, path: str, use: Use, item: dict[str, Any], present: str, inside: bool) -> dict[str, Any] | None:
        item["outside"] = not inside
        if not use.read:
            item["appended_to"] = True  # it must stand there again, but can't have moved a result
        if is_secret_file(os.path.basename(path)):
            said = {"secret": True, "digest": "", "size": use.size, "stored": False}
            try:
                said["mark"] = marks.mark(self.store, Path(present).read_bytes())
            except OSError:
                pass
            return item | said
        copy = before_copy(self.spool, path)
        source = present if copy is None else str(copy)
        try:
            info = os.stat(source)
            if copy is None and use.mtime_ns and (info.st_size, info.st_mtime_ns) != (use.size, use.mtime_ns):
                item["changed"] = True
            if info.st_mode & stat.S_IXUSR:
                item["executable"] = True
            most = _MOST_STORED_BYTES if inside else _MOST_OUTSIDE_BYTES
            keep = info.st_size <= most
            if keep and (item["role"] == "config" or (item["role"] == "program" and _is_script(source))):
                entry = take(Path(source), item["path"], self.objects, self.redactor, self.shot.body, _MOST_CODE_BYTES)
                if entry is not None:
                    original = self.shot.body.get("redacted", {}).get(item["path"], entry.digest)
                    stored = {"stored_as": entry.digest} if original != entry.digest else {}
                    return item | {"digest": original, "size": info.st_size, "stored": True} | stored
            ref = self.objects.hash_file(source)
            if keep and not self.objects.has(ref.digest):  # what is there was looked through when it came
                if self._holds_secret(path, source, info.st_size):
                    item["secret"], keep = True, False
                else:
                    ref = self.objects.put_file(source)
        except FileNotFoundError:
            return None if not inside else item | {"digest": "", "size": use.size, "stored": False}
        except (OSError, AnewError) as error:
            return item | {"digest": "", "size": use.size, "stored": False, "problem": str(error)}
        return item | {"digest": ref.digest, "size": ref.size, "stored": keep}

    def _outputs(self, found: dict[str, Use], sorter: Sorter) -> None:
        for path, use in found.items():
            if use.gone and sorter.inside(path) and not sorter.ignored(path) and not os.path.lexists(path):
                if before_copy(self.spool, path) is not None:
                    item = {"path": sorter.name(path), "name": sorter.name(path), "type": "removed", "stored": True}
                    self.emit("output", item | {"digest": self.objects.put_bytes(b"removed\n"), "size": 8})
                continue
            if not use.written or use.moved_away or sorter.ignored(path):
                continue
            if sorter.temporary(path) and not self._named_in_code(path):
                continue  # scratch
            if not os.path.isfile(path):
                continue
            if is_secret_file(os.path.basename(path)):
                self._secret_output(path, sorter)
                continue
            copy = before_copy(self.spool, path)
            try:
                size = os.stat(path).st_size
                secret = self._holds_secret(path, Path(path), size)
                keep = size <= _MOST_STORED_BYTES and not secret
                ref = self.objects.put_file(Path(path)) if keep else self.objects.hash_file(Path(path))
                if copy is not None and use.first in "ap" and self.objects.hash_file(copy).digest == ref.digest:
                    continue  # opened for writing, and left as it was
            except (OSError, AnewError) as error:
                self.notes.setdefault("problems", []).append(f"output {sorter.name(path)}: {error}")
                continue
            item = {"path": sorter.name(path), "name": sorter.name(path), "type": _output_type(path), "stored": keep}
            item |= {"secret": True} if secret else {}
            self.emit("output", item | {"digest": ref.digest, "size": ref.size})

    def _secret_output(self, path: str, sorter: Sorter) -> None:
        """A file that is never kept, going by its name: only that it changed can be told."""
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            self.notes.setdefault("problems", []).append(f"output {sorter.name(path)}: {error}")
            return
        item = {"path": sorter.name(path), "name": sorter.name(path), "type": _output_type(path), "stored": False}
        self.emit("output", item | {"secret": True, "mark": marks.mark(self.store, data), "size": len(data)})

    def _unseen(self, trace: Trace, sorter: Sorter) -> None:
        """Programs ran that could not be watched: what changed in the project and nobody noted is theirs."""
        self.notes["unwatched_programs"] = sorted({os.path.basename(path) for path in trace.unwatched})
        before, now = self.notes.get("stood", {}), standing(self.root)
        for name in [name for name, facts in now.items() if before.get(name) != facts and facts[0] >= 0]:
            path = f"{self.root}/{name}"
            if path not in trace.files and not sorter.ignored(path) and sorter.role(path) != "code":
                trace.files[path] = Use(path, "w", written=True)

    def _links(self, links: list[str], sorter: Sorter) -> None:
        """Symbolic links that the run left in its project: where they lead is a result."""
        for path in links:
            if not sorter.inside(path) or sorter.ignored(path) or not os.path.islink(path):
                continue
            target = os.readlink(path)
            data = os.fsencode(f"-> {target}\n")
            item = {"path": sorter.name(path), "name": sorter.name(path), "type": "link", "target": target}
            self.emit("output", item | {"digest": self.objects.put_bytes(data), "size": len(data), "stored": True})

    def _empty_folders(self, folders: list[str], sorter: Sorter) -> None:
        """Folders that the run made in its project and put nothing in: their names are all there is of them."""
        for path in folders:
            if sorter.inside(path) and not sorter.ignored(path) and os.path.isdir(path) and not os.listdir(path):
                item = {"path": sorter.name(path), "name": sorter.name(path), "type": "folder", "stored": True}
                self.emit("output", item | {"digest": self.objects.put_bytes(b"an empty folder\n"), "size": 16})

    def _named_in_code(self, path: str) -> bool:
        """Whether the source in use spells the path out: then a file in a temporary folder is a result."""
        for digest in self.shot.body.get("used", {}).values():
            try:
                if os.fsencode(path) in self.objects.get_bytes(digest):
                    return True
            except AnewError:
                continue
        return False

    def _holds_secret(self, path: str, present: str | Path, size: int) -> bool:
        """Whether a small text file has a secret in it: then its digest is kept, and not its content."""
        if size > _MOST_SEARCHED_BYTES or os.path.splitext(path)[1].lower() not in TEXT_SUFFIXES:
            return False
        data = Path(present).read_bytes()
        return self.redactor.data(data) != data

    def _environment(self, reports: list[dict[str, Any]]) -> dict[str, Any]:
        main = reports[0] if reports else {}
        found = environments.interpreter(
            main.get("executable"), main.get("prefix"), self.store.root / "index" / "environments"
        )
        files = [path for report in reports for _, path in report["modules"]]
        versions, edited = environments.used(found, files)
        found = environments.without_logins(found, self.redactor)
        body = {
            "python": found.get("version", ""),
            "implementation": found.get("implementation", ""),
            "executable": found.get("executable", ""),
            "packages": versions,
            "edited": edited,
            "digest": self.objects.put_bytes(json.dumps(found, sort_keys=True).encode()),
            "threads": main.get("threads", {}),
            "native": main.get("native", {}),
        }
        self.emit("environment", body)
        return body

    def _seeds(self, reports: list[dict[str, Any]]) -> dict[str, Any]:
        main = reports[0] if reports else {}
        draws: dict[str, dict[str, int]] = {}
        for report in reports:
            for who, amount in report["draws"].items():
                total = draws.setdefault(who, {"times": 0, "bytes": 0})
                total["times"] += amount["times"]
                total["bytes"] += amount["bytes"]
        body = {
            "generators": main.get("generators", {}),
            "draws": draws,
            "seeded": main.get("seeded", []),
            "replayable": bool(main.get("replayable")),
            "hash_randomized": bool(main.get("hash_randomized")),
        }
        if not reports:
            # No Python among its programs, or one that was killed before it could say what it did.
            self.notes["killed"] = self.notes.get("killed", False) or bool(list(self.spool.glob("tickets")))
            body["replayable"] = bool(self.notes.get("entropy"))
        self.emit("seeds", body)
        return body


def _drop_installed(found: dict[str, Use], reports: list[dict[str, Any]], sorter: Sorter) -> None:
    """Leave out the programs and libraries that come with the system or with an interpreter that took part."""
    prefixes = {prefix for report in reports for prefix in report.get("prefixes", ())}
    for path in [path for path, use in found.items() if use.ran and sorter.installed(path, prefixes)]:
        del found[path]


def _is_script(path: str) -> bool:
    """Whether a program is text, which may hold secrets as other source does."""
    with open(path, "rb") as file:
        return file.read(2) == b"#!"


def _source_of(cached: str) -> str:
    folder, _, name = cached.rpartition("/__pycache__/")
    return f"{folder}/{name.partition('.')[0]}.py"


def _import_root(path: str, module: str | None) -> str:
    """The entry of sys.path that the module was found under."""
    depth = (module or "").count(".") + (1 if path.endswith("/__init__.py") else 0)
    parent = Path(path).parent
    for _ in range(depth if module and module != "__main__" else 0):
        parent = parent.parent
    return str(parent)


def _output_type(path: str) -> str:
    suffix = os.path.splitext(path)[1].lower()
    if suffix in {".png", ".svg", ".pdf", ".jpg", ".jpeg", ".gif", ".webp"}:
        return "figure"
    if suffix in {
        ".pt",
        ".pth",
        ".ckpt",
        ".pkl",
        ".pickle",
        ".joblib",
        ".h5",
        ".keras",
        ".onnx",
        ".safetensors",
        ".ubj",
        ".bst",
    }:
        return "model"
    return "file"
