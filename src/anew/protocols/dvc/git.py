"""Git, asked through its own command."""

from __future__ import annotations

import os

from anew.errors import DvcError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_SMALL_SIZE, _MOST_KEPT = 64 << 10, 1000


class Git:
    """The repository around a project."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.ignore_files: list[str] = []  # the .gitignore files that were changed
        # What commits share, such as dvc.yaml, is asked for once; the last list, because several want it in turn.
        self._contents: dict[str, bytes] = {}
        self._listed: tuple[str, str, dict[str, tuple[str, str]]] | None = None

    @classmethod
    def find(cls, start: str) -> Git | None:
        at = start
        while True:
            if os.path.exists(f"{at}/.git"):
                return cls(at)
            above = os.path.dirname(at)
            if above == at:
                return None
            at = above

    def ask(self, *words: str, said: bytes | None = None, fine: tuple[int, ...] = (0,)) -> bytes:
        """What a command prints; DvcError with its message when it does not end as it should."""
        import subprocess

        environ = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
        try:
            done = subprocess.run(
                ["git", "-C", self.root, *words], input=said, capture_output=True, env=environ, check=False
            )
        except FileNotFoundError:
            raise DvcError("git is not installed, and this project is in a Git repository") from None
        if done.returncode not in fine:
            message = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
            raise DvcError(f"git {words[0]} in {self.root}: {message}")
        return done.stdout

    def ignored(self, paths: Iterable[str]) -> set[str]:
        """Those of `paths` that .gitignore files name. A folder is asked about without a slash at its end."""
        names = [self._relative(path) for path in paths]
        if not names:
            return set()
        said = b"\0".join(os.fsencode(name) for name in names) + b"\0"
        out = self.ask("check-ignore", "-z", "--no-index", "--stdin", said=said, fine=(0, 1))
        return {f"{self.root}/{os.fsdecode(name)}" for name in out.split(b"\0") if name}

    def tracked(self, paths: Iterable[str]) -> list[str]:
        """The files that Git tracks at or below `paths`."""
        names = [self._relative(path) for path in paths]
        out = self.ask("--literal-pathspecs", "ls-files", "-z", "--", *names) if names else b""
        return [f"{self.root}/{os.fsdecode(name)}" for name in out.split(b"\0") if name]

    def add(self, paths: Iterable[str]) -> None:
        names = [self._relative(path) for path in paths]
        if names:
            self.ask("--literal-pathspecs", "add", "--all", "--", *names)

    def has_commits(self) -> bool:
        return self.resolve("HEAD") is not None

    def resolve(self, rev: str) -> str | None:
        """The commit that a name stands for."""
        out = self.ask("rev-parse", "--verify", "--quiet", f"{rev}^{{commit}}", fine=(0, 1, 128))
        return out.decode().strip() or None

    def commits(self, *words: str) -> list[str]:
        return self.ask("rev-list", *words, "--").decode().split()

    def branch(self) -> str | None:
        """The name of the branch that is checked out."""
        out = self.ask("symbolic-ref", "--quiet", "--short", "HEAD", fine=(0, 1, 128))
        return os.fsdecode(out).strip() or None

    def names(self, pattern: str) -> list[str]:
        """The names of references below `pattern`, sorted: branches of "refs/heads", tags of "refs/tags"."""
        out = self.ask("for-each-ref", "--format=%(refname)", pattern)
        return sorted(os.fsdecode(line)[len(pattern) + 1 :] for line in out.splitlines())

    def is_dirty(self) -> bool:
        """Whether a tracked file is not as the last commit has it."""
        return bool(self.ask("status", "--porcelain", "--untracked-files=no"))

    def refs(self, *patterns: str) -> list[str]:
        """The commits at the tips of references."""
        out = self.ask("for-each-ref", "--format=%(objectname) %(*objectname) %(objecttype)", *patterns)
        found = []
        for line in out.decode().splitlines():
            direct, peeled, _ = line.split(" ")
            commit = self.resolve(peeled or direct)
            found += [commit] if commit else []
        return found

    def files(self, commit: str, below: str = "") -> dict[str, tuple[str, str]]:
        """Path → (mode, id of its content) of a commit, of what is below a folder; paths are relative to it."""
        if self._listed and self._listed[:2] == (commit, below):
            return self._listed[2]
        out = self.ask("ls-tree", "-r", "-z", "--full-tree", f"{commit}:{below}" if below else commit)
        found = {}
        for row in out.split(b"\0"):
            if row:
                head, name = row.split(b"\t", 1)
                mode, _, digest = head.decode().split(" ")
                found[os.fsdecode(name)] = (mode, digest)
        self._listed = (commit, below, found)
        return found

    def contents(self, digests: Iterable[str]) -> dict[str, bytes]:
        """The bytes of contents, all asked for at once."""
        asked = list(dict.fromkeys(digests))
        found = {digest: self._contents[digest] for digest in asked if digest in self._contents}
        wanted = [digest for digest in asked if digest not in found]
        if not wanted:
            return found
        out = self.ask("cat-file", "--batch", said="".join(f"{digest}\n" for digest in wanted).encode())
        at = 0
        for digest in wanted:
            end = out.index(b"\n", at)
            head = out[at:end].split()
            if len(head) != 3:
                raise DvcError(f"Git has no content {digest} in {self.root}")
            size = int(head[2])
            found[digest] = out[end + 1 : end + 1 + size]
            if size <= _SMALL_SIZE and len(self._contents) < _MOST_KEPT:
                self._contents[digest] = found[digest]
            at = end + 2 + size
        return found

    def _relative(self, path: str) -> str:
        found = os.path.relpath(path, self.root)
        if found.startswith("../"):
            raise DvcError(f"'{path}' is outside of git repository '{self.root}'")
        return found
