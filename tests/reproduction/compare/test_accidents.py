"""What excuses a difference, and what takes the excuse away: where an id came from, and other seeds."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import uuid
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from sides import START, A, B

from anew.reproduction.compare import compare_files, compare_text
from anew.reproduction.compare.result import Result

ONE, TWO = "fadc3324-7eaf-4232-9dff-14d274968446", "b4dbc5b4-2b6c-4437-9a88-3789b41ec15b"
OPEN_A, OPEN_B = replace(A, secretive=False), replace(B, secretive=False)
SEEDED_A, SEEDED_B = replace(A, seeds=("random 1",)), replace(B, seeds=("random 2",))


def of_time(moment: float, clock: int = 7) -> str:
    """A UUID of version 1, made at `moment`."""
    ticks = int(moment * 1e7) + 0x01B21DD213814000
    return str(
        uuid.UUID(fields=(ticks & 0xFFFFFFFF, ticks >> 32 & 0xFFFF, ticks >> 48 & 0x0FFF, 0x80, clock, 5), version=1)
    )


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (f"run {ONE}", f"run {TWO}"),
        ("run id: 3f2a9c71be04", "run id: a81c0b77de12"),
        (f"session_id: {ONE}", f"session_id: {TWO}"),
        (f"saved /work/one/{ONE}.txt", f"saved /scratch/again/two/{TWO}.txt"),
    ],
)
def test_an_id_is_excused_only_in_runs_that_drew_secrets(a: str, b: str) -> None:
    """Whatever else is drawn from the system is put back: an id that differs was picked."""
    assert compare_text(a, b, A, B).equal
    assert not compare_text(a, b, OPEN_A, OPEN_B).equal
    assert not compare_text(a, b, A, OPEN_B).equal


def test_an_id_made_of_the_time_is_excused_within_its_run() -> None:
    own = f"run {of_time(START + 5)}", f"run {of_time(START + 3610)}"
    assert compare_text(*own, OPEN_A, OPEN_B).rules == ("ids",)
    assert not compare_text(own[0], f"run {of_time(START - 5000)}", OPEN_A, OPEN_B).equal


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Total time: 3.2s", "Total time: 3.3s"),
        ("fit_time: 3.2", "fit_time: 3.3"),
        ("GPU memory: 5.31 GB", "GPU memory: 5.35 GB"),
        ("last quake: 2026-11-21T03:04:05Z", "last quake: 2026-11-21T04:04:30Z"),
        (f"run {ONE}", f"run {TWO}"),
    ],
)
def test_no_name_excuses_what_other_seeds_may_have_made(a: str, b: str) -> None:
    assert compare_text(a, b, A, B).equal
    assert not compare_text(a, b, SEEDED_A, SEEDED_B).equal
    assert compare_text(a, b, SEEDED_A, replace(B, seeds=SEEDED_A.seeds)).equal


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("2026-11-21 03:04:05,123 INFO start", "2026-11-21 04:04:06,456 INFO start"),
        ("5it [00:10,  2.10s/it]", "5it [00:02,  2.50it/s]"),
        ("saved to /work/one/x", "saved to /scratch/again/two/x"),
    ],
)
def test_forms_are_excused_whatever_the_seeds(a: str, b: str) -> None:
    assert compare_text(a, b, SEEDED_A, SEEDED_B).equal


def test_values_under_other_seeds(tmp_path: Path) -> None:
    one, two = tmp_path / "a.json", tmp_path / "b.json"
    one.write_text(json.dumps({"fit_time": 3.2, "train_loss": 0.5}))
    two.write_text(json.dumps({"fit_time": 3.3, "train_loss": 0.5}))
    assert compare_files("x.json", one, two, A, B).rules == ("durations",)
    assert not compare_files("x.json", one, two, SEEDED_A, SEEDED_B).equal


def png(*texts: tuple[bytes, bytes]) -> bytes:
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)), *texts]
    chunks += [(b"IDAT", zlib.compress(b"\0\1")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def of_files(folder: Path, name: str, a: bytes, b: bytes) -> Result:
    (folder / "a").write_bytes(a)
    (folder / "b").write_bytes(b)
    return compare_files(name, folder / "a", folder / "b", A, B)


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt"])
def test_what_a_png_says_of_itself(kind: bytes, tmp_path: Path) -> None:
    def said(key: bytes, value: bytes) -> tuple[bytes, bytes]:
        before = {b"tEXt": b"", b"zTXt": b"\0", b"iTXt": b"\0\0\0\0"}[kind]
        return kind, key + b"\0" + before + (zlib.compress(value) if kind == b"zTXt" else value)

    def compared(a: bytes, b: bytes, key: bytes) -> Result:
        return of_files(tmp_path, "x.png", png(said(key, a)), png(said(key, b)))

    assert compared(b"Matplotlib 3.9", b"Matplotlib 3.10", b"Software").rules == ("png metadata",)
    assert set(compared(b"made in /work/one", b"made in /scratch/again/two", b"Source").rules) == {
        "paths",
        "png metadata",
    }
    told = compared(b"aesthetic score 0.8325", b"aesthetic score 0.8411", b"parameters")
    assert not told.equal and told.where == "text 'parameters'"
    assert not of_files(tmp_path, "x.png", png(said(b"winner", b"7")), png()).equal


def test_comments_of_zip_members(tmp_path: Path) -> None:
    def packed(comment: bytes) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as file:
            info = zipfile.ZipInfo("m")
            info.comment = comment
            file.writestr(info, "x")
        return out.getvalue()

    assert not of_files(tmp_path, "x.zip", packed(b"score 1"), packed(b"score 2")).equal


def test_a_table_of_optunas_trials(tmp_path: Path) -> None:
    head = "number,value,datetime_start,datetime_complete,duration,params_x,system_attrs_tpe:x,state\n"
    row = "0,0.5,2026-11-21 {0}:04:05.1,2026-11-21 {0}:04:06.1,0 days 00:00:0{1}.036000,1.5,,COMPLETE\n"
    result = of_files(tmp_path, "t.csv", (head + row.format("03", 0)).encode(), (head + row.format("04", 1)).encode())
    assert result.equal and set(result.rules) == {"dates", "durations"}, result


def test_what_joblib_keeps_of_a_call(tmp_path: Path) -> None:
    one, two = (
        {"duration": took, "input_args": {"x": "3"}, "time": at} for took, at in ((0.3, START + 5), (0.4, START + 3610))
    )
    result = of_files(tmp_path, "metadata.json", json.dumps(one).encode(), json.dumps(two).encode())
    assert result.equal and set(result.rules) == {"dates", "durations"}, result


def test_what_a_tar_says_of_itself(tmp_path: Path) -> None:
    def packed(names: str, **said: str) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as file:
            for name in names:
                member = tarfile.TarInfo(name)
                member.pax_headers = said
                file.addfile(member)
        return out.getvalue()

    assert of_files(tmp_path, "x.tar", packed("ab", mtime="1.5"), packed("ab", mtime="2.5")).rules == ("tar metadata",)
    assert not of_files(tmp_path, "x.tar", packed("ab", comment="0.83"), packed("ab", comment="0.84")).equal
    assert not of_files(tmp_path, "x.tar", packed("ab"), packed("ba")).equal
