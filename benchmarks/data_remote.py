"""Versions of data to a remote and back, beside a plain copy and DVC: CPU seconds of whole processes, then wall.

    python benchmarks/data_remote.py [--files 100000] [--dvc-files 5000] [--s3-files 0] [--s3-dvc-files 1000]

Into a folder: push all, push again with nothing new, pull into an empty clone with its checkout. `cp -r` of the same
files is the machine's limit. DVC (where it is installed) does the same with fewer files, scaled to ours.
With --s3-files, the same over S3 (Ceph's radosgw, or moto): requests are those in its log.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

SIZE = 4096
ANEW = [sys.executable, "-m", "anew"]
DVC = [sys.executable, "-m", "dvc"]


def make(folder: Path, count: int) -> None:
    """Files in folders of a thousand."""
    for number in range(count):
        if number % 1000 == 0:
            (folder / f"{number // 1000:04d}").mkdir(parents=True)
        (folder / f"{number // 1000:04d}" / f"{number:07d}").write_bytes(os.urandom(SIZE))


def run(words: list[str], where: Path) -> tuple[float, float]:
    """CPU and wall seconds of one command."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = time.perf_counter()
    subprocess.run(words, cwd=where, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return now.ru_utime - used.ru_utime + now.ru_stime - used.ru_stime, time.perf_counter() - wall


def say(what: str, spent: tuple[float, float], scale: float = 1.0, more: str = "") -> None:
    scaled = "" if scale == 1.0 else f"   {spent[0] * scale:8.2f} s CPU for as many files as ours"
    print(f"{what:34} {spent[0]:8.2f} s CPU {spent[1]:8.2f} s wall{scaled}{more}", flush=True)


class Requests:
    """How many a server has noted in its log since the last look; nothing without one."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder, self._seen = folder, 0

    def new(self) -> str:
        if self._folder is None:
            return ""
        time.sleep(1)  # what it has to say is on its way
        lines = [line for file in self._folder.glob("*log") for line in file.read_text("utf-8", "replace").splitlines()]
        count = sum(1 for line in lines if re.search(r'"(GET|PUT|POST|DELETE|HEAD) /bucket', line))
        new, self._seen = count - self._seen, count
        return f"   {new} requests"


def anew(work: Path, source: Path, url: str, options: list[str], asked: Requests) -> None:
    one, two = work / "one", work / "two"
    for folder in (one, two):
        folder.mkdir()
    os.rename(source, one / "data")
    run([*ANEW, "add", "data"], one)
    run([*ANEW, "remote", "add", "origin", url, *options], one)
    asked.new()
    say("anew push", run([*ANEW, "push"], one), more=asked.new())
    say("anew push, nothing to push", run([*ANEW, "push"], one), more=asked.new())
    for name in (".anewconfig", "data.anew"):
        shutil.copy(one / name, two / name)
    say("anew pull into an empty clone", run([*ANEW, "pull"], two), more=asked.new())
    os.rename(one / "data", source)


def dvc(work: Path, source: Path, url: str, scale: float, options: list[list[str]], asked: Requests) -> None:
    one, two = work / "dvc-one", work / "dvc-two"
    one.mkdir()
    shutil.copytree(source, one / "data")
    run([*DVC, "init", "--no-scm", "-q"], one)
    run([*DVC, "add", "-q", "data"], one)
    run([*DVC, "remote", "add", "-q", "-d", "origin", url], one)
    for words in options:
        run([*DVC, "remote", "modify", "-q", "origin", *words], one)
    asked.new()
    say("dvc push", run([*DVC, "push", "-q"], one), scale, asked.new())
    say("dvc push, nothing to push", run([*DVC, "push", "-q"], one), scale, asked.new())
    two.mkdir()
    shutil.copytree(one / ".dvc", two / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp"))
    shutil.copy(one / "data.dvc", two / "data.dvc")
    say("dvc pull into an empty clone", run([*DVC, "pull", "-q"], two), scale, asked.new())


def to_folder(work: Path, count: int, dvc_count: int) -> None:
    print(f"-- {count:,} files of {SIZE} bytes, to a folder")
    make(work / "source", count)
    say("cp -r", run(["cp", "-r", "source", "copy"], work))  # kept: see data.py about what was just removed
    anew(work, work / "source", str(work / "shared"), [], Requests())
    if dvc_count and importlib.util.find_spec("dvc"):
        print(f"-- DVC, {dvc_count:,} files")
        make(work / "few", dvc_count)
        dvc(work, work / "few", str(work / "dvc-shared"), count / dvc_count, [], Requests())


def to_s3(work: Path, count: int, dvc_count: int) -> None:
    import boto3

    from remotes import servers

    work.mkdir()
    kinds: list[Callable[[Path], servers.Radosgw | servers.Moto]] = [servers.Radosgw, servers.Moto]
    server = None
    for kind in kinds:
        try:
            server = kind(work / "server")
            break
        except servers.Absent as absent:
            print(absent)
    if server is None:
        return
    try:
        os.environ |= {"AWS_ACCESS_KEY_ID": servers.KEY, "AWS_SECRET_ACCESS_KEY": servers.SECRET}
        endpoint = f"http://127.0.0.1:{server.port}"
        boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket="bucket")
        print(f"-- {count:,} files of {SIZE} bytes, to S3 ({type(server).__name__})")
        make(work / "source", count)
        options = ["--set", f"endpoint={endpoint}", "--set", "region=us-east-1"]
        asked = Requests(server.folder)
        anew(work, work / "source", "s3://bucket/anew", options, asked)
        if dvc_count and importlib.util.find_spec("dvc_s3"):
            print(f"-- DVC, {dvc_count:,} files")
            make(work / "few", dvc_count)
            dvc(work, work / "few", "s3://bucket/dvc", count / dvc_count, [["endpointurl", endpoint]], asked)
    finally:
        server.end()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--dvc-files", type=int, default=5_000)
    parser.add_argument("--s3-files", type=int, default=0)
    parser.add_argument("--s3-dvc-files", type=int, default=1_000)
    arguments = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="anew-bench-"))
    try:
        if arguments.files:
            to_folder(work, arguments.files, arguments.dvc_files)
        if arguments.s3_files:
            to_s3(work / "s3", arguments.s3_files, arguments.s3_dvc_files)
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
