"""Planted secrets must be nowhere in the store: not in a journal, the ledger, the spool, the index, nor any object."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from anew.capture.redact import MASK, Redactor, is_secret_file
from anew.store.objects import Objects
from projects import Project

ENVIRON = "envplanted-Zx81Kq77Lm"
ARGUMENT = "argplanted-9sKd82mXpQ"
REMOTE = "remoteplanted-77Kd9sQ"
DOTENV = "dotenvplanted-Pq92Mx01"
SOURCE = "AKIA" + "QWERTYUIOP123456"
OUTPUT = "sk-" + "outputplanted0123456789"
CONFIG = "configplanted-55Kd9sQ1"
EVERY = (ENVIRON, ARGUMENT, REMOTE, DOTENV, SOURCE, OUTPUT, CONFIG)

SCRIPT = f"""
import argparse, json, os, sys
import anew
AWS = "{SOURCE}"
parser = argparse.ArgumentParser()
parser.add_argument("--api-key")
parser.add_argument("--lr", type=float)
args = parser.parse_args()
settings = dict(line.strip().split("=", 1) for line in open(".env"))
run = anew.init(config={{"api_key": "{"configplanted"}" + "-55Kd9sQ1",
    "db": {{"password": settings["DB_PASSWORD"]}}, "lr": args.lr}})
run.config["url"] = "https://me:" + settings["DB_PASSWORD"] + "@example.org/x"
run.tags["token"] = os.environ["MY_TOKEN"]
run.summary["auth_token"] = os.environ["MY_TOKEN"]
anew.log({{"said": "key " + args.api_key, "loss": 0.5}})
print("environ", os.environ["MY_TOKEN"], "argument", args.api_key, "dotenv", settings["DB_PASSWORD"])
print("printed sk-" + "outputplanted0123456789", file=sys.stderr)
os.system("echo from a child $MY_TOKEN")
json.dump(vars(args), open("dump.json", "w"))
"""


def everything(store: Path) -> list[tuple[str, bytes]]:
    """Each file of the store as it is, and each object decompressed."""
    found = [(str(path), path.read_bytes()) for path in store.rglob("*") if path.is_file()]
    with Objects(store / "objects") as objects:
        for pack in (store / "objects" / "packs").glob("*.pack"):
            found += [(f"object {key}", objects.get_bytes(key)) for key in keys_of(pack.read_bytes())]
    return found


def keys_of(pack: bytes) -> Iterator[str]:
    """The names of the blobs in a pack (docs/formats.md)."""
    at = 8
    while at < len(pack):
        kind, _, _, stored, _, key, _ = struct.unpack_from("<BBHII32sI", pack, at)
        if kind == 1:
            yield key.hex()
        at += 48 + stored


def leaks(store: Path) -> list[str]:
    return [f"{secret} in {where}" for where, data in everything(store) for secret in EVERY if secret.encode() in data]


@pytest.fixture
def planted(project: Project) -> Project:
    project.write("train.py", SCRIPT)
    project.write(".env", f"DB_PASSWORD={DOTENV}\n")
    project.write("notes.cfg", f"[aws]\nkey = {SOURCE}\n")
    for words in (
        ["init", "-q"], ["add", "train.py", "notes.cfg"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"],
        ["remote", "add", "origin", f"https://{REMOTE}@example.org/me/x.git"],
    ):  # fmt: skip
        subprocess.run(["git", *words], cwd=project.root, check=True, env=project.environ)
    project.write("notes.cfg", f"[aws]\nkey = {SOURCE}\nmore = 1\n")
    project.environ["MY_TOKEN"] = ENVIRON
    return project


def test_no_secret_enters_the_store(planted: Project) -> None:
    planted.anew("run", "train.py", "--api-key", ARGUMENT, "--lr", "0.1")
    shown = planted.json("show", "last")
    assert shown["config"]["lr"] == 0.1
    assert shown["config"]["api_key"] == MASK
    assert shown["command"] == ["train.py", "--api-key", MASK, "--lr", "0.1"]
    assert leaks(planted.root / ".anew") == []


def test_nor_under_plain_python(planted: Project) -> None:
    done = subprocess.run(
        [sys.executable, "train.py", f"--api-key={ARGUMENT}"],
        cwd=planted.root, env=planted.environ, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert ENVIRON in done.stdout  # the user's own terminal is not censored
    assert planted.json("show", "last")["config"]["api_key"] == MASK
    assert leaks(planted.root / ".anew") == []


def test_nor_when_all_is_killed_in_the_midst(planted: Project) -> None:
    planted.write("train.py", SCRIPT + "\nimport time; open('ready','w'); time.sleep(60)\n")
    running = subprocess.Popen(
        [sys.executable, "-m", "anew", "run", "train.py", "--api-key", ARGUMENT],
        cwd=planted.root, env=planted.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    while not (planted.root / "ready").exists():
        assert running.poll() is None
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert leaks(planted.root / ".anew") == []
    assert planted.json("show", "last")["status"] == "crashed"
    assert leaks(planted.root / ".anew") == []


@pytest.mark.parametrize(
    "argv",
    [
        ["--api-key", "abcd"], ["--api_key=abcd"], ["--password", "p"], ["db.password=hunter2"],
        ["--hf-token", "abcd1234efgh"],
        ["--openai-key", "abc"], ["--client-secret", "x"], ["--wandb.api-key", "abcdef"],
    ],
)  # fmt: skip
def test_what_follows_a_secret_option_is_masked(argv: list[str]) -> None:
    masked = Redactor({}).argv(argv)
    assert masked[-1].endswith(MASK)
    assert not any(word in masked[-1] for word in ("abcd", "hunter", "p="))


@pytest.mark.parametrize(
    "argv",
    [
        ["--pad-token", "[PAD]"], ["--num-tokens", "512"], ["--token-dim", "64"], ["--max-token", "1024"],
        ["--key", "name"],
        ["--sort-key", "loss"], ["--eos-token", "</s>"], ["--secret-size", "3"], ["--lr", "0.1"], ["--keys", "a", "b"],
        ["-k", "3"], ["--tokenizer", "bert-base-uncased"], ["--author", "ana"], ["x=y"],
    ],
)  # fmt: skip
def test_what_only_sounds_like_one_is_not(argv: list[str]) -> None:
    assert Redactor({}).argv(argv) == argv


def test_shapes_of_secrets_are_masked_and_nothing_else() -> None:
    redactor = Redactor(
        {"MY_PASSWORD": "hunter2hunter2", "PLAIN": "visible-value", "SHORT_KEY": "ab", "KEY_FILE": "/etc/keys/x"}
    )
    for text in (SOURCE, OUTPUT, "ghp_" + "a" * 36, "https://me:pw@host/x", "hunter2hunter2", "xoxb-1234567890-abc"):
        assert MASK in redactor.text(f"before {text} after"), text
        assert redactor.text(f"before {text} after").startswith("before ")
    for text in (
        "visible-value",
        "ab",
        "/etc/keys/x",
        "https://host:8080/x@y",
        "sk-learn",
        "risk-free",
        "a:b@c",
        "epoch 3: loss=0.1",
    ):
        assert redactor.text(text) == text
    assert redactor.text('API_KEY = "abc123def4"') == f'API_KEY = "{MASK}"'
    assert redactor.text('{"password": "hunter22x"}') == f'{{"password": "{MASK}"}}'
    for text in (
        'password = getpass("Password 1: ")',
        'api_key = ""',
        'token = "[PAD]"',
        'secret = "santa"',
        "api_key: str = x1",
        '{"PWD": "/tmp/project-1", "OLDPWD": "/home/me2"}',
    ):
        assert redactor.text(text) == text
    assert redactor.data(b"\xff hunter2hunter2 \xfe") == b"\xff " + MASK.encode() + b" \xfe"
    kept = redactor.environment(
        {"OMP_NUM_THREADS": "2", "HF_TOKEN": "abc", "HOME": "/root", "CUDA_VISIBLE_DEVICES": "0"}
    )
    assert kept == {"OMP_NUM_THREADS": "2", "CUDA_VISIBLE_DEVICES": "0"}


def test_files_that_hold_secrets_by_name() -> None:
    assert all(map(is_secret_file, (".env", ".env.local", "id_rsa", "server.pem", "credentials.json", "kaggle.json")))
    assert not any(map(is_secret_file, ("train.py", "environment.yml", "data.json", "keys.txt", "monkey.csv")))
