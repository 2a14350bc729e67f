"""`.dvcignore`: what DVC does not look at."""

from __future__ import annotations

import os

from anew.errors import DvcError, MissingExtra

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from typing import Any

FILE = ".dvcignore"
DEFAULTS = frozenset({".hg", ".git", ".dvc"})  # folders; and .git as a file, too


class Pattern:
    """One line of one .dvcignore."""

    __slots__ = ("base", "folders_only", "ignores", "line", "regex", "source")

    def __init__(self, regex: re.Pattern[str], ignores: bool, base: str, line: str, source: str) -> None:
        self.regex, self.ignores, self.base, self.line, self.source = regex, ignores, base, line, source
        self.folders_only = line.endswith("/")


class Ignore:
    """The rules of a project. Paths are absolute; a folder's own rules are read when it is first asked about."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._rules: dict[str, tuple[Pattern, ...]] = {}

    def rules(self, folder: str, has_file: bool | None = None) -> tuple[Pattern, ...]:
        """The patterns that hold for what is in `folder`, the strongest last."""
        found = self._rules.get(folder)
        if found is not None:
            return found
        above: tuple[Pattern, ...] = ()
        if folder != self.root and folder.startswith(self.root + "/"):
            above = self.rules(os.path.dirname(folder))
        if has_file is not False:
            above += self._read(folder, above)
        self._rules[folder] = above
        return above

    def _read(self, folder: str, above: tuple[Pattern, ...]) -> tuple[Pattern, ...]:
        path = f"{folder}/{FILE}"
        if above and match(above, path, False):
            return ()
        try:
            with open(path, encoding="utf-8") as file:
                lines = [line.strip() for line in file]
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except UnicodeDecodeError as error:
            raise DvcError(f"{path} is not UTF-8 ({error}): mend it") from error
        name = os.path.relpath(path, self.root)
        found = []
        for number, line in enumerate(lines, 1):
            if line and not line.startswith("#"):
                pattern = _compile(line, folder, f"{name}:{number}:{line}")
                found += [pattern] if pattern else []
        return tuple(found)

    def ignored(self, path: str, is_folder: bool) -> Pattern | None:
        """The pattern by which `path` or a folder that it is in is ignored; None when it is not."""
        found = self.matches(path, is_folder)
        return found[-1] if found and found[-1].ignores else None

    def matches(self, path: str, is_folder: bool) -> list[Pattern]:
        """The patterns that decide about `path`, and about the folders above it as far as one is ignored."""
        parts = path[len(self.root) + 1 :].split("/")
        at = self.root
        found = []
        for position, part in enumerate(parts):
            folder = is_folder or position < len(parts) - 1
            if part == ".git" or (folder and part in DEFAULTS):
                return [Pattern(_never(), True, self.root, part if part == ".git" else f"{part}/", "")]
            rules = self.rules(at)
            at = f"{at}/{part}"
            decided = match(rules, at, folder)
            if decided is not None:
                found.append(decided)
                if decided.ignores:
                    break
        return found


def match(rules: tuple[Pattern, ...], path: str, is_folder: bool) -> Pattern | None:
    """The last pattern that says something about `path`, regardless of the folders above it."""
    for pattern in reversed(rules):
        if pattern.folders_only and not is_folder:
            continue
        name = path[len(pattern.base) + 1 :]
        if pattern.regex.match(name) or (is_folder and pattern.regex.match(name + "/")):
            return pattern
    return None


def _compile(line: str, base: str, source: str) -> Pattern | None:
    regex, ignores = _translate(line)
    if regex is None or ignores is None:
        return None
    import re

    return Pattern(re.compile(regex), ignores, base, line, source)


def _never() -> Any:
    import re

    return re.compile(r"(?!)")


def _translate(line: str) -> Any:
    try:
        try:
            from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern as GitPattern
        except ImportError:  # before pathspec 1
            from pathspec.patterns.gitwildmatch import GitWildMatchPattern as GitPattern
    except ImportError:
        raise MissingExtra("pathspec", "dvc") from None
    try:
        return GitPattern.pattern_to_regex(line)
    except ValueError as error:
        raise DvcError(f"{line!r} in a {FILE} is no pattern ({error}): mend it") from error
