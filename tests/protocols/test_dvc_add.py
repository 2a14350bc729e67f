"""`init`, `add`, `commit`, `status`, `checkout`, `config`: beside the real dvc, and in turn with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from anew.errors import Conflict
from protocols.dvc_twins import ANEW, DVC, ODD_NAMES, Shared, Side, Twins, clear, make_twins, shared, twins

__all__ = ["shared", "twins"]
pytestmark = pytest.mark.real


def test_init_makes_what_dvc_makes(tmp_path: Path) -> None:
    twins = make_twins(tmp_path, start=False)
    twins.both("init")
    assert twins.ours.git("status", "--short") == twins.theirs.git("status", "--short")
    twins.both("init", code=1)
    twins.prepare(lambda side: side.write(".dvc/cache/files/md5/00/x", "x"))
    twins.both("init", "-f", "-q")
    twins.prepare(lambda side: (side.root / "sub").mkdir())
    twins.both("init", "--subdir", cwd="sub")
    twins.both("init", "--no-scm", "--subdir", cwd="sub", code=255)
    twins.prepare(lambda side: (side.root.parent / "bare").mkdir())
    twins.both("init", code=1, cwd="../bare")
    twins.both("init", "--no-scm", cwd="../bare")
    assert (twins.ours.root / "../bare/.dvc/config").read_text() == (
        twins.theirs.root / "../bare/.dvc/config"
    ).read_text()


def test_no_project_is_253_and_wrong_usage_254(twins: Twins) -> None:
    twins.prepare(lambda side: (side.root.parent / "out").mkdir())
    for words in (("status",), ("root",), ("add", "x"), ("checkout",)):
        twins.both(*words, cwd="../out", code=253)
    for words in (("nope",), ("add",), ("status", "--nope"), ()):
        twins.both(*words, code=254)
    assert twins.both("root")[0] == ".\n"
    assert twins.both("root", cwd="..", code=253)


def test_odd_names_are_added_as_dvc_adds_them(twins: Twins) -> None:
    for name in ODD_NAMES:
        twins.write(name, name)
        twins.write(f"folder/{name}/{name}", name * 2)
    twins.both("add", "--quiet", "folder", *(f"./{name}" for name in ODD_NAMES))
    assert twins.same_json("status", "--json") == {}
    twins.both("add", "folder")  # once more changes nothing
    assert twins.same_json("status", "--json") == {}


def test_empty_executable_linked_and_nested_things(twins: Twins) -> None:
    def make(side: Side) -> None:
        side.write("zero", b"")
        side.write("run.sh", "echo", executable=True)
        side.write("d/run.sh", "echo", executable=True)
        side.write("d/zero", b"")
        side.write("d/.git/config", "not data")
        side.write("d/.gitignore", "x")
        side.write("d/project/.dvc/config", "")
        side.write("d/project/lost", "x")
        side.write("outside", "far")
        (side.root / "d/empty/deeper").mkdir(parents=True)
        (side.root / "empty").mkdir()
        os.symlink("../outside", side.root / "d/link")
        os.symlink("sub", side.root / "d/folder-link")
        side.write("d/sub/x", "x")
        os.symlink("outside", side.root / "link")

    twins.prepare(make)
    twins.both("add", "-q", "zero", "run.sh", "d", "empty", same_files=False)
    for side in (twins.ours, twins.theirs):
        (side.root / "d/link").unlink(missing_ok=True)  # dvc puts a file in its place, we leave the link
        (side.root / "link").unlink(missing_ok=True)
    twins.same_files()


def test_what_dvc_refuses_is_refused(twins: Twins) -> None:
    def make(side: Side) -> None:
        side.write("tracked", "by git")
        side.git("add", "tracked")
        side.write("f", "1")
        side.write("d/1", "1")
        side.write(".gitignore", "*.hid.dvc\n")
        side.write("x.hid", "1")
        side.write(".dvcignore", "*.log\n")
        side.write("a.log", "1")
        side.write("real/x", "1")
        os.symlink("real", side.root / "linked")
        os.symlink("nowhere", side.root / "broken")
        side.write("with/broken/x", "1")
        os.symlink("nowhere", side.root / "with/broken/link")
        side.write("with/ignore/.dvcignore", "x")
        side.write("../elsewhere", "1")

    twins.prepare(make)
    twins.both("add", "-q", "d/1")
    for words in (
        ["missing"],
        ["tracked"],
        ["f.dvc"],
        ["d/1.dvc"],
        ["d"],
        ["x.hid"],
        ["a.log"],
        ["linked"],
        ["linked/x"],
        ["broken"],
        ["../elsewhere"],
        ["--glob", "none*"],
    ):
        twins.both("add", *words, code=1)
    twins.both("add", "with/ignore", code=255)
    assert twins.ours.run("add", "with/broken", code=1).stderr.count("link to nothing") == 1
    twins.both("add", "-q", "--glob", "re*")


def test_part_of_a_folder(twins: Twins) -> None:
    for name in ("a", "sub/b", "sub/c"):
        twins.write(f"d/{name}", name)
    twins.both("add", "-q", "d")
    twins.write("d/sub/new", "new")

    def both(*words: str, code: int = 0) -> None:
        twins.both(*words, code=code, same_files=False)  # dvc leaves manifests of the parts in the cache
        assert (twins.ours.root / "d.dvc").read_text() == (twins.theirs.root / "d.dvc").read_text()

    both("add", "-q", "d/sub/new")
    twins.write("d/sub/b", "changed")
    both("add", "-q", "d/sub")
    twins.prepare(lambda side: (side.root / "d/sub/c").unlink())
    both("add", "-q", "d/sub/c")
    both("add", "-q", "d/never", code=1)
    assert twins.ours.json("status", "--json") == twins.theirs.json("status", "--json") == {}


def test_changes_comments_and_unknown_keys_are_kept(twins: Twins) -> None:
    twins.write("f", "1")
    twins.both("add", "-q", "f")

    def note(side: Side) -> None:
        text = (side.root / "f.dvc").read_text()
        text = text.replace("outs:\n", "# what it is\nouts:   # here\n").replace("  hash: md5\n", "  hash: md5 # so\n")
        side.write(
            "f.dvc", text + "  desc: 'a: \"b\"'\n  labels: [x, y]\n  meta: {k: [1, 2]}\nmeta:\n  mine: [1]\ndesc: it\n"
        )

    twins.prepare(note)
    twins.write("f", "two", executable=True)
    twins.both("add", "-q", "f")
    assert "# what it is" in (twins.ours.root / "f.dvc").read_text()
    twins.write("f", "three")
    twins.both("commit", "-f", "-q", "f.dvc")
    twins.both("commit", "-q")


def test_commit_asks_before_and_no_commit_leaves_the_cache(twins: Twins) -> None:
    twins.write("d/a", "1")
    twins.both("add", "-q", "--no-commit", "d")
    assert not twins.ours.objects() and twins.same_json("status", "--json")
    twins.both("commit", "-q", "-f")
    assert twins.same_json("status", "--json") == {}
    twins.write("d/b", "2")
    twins.both("commit", "d.dvc", code=1)
    twins.both("commit", "-f", "d.dvc")
    twins.prepare(lambda side: clear(side.root / "d"))
    twins.both("commit", "-f", "d.dvc", code=1)


def test_status_in_all_its_shapes(twins: Twins) -> None:
    for name in ("f", "g", "d/a", "d/b", "e/x", "far/away/h"):
        twins.write(name, name)
    twins.both("add", "-q", "f", "g", "d", "e", "far/away/h")
    assert twins.same_words("status") == "Data and pipelines are up to date.\n"
    twins.write("f", "changed")
    twins.write("d/c", "new")

    def spoil(side: Side) -> None:
        (side.root / "g").unlink()
        side.object_path(
            next(line[7:] for line in (side.root / "e.dvc").read_text().splitlines() if "md5: " in line)
        ).unlink()

    twins.prepare(spoil)
    assert twins.same_json("status", "--json") == {
        "f.dvc": [{"changed outs": {"f": "modified"}}], "g.dvc": [{"changed outs": {"g": "deleted"}}],
        "d.dvc": [{"changed outs": {"d": "modified"}}], "e.dvc": [{"changed outs": {"e": "not in cache"}}],
    }  # fmt: skip
    for words in (["f"], ["d.dvc"], ["d/c"], ["-R", "far"], ["far/away/h.dvc"]):
        twins.same_json("status", "--json", *words)
    twins.same_json("status", "--json", cwd="far/away")
    twins.both("status", "-q", code=1)
    twins.both("status", "nope", code=1)
    twins.both("status", "nope.dvc", code=1)
    for name in ("f", "e"):
        assert name in twins.both("status")[0]


def test_what_git_or_dvcignore_hides_is_no_part_of_the_project(twins: Twins) -> None:
    for name in ("seen/f", "hidden/f", "ignored/f", "wild-1/f", "inner/f", "inner/deep/f"):
        twins.write(name, name)
        twins.both("add", "-q", name)
        twins.write(name, "changed")
    twins.write(".gitignore", "/hidden\nwild*\n# c\n\ninner/deep/\n")
    twins.write(".dvcignore", "ignored\n")
    twins.write("own/.dvc/config", "")
    twins.write("own/broken.dvc", "outs: [")
    assert set(twins.same_json("status", "--json")) == {"seen/f.dvc", "inner/f.dvc"}
    twins.write(".gitignore", "/hidden\n!hidden\n")
    twins.same_json("status", "--json")


def test_broken_files_are_told(twins: Twins) -> None:
    for text in ("outs: [", "- a\n", "outs:\n- md5: 1\n", "bad: 1\n", "outs: x\n"):
        twins.write("x.dvc", text)
        done = twins.ours.run("status", code=1)
        assert "x.dvc" in done.stderr and "Traceback" not in done.stderr, text
        twins.theirs.run("status", code=1)


def test_checkout_puts_back_what_is_tracked(twins: Twins) -> None:
    for name in ("f", "d/a", "d/b", "d/sub/c", "e/x"):
        twins.write(name, name)
    twins.both("add", "-q", "f", "d", "e")
    twins.prepare(lambda side: (clear(side.root / "f"), clear(side.root / "d/sub"), clear(side.root / "e")))
    assert twins.same_words("checkout") == "M\td/\nA\te/\nA\tf\n"
    assert twins.same_words("checkout") == ""
    twins.write("d/a", "not saved")
    twins.both("checkout", code=255)
    twins.same_words("checkout", "--force")
    twins.write("d/more", "f")  # its content is in the cache: nothing is lost
    twins.same_words("checkout", "d", "--summary")
    twins.prepare(lambda side: clear(side.root / "d"))
    twins.same_words("checkout", "d/sub/c")
    twins.same_words("checkout", "-R", ".", "--summary")
    twins.both("checkout", "nope", code=255)


def test_branches_and_leftovers(shared: Shared) -> None:
    ours, theirs = shared.ours, shared.theirs
    ours.write("d/a", "1")
    ours.run("add", "-q", "d")
    ours.git("add", "."), ours.git("commit", "-qm", "one")
    ours.write("d/a", "2")
    ours.write("f", "new in two")
    theirs.run("add", "-q", "d", "f")
    ours.run("checkout")
    ours.git("add", "."), ours.git("commit", "-qm", "two")
    ours.git("checkout", "-q", "HEAD~1")
    assert ours.run("checkout").stdout == "M\td/\nD\tf\n"
    shared.clean()
    assert (shared.root / "d/a").read_text() == "1" and not (shared.root / "f").exists()
    ours.git("checkout", "-q", "main")
    theirs.run("checkout")
    shared.clean()
    assert (shared.root / "d/a").read_text() == "2" and (shared.root / "f").read_text() == "new in two"


def test_damaged_and_missing_objects_are_never_handed_out(shared: Shared) -> None:
    ours = shared.ours
    for name in ("d/a", "d/b", "f"):
        ours.write(name, f"content of {name}")
    ours.run("add", "-q", "d", "f")
    import hashlib

    damaged = ours.object_path(hashlib.md5(b"content of d/a").hexdigest())
    damaged.chmod(0o644)
    damaged.write_bytes(b"CONTENT of d/a")
    clear(shared.root / "d"), clear(shared.root / "f")
    done = ours.run("checkout", code=255)
    assert "is damaged" in done.stderr
    assert not (shared.root / "d/a").exists() and (shared.root / "d/b").exists() and (shared.root / "f").exists()
    ours.write("d/a", "content of d/a")
    ours.run("add", "-q", "d")  # mends the object
    assert damaged.read_bytes() == b"content of d/a"
    clear(shared.root / "d")
    ours.run("checkout")
    shared.clean()
    damaged.unlink()
    clear(shared.root / "d")
    assert "not in the cache" in ours.run("checkout", code=255).stderr
    assert ours.run("checkout", "--allow-missing").returncode == 0
    assert (shared.root / "d/b").exists() and not (shared.root / "d/a").exists()


def test_executable_bits_and_empty_folders_come_back(shared: Shared) -> None:
    ours, root = shared.ours, shared.root
    ours.write("d/run.sh", "x", executable=True)
    ours.write("d/sub/plain", "y")
    (root / "d/empty/deep").mkdir(parents=True)
    ours.run("add", "-q", "d")
    clear(root / "d")
    ours.run("checkout")
    assert os.access(root / "d/run.sh", os.X_OK) and not os.access(root / "d/sub/plain", os.X_OK)
    assert (root / "d/empty/deep").is_dir()
    shared.clean()
    (root / "d/run.sh").chmod(0o644)
    ours.run("add", "-q", "d")
    clear(root / "d")
    ours.run("checkout")
    assert not os.access(root / "d/run.sh", os.X_OK)


@pytest.mark.parametrize("kind", ["hardlink", "symlink", "copy", "reflink,hardlink,copy"])
def test_links_are_made_as_dvc_makes_them(twins: Twins, kind: str) -> None:
    twins.both("config", "cache.type", kind)
    for name in ("f", "d/a", "d/sub/b"):
        twins.write(name, name)
    twins.write("d/zero", b"")
    twins.both("add", "-q", "f", "d")
    for side in (twins.ours, twins.theirs):
        for name in ("f", "d/a", "d/zero"):
            path = side.root / name
            assert path.is_symlink() == (kind == "symlink"), (side.tool, name)
        if kind == "hardlink":
            assert (side.root / "f").stat().st_nlink == 2 and not (side.root / "f").stat().st_mode & 0o222
    assert twins.same_json("status", "--json") == {}
    twins.prepare(lambda side: clear(side.root / "d"))
    twins.same_words("checkout", "d")
    twins.both("config", "cache.type", "copy")
    twins.both("checkout", "--relink")
    assert not (twins.ours.root / "f").is_symlink() and (twins.ours.root / "f").stat().st_nlink == 1


def test_a_group_cache_has_dvcs_modes(twins: Twins) -> None:
    twins.both("config", "cache.shared", "group")
    twins.write("d/a", "1")
    twins.both("add", "-q", "d")
    modes = []
    for side in (twins.ours, twins.theirs):
        paths = sorted(path for path in (side.root / ".dvc/cache/files").rglob("*"))
        modes.append([(str(path.relative_to(side.root)), path.stat().st_mode & 0o7777) for path in paths])
    assert modes[0] == modes[1]


def test_dvc_2_projects_are_read_and_move_on_as_with_dvc(twins: Twins) -> None:
    def make(side: Side) -> None:
        import hashlib

        text = b"a\r\nb\r\n"
        md5 = hashlib.md5(b"a\nb\n").hexdigest()
        side.write(f".dvc/cache/{md5[:2]}/{md5[2:]}", text)
        rows = f'[{{"md5": "{md5}", "relpath": "t.txt"}}]'.encode()
        folder = hashlib.md5(rows).hexdigest() + ".dir"
        side.write(f".dvc/cache/{folder[:2]}/{folder[2:]}", rows)
        side.write("t.txt.dvc", f"outs:\n- md5: {md5}\n  size: 6\n  path: t.txt\n")
        side.write("d.dvc", f"outs:\n- md5: {folder}\n  size: 6\n  nfiles: 1\n  path: d\n")

    twins.prepare(make)
    twins.same_words("checkout")
    assert (twins.ours.root / "t.txt").read_bytes() == b"a\r\nb\r\n"
    assert twins.same_json("status", "--json") == {}
    twins.both("add", "-q", "t.txt")
    twins.both("add", "-q", "d")
    twins.write("t.txt", "new\r\n")
    assert twins.same_json("status", "--json")
    twins.both("add", "-q", "t.txt")
    assert "hash: md5" in (twins.ours.root / "t.txt.dvc").read_text()


def test_pipeline_outputs_count(twins: Twins) -> None:
    stage = (
        "cmd: cp in out && cp in sub.txt\n    deps: [in]\n    outs:\n    - out\n    - sub.txt:\n        push: false\n"
    )
    twins.write("dvc.yaml", f"stages:\n  make:\n    {stage}")
    twins.write("in", "1")
    twins.theirs.run("repro", "-q")
    for name in ("dvc.lock", "out", "sub.txt", ".gitignore"):
        twins.ours.write(name, (twins.theirs.root / name).read_bytes())
    twins.ours.run("commit", "-f", "-q")
    assert {k: v for k, v in twins.ours.objects().items() if "files" in k} == {
        k: v for k, v in twins.theirs.objects().items() if "files" in k
    }
    assert twins.ours.json("status", "--json") == twins.theirs.json("status", "--json") == {}
    twins.write("in", "2")
    twins.prepare(lambda side: (side.root / "out").unlink())
    assert twins.ours.json("status", "--json") == twins.theirs.json("status", "--json")
    assert twins.ours.json("status", "--json", "make") == twins.theirs.json("status", "--json", "make")
    assert twins.ours.run("checkout", "make").stdout == twins.theirs.run("checkout", "make").stdout.replace(
        "       ", "\t"
    )


def test_twelve_adds_at_once_all_succeed(shared: Shared) -> None:
    names = [f"n{number}" for number in range(12)]
    for name in names:
        shared.ours.write(f"{name}/x", name)
    running = [
        subprocess.Popen([*ANEW, "add", "-q", name], cwd=shared.root, env=shared.ours.environ, stderr=subprocess.PIPE)
        for name in names
    ]
    for process in running:
        said = process.communicate(timeout=120)[1]
        assert process.returncode == 0, said
    shared.clean()
    assert sorted((shared.root / ".gitignore").read_text().split()) == sorted(f"/{name}" for name in names)


def test_both_tools_add_at_once(shared: Shared) -> None:
    names = [f"n{number}" for number in range(6)]
    for name in names:
        shared.ours.write(f"{name}/x", name)
    tools = [ANEW, ANEW, DVC, ANEW, ANEW, ANEW]
    running = [
        subprocess.Popen([*tool, "add", "-q", name], cwd=shared.root, env=shared.ours.environ, stderr=subprocess.PIPE)
        for name, tool in zip(names, tools, strict=True)
    ]
    for process in running:
        said = process.communicate(timeout=120)[1]
        assert process.returncode == 0, said
    shared.clean()
    assert sorted((shared.root / ".gitignore").read_text().split()) == sorted(f"/{name}" for name in names)


def test_we_wait_for_dvcs_lock(shared: Shared) -> None:
    shared.ours.write("f", "1")
    holder = (
        "import fcntl, time; f = open('.dvc/tmp/lock', 'a'); fcntl.flock(f, fcntl.LOCK_EX)\n"
        "print(1, flush=True); time.sleep(4)"
    )
    with subprocess.Popen([sys.executable, "-c", holder], cwd=shared.root, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline()
        shared.ours.run("add", "-q", "f")
        process.wait(20)
    shared.clean()


def test_what_a_running_stage_has_in_use_is_left_alone(shared: Shared) -> None:
    from anew.protocols.dvc.locks import refuse_busy

    shared.ours.write("f", "1")
    held = {"write": {str(shared.root / "f"): {"pid": os.getppid(), "cmd": "dvc repro"}}}
    shared.ours.write(".dvc/tmp/rwlock", json.dumps(held))
    assert "in use by `dvc repro`" in shared.ours.run("add", "f", code=1).stderr
    with pytest.raises(Conflict):
        refuse_busy(str(shared.root / ".dvc/tmp"), [str(shared.root)])
    refuse_busy(str(shared.root / ".dvc/tmp"), [str(shared.root / "f2")])


CONFIGS = [
    ["remote", "add", "-d", "x", "../rem"],
    ["remote", "add", "y", "s3://b/p"],
    ["config", "--local", "cache.type", "hardlink,symlink"],
    ["remote", "modify", "x", "jobs", "3"],
    ["config", "core.autostage", "true"],
    ["remote", "default", "y"],
    ["remote", "default"],
    ["remote", "list"],
    ["config", "-l"],
    ["config", "-l", "--show-origin"],
    ["config", "remote.x.url"],
    ["config", "core.remote", "--show-origin"],
    ["cache", "dir"],
    ["cache", "dir", "../cc"],
    ["cache", "dir"],
    ["config", "cache.dir"],
    ["remote", "modify", "x", "url", "a b, c"],
    ["remote", "rename", "x", "xx"],
    ["remote", "default", "xx"],
    ["remote", "add", "A b", "/tmp/zz"],
    ["config", "-u", "core.autostage"],
    ["config", "core.nothing"],
    ["remote", "add", "-f", "y", "~/up"],
    ["remote", "modify", "-u", "xx", "jobs"],
    ["remote", "remove", "xx"],
    ["cache", "dir", "-u"],
    ["remote", "default", "-u"],
    ["config", "--global", "core.checksum_jobs", "2"],
    ["config", "-l", "--global"],
    ["config", "core.analytics"],
]
WRONG_CONFIGS = [
    ["config", "core.autostage", "yes"],
    ["config", "core.foo", "bar"],
    ["config", "cache.type", "foo"],
    ["remote", "default", "nope"],
    ["config", "-u", "core.nothing"],
    ["remote", "remove", "nope"],
    ["remote", "modify", "nope", "url", "x"],
    ["remote", "rename", "a", "b"],
    ["config", "remote.nope.jobs", "3"],
    ["config", "core.checksum_jobs", "0"],
    ["config", "a.b.c.d", "1"],
    ["config"],
    ["config", "-l", "core.remote"],
]


def test_config_files_are_dvcs_to_the_byte(twins: Twins) -> None:
    for words in CONFIGS:
        ours, theirs = twins.both(*words, code=None)
        assert ours.expandtabs() == theirs.expandtabs(), words
    assert (twins.ours.root / ".dvc/config").read_text() == (twins.theirs.root / ".dvc/config").read_text()
    for words in WRONG_CONFIGS:
        done = twins.both(*words, code=None)
        assert done, words


def test_autostage(twins: Twins) -> None:
    twins.both("config", "core.autostage", "true")
    twins.write("d/a", "1")
    twins.both("add", "d")
    assert twins.ours.git("status", "--short") == twins.theirs.git("status", "--short")


def test_names_that_are_no_utf8_are_told_and_harm_nothing(shared: Shared) -> None:
    ours = shared.ours
    ours.write("d/a", "1")
    ours.run("add", "-q", "d")
    ours.write(os.fsdecode(b"d/bad\xff"), "x")
    for words in (["add", "d"], ["add", os.fsdecode(b"d/bad\xff")]):
        assert "not UTF-8" in ours.run(*words, code=1).stderr
    assert ours.json("status", "--json") == {"d.dvc": [{"changed outs": {"d": "modified"}}]}
    assert os.fsdecode(b"d/bad\xff") in ours.run("data", "status", "--granular").stdout
    ours.write(os.fsdecode(b"d/bad\xff"), "nowhere else")
    ours.run("checkout", code=255)
    ours.run("checkout", "-f")
    shared.clean()


def test_what_is_neither_file_nor_folder_is_told(shared: Shared) -> None:
    (shared.root / "d").mkdir()
    os.mkfifo(shared.root / "d/pipe")
    assert "neither a file nor a folder" in shared.ours.run("add", "d", code=1).stderr
