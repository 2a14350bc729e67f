"""Films and sounds of any size: played from where one asks for, by parts, with a token or without."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anew.server.accounts import Accounts
from browser.conftest import Open, Served
from projects import Project
from server.conftest import running

pytest.importorskip("playwright")
from playwright.sync_api import Page, Response, expect

SECONDS = 2000
RATE = 8000


def _sound(path: Path) -> None:
    """32 MB of a tone that rises once a second."""
    second = b"".join(struct.pack("<h", int(9000 * math.sin(i * i / 90_000))) for i in range(RATE))
    head = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE, RATE * 2, 2, 16)
    body = second * SECONDS
    path.write_bytes(b"RIFF" + struct.pack("<I", 36 + len(body)) + head + b"data" + struct.pack("<I", len(body)) + body)


def _film(path: Path) -> None:
    """Some 10 MB of noise, half a minute long, each second with a key frame."""
    av = pytest.importorskip("av")
    np = pytest.importorskip("numpy")
    draw = np.random.default_rng(0)
    with av.open(str(path), "w") as film:
        stream = film.add_stream(
            "libvpx", rate=5, options={"deadline": "realtime", "cpu-used": "8", "b": "3M", "g": "5"}
        )
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(150):
            frame = av.VideoFrame.from_ndarray(draw.integers(0, 256, (240, 320, 3), np.uint8), format="rgb24")
            film.mux(stream.encode(frame))
        film.mux(stream.encode())


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("played")
    project = Project(root / "work", root / "home")
    _sound(root / "long.wav")
    _film(root / "long.webm")
    project.write(
        "t.py", f"import shutil\nfor n in ('long.wav', 'long.webm'): shutil.copy({str(root)!r} + '/' + n, n)\n"
    )
    run = project.run("t.py")
    with running(project.root / ".anew") as (address, _):
        yield Served(address, project, [run])


def _plays(page: Page, name: str, tag: str, answers: list[Response]) -> None:
    place = page.locator(f"{tag}[aria-label='{name}']")
    expect(place).to_have_js_property("error", None)
    known = "player => player.readyState ? 0 : new Promise((done) => (player.onloadedmetadata = () => done(0)))"
    place.evaluate(known)
    length = float(place.evaluate("player => player.duration"))
    assert length > 25
    seen = place.evaluate(
        """async (player, at) => {
            await new Promise((done, failed) => {
                player.onseeked = done; player.onerror = () => failed(player.error.message); player.currentTime = at;
            });
            return [player.currentTime, player.readyState];
        }""",
        length * 0.9,
    )
    assert seen[0] == pytest.approx(length * 0.9, abs=0.1) and seen[1] >= 2
    # It was asked for in parts. From where, is the browser's to choose: what it has by then it does not ask for again.
    starts = [int(answer.headers["content-range"].split()[1].partition("-")[0]) for answer in answers]
    assert {answer.status for answer in answers} == {206} and max(starts) > 0, starts


def _answers(page: Page) -> list[Response]:
    found: list[Response] = []
    page.on("response", lambda answer: found.append(answer) if answer.request.resource_type == "media" else None)
    return found


@pytest.mark.parametrize(("name", "tag"), [("long.wav", "audio"), ("long.webm", "video")])
def test_it_is_played_from_any_place(opened: Open, played: Served, name: str, tag: str) -> None:
    page = opened("/", address=played.address)
    answers = _answers(page)
    page.goto(f"/runs/{played.runs[0]}?tab=data&file=wrote:{name}")
    _plays(page, name, tag, answers)


def test_with_a_token_too(opened: Open, played: Served, tmp_path: Path) -> None:
    store = played.project.root / ".anew"
    token = Accounts(store / "accounts").create("me", "read")
    try:
        with running(store) as (address, _):
            page: Any = opened("/", address=address)
            page.get_by_label("Token").fill(token)
            page.get_by_role("button", name="Enter").click()
            page.get_by_text("Latest runs").wait_for()
            answers = _answers(page)
            page.goto(f"/runs/{played.runs[0]}?tab=data&file=wrote:long.wav")
            _plays(page, "long.wav", "audio", answers)
            assert token not in page.locator("audio").get_attribute("src")
            page.close()  # before its server goes
    finally:
        (store / "accounts").unlink()
