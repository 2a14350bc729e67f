"""System entropy that can be replayed: what the script draws from the system comes from a stream with a recorded key.

Everything in Python that is not seeded gets its start from `os.urandom` or, in `random`, from the same source in C;
here both come from BLAKE2b(key, counter). One key a run; each process derives its own from the key, its command and
how many processes with that command came before, and each forked child from its parent's: so no two workers draw the
same numbers, and the same worker draws the same numbers again. `secrets.token_*` and `secrets.choice` are left to the
system: what is asked for as a secret must not be derivable from a record.
"""

from __future__ import annotations

import os
import re
import sys
from _blake2 import blake2b

TYPE_CHECKING = False  # typing itself would be a third of this folder's start-up time
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

_system_urandom = os.urandom
_STANDARD = os.path.dirname(os.__file__) + os.sep
SECRETS = "secrets"  # drawn from the system, and not to be had again
# Draws on behalf of these never reach a result: names of temporary files, keys of local pipes, ids of workers.
HOUSEKEEPING = (
    "tempfile", "multiprocessing", "joblib", "loky", "asyncio", "email", "http", "urllib3", "concurrent",
    "numpy.random._pickle",  # unpickling makes a generator, and then sets its state
)  # fmt: skip

draws: dict[str, list[int]] = {}  # who drew: [times, bytes]
seeded: list[dict[str, str]] = []  # explicit seeds, in order: {"generator", "seed"}
generators: dict[
    str, dict[str, Any]
] = {}  # name: {"start": digest of the start state, "seeded": bool, "drawn_unseeded": bool or None}
_key = b""
_streams: dict[str, list[Any]] = {}  # who draws: [key, counter]
_forks = 0
_probes: dict[str, Callable[[], Any]] = {}
MIDWAY = False  # while true, generators met are in use already, and keep their state


def start(spool: str, root: str, key: str, midway: bool) -> None:
    """Put the stream in the place of the system's entropy, for the rest of this process."""
    global _key, MIDWAY
    MIDWAY = midway
    # Not the interpreter's own path: a rebuilt environment has another one.
    command = "\0".join(getattr(sys, "orig_argv", ["", *sys.argv])[1:]).replace(root or "\0\0", "<root>")
    if "multiprocessing" in command or "loky" in command:
        command = re.sub(r"\d+", "#", command)
    name = blake2b(command.encode("utf-8", "surrogateescape"), digest_size=16).digest()
    _key = _derive(bytes.fromhex(key), name + _ticket(spool, name).to_bytes(8, "little"))
    os.urandom = _urandom
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_before_fork, after_in_child=_in_child)


def take(size: int, who: str) -> bytes:
    """The next `size` bytes for `who`. Each has a stream of its own: one draw more of another does not shift it."""
    key = _streams.get(who)
    if key is None:
        key = _streams[who] = [_derive(_key, b"who" + who.encode()), 0]
    out = b""
    while len(out) < size:
        out += blake2b(key[1].to_bytes(8, "little"), key=key[0]).digest()
        key[1] += 1
    return out[:size]


def active() -> bool:
    return bool(_key)


def count(who: str, size: int) -> None:
    entry = draws.setdefault(who, [0, 0])
    entry[0] += 1
    entry[1] += size


def _derive(key: bytes, salt: bytes) -> bytes:
    return blake2b(salt, key=key, digest_size=32).digest()


def _ticket(spool: str, name: bytes) -> int:
    """How many processes of this run had the same command before this one."""
    import fcntl

    fd = os.open(spool + "/tickets", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        taken = os.pread(fd, 1 << 24, 0)
        os.write(fd, name)
        return sum(taken[i : i + 16] == name for i in range(0, len(taken), 16))
    finally:
        os.close(fd)


def _before_fork() -> None:
    global _forks
    _forks += 1


def _in_child() -> None:
    global _key, _forks
    _key, _forks = _derive(_key, b"fork" + _forks.to_bytes(8, "little")), 0
    _streams.clear()
    draws.clear()


def _urandom(size: int) -> bytes:
    """Drop-in for `os.urandom`."""
    who = _who(sys._getframe(1))
    if who == "anew":
        return _system_urandom(size)
    count(who, size)
    return take(size, who)


def _who(frame: FrameType | None, door: str = "os.urandom") -> str:
    """Names the draw: the door it came through, or the package whose own business it is.

    "import" is what libraries draw while they are imported (a default argument, say): it is drawn by every script that
    imports them, and says nothing about this one.
    """
    asker = None
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        top = module.partition(".")[0]
        if top == "anew":
            return top
        if top in HOUSEKEEPING or module in HOUSEKEEPING:
            return module if module in HOUSEKEEPING else top
        if asker is None:
            if top == "uuid":
                door = "uuid.uuid4"
            elif top in ("random", "secrets"):
                door = "random.SystemRandom" if door == "os.urandom" else door
            elif top not in ("anew_boot", "numpy"):
                asker = frame
                if not _installed(frame) and top != "importlib":
                    return door
                if door == "uuid.uuid4":
                    door = f"uuid.uuid4 ({top})"
        if module.startswith("importlib._bootstrap"):
            return "import"
        frame = frame.f_back
    return door


def _installed(frame: FrameType) -> bool:
    name = frame.f_code.co_filename
    return "/site-packages/" in name or "/dist-packages/" in name


def _asked_by_script(frame: FrameType | None, own: str) -> bool:
    """Whether the call comes from the script, by way of the module in the file `own` at most."""
    while frame is not None and frame.f_code.co_filename == own:
        frame = frame.f_back
    return frame is not None and not _installed(frame) and not frame.f_code.co_filename.startswith(_STANDARD)


def _digest(state: Any) -> str:
    return blake2b(repr(state).encode() if not isinstance(state, bytes) else state, digest_size=16).hexdigest()


def _watch(name: str, probe: Callable[[], Any]) -> None:
    """Remember the start state of a global generator; `probe()` gives the present one."""
    _probes[name] = probe
    generators[name] = {"start": _digest(probe()), "seeded": False, "drawn_unseeded": None}


def note_seed(name: str, value: Any) -> None:
    """The script seeds a generator itself. Whether it drew from it before is settled now."""
    settle(name)
    if name in generators:
        generators[name]["seeded"] = True
    if len(seeded) < 64:
        seeded.append({"generator": name, "seed": repr(value)[:80]})


def settle(name: str) -> None:
    """Find out whether an unseeded generator was drawn from, while that can still be told."""
    entry = generators.get(name)
    if entry and not entry["seeded"] and not entry["drawn_unseeded"]:
        entry["drawn_unseeded"] = _digest(_probes[name]()) not in (entry["start"], entry.get("imported"))


def settle_all() -> None:
    for name in generators:
        settle(name)


def states() -> dict[str, Any]:
    """The present state of each global generator, JSON-able."""
    found: dict[str, Any] = {}
    if "random" in generators:
        version, numbers, gauss = sys.modules["random"].getstate()
        found["random"] = [version, list(numbers), gauss]
    if "numpy.random" in generators:
        name, numbers, position, has_gauss, gauss = sys.modules["numpy.random"].get_state()
        found["numpy.random"] = [name, numbers.tolist(), int(position), int(has_gauss), float(gauss)]
    if "torch" in generators:
        found["torch"] = bytes(sys.modules["torch"].get_rng_state().numpy()).hex()
    return found


def restart(found: dict[str, Any]) -> None:
    """Put generators back into the states that `states` gave, and the stream to its beginning."""
    global _forks
    _forks = 0
    _streams.clear()
    draws.clear()
    if "random" in found:
        import random

        version, numbers, gauss = found["random"]
        random.setstate((version, tuple(numbers), gauss))
    if "numpy.random" in found:
        import numpy

        name, numbers, position, has_gauss, gauss = found["numpy.random"]
        numpy.random.set_state((name, numpy.array(numbers, dtype=numpy.uint32), position, has_gauss, gauss))
    if "torch" in found:
        import torch

        torch.set_rng_state(torch.tensor(list(bytes.fromhex(found["torch"])), dtype=torch.uint8))


def _pose(ours: Any, plain: Any, module: Any) -> Any:
    """Give our function the looks of the one it stands for; pickle, for one, finds functions by their name."""
    ours.__name__ = ours.__qualname__ = plain.__name__
    ours.__module__, ours.__doc__ = module, plain.__doc__
    return ours


# What follows is called by `listen` when the module has just been imported.


def on_random(random: Any) -> None:
    if not active():
        return
    random._urandom = _urandom
    plain_seed = random.Random.seed
    copy = random.Random(0)  # with a seed, so that it draws none

    def seed(self: Any, a: Any = None, version: int = 2) -> Any:
        if a is None and type(self) is not random.SystemRandom:
            who = _who(sys._getframe(1), "random.Random")
            count(who, 32)
            a = int.from_bytes(take(32, who), "little")
        elif a is not None and _asked_by_script(sys._getframe(1), random.__file__):
            note_seed("random.Random", a)
        return plain_seed(self, a, version)

    random.Random.seed = seed
    inst = random._inst
    if not MIDWAY:
        plain_seed(inst, int.from_bytes(take(32, "random"), "little"))
    _watch("random", random.getstate)
    # Importing rich, which many libraries do, draws so much for the numbers of its styles: no result comes of that.
    copy.setstate(random.getstate())
    copy.getrandbits(24)
    generators["random"]["imported"] = _digest(copy.getstate())

    def seed_global(a: Any = None, version: int = 2) -> Any:
        note_seed("random", a)
        return plain_seed(inst, a, version)

    random.seed = _pose(seed_global, random.seed, "random")
    if hasattr(os, "register_at_fork"):
        # Registered after random's own, which reseeds each child from the system.
        os.register_at_fork(after_in_child=lambda: plain_seed(inst, int.from_bytes(take(32, "random"), "little")))


def on_secrets(secrets: Any) -> None:
    if not active():
        return
    import random

    class Secret(random.SystemRandom):
        def getrandbits(self, k: int) -> int:
            return int.from_bytes(token_bytes((k + 7) // 8), "big") >> (-k % 8)

        def randbytes(self, n: int) -> bytes:
            return token_bytes(n)

    def token_bytes(nbytes: int | None = None) -> bytes:
        size = 32 if nbytes is None else nbytes
        count(SECRETS, size)
        return _system_urandom(size)

    system = Secret()
    secrets.token_bytes = token_bytes
    secrets.choice = system.choice
    secrets.randbelow = lambda exclusive_upper_bound: system.randrange(exclusive_upper_bound)


def on_numpy(module: Any) -> None:
    if not active():
        return
    bits: Any = sys.modules["numpy.random.bit_generator"]
    if hasattr(bits, "randbits"):

        def randbits(k: int) -> int:
            size = (k + 7) // 8
            who = _who(sys._getframe(1), "numpy.random.SeedSequence")
            count(who, size)
            return int.from_bytes(take(size, who), "little") >> (-k % 8)

        bits.randbits = randbits
    # Importing numpy seeded its global generator; that draw is the import's, not the script's.
    for who in ("random.SystemRandom", "numpy.random.SeedSequence", "os.urandom"):
        draws.pop(who, None)
    mtrand: Any = sys.modules["numpy.random.mtrand"]
    if hasattr(mtrand, "_MT19937"):
        mtrand._MT19937 = _for_random_state(mtrand._MT19937)
    legacy = mtrand._rand
    if not MIDWAY:
        legacy.seed(int.from_bytes(take(4, "numpy.random"), "little"))
    _watch(
        "numpy.random",
        lambda: (
            repr(legacy.get_state(legacy=False)["state"]["key"].tobytes())
            + repr((legacy.get_state(legacy=False)["state"]["pos"], legacy.get_state(legacy=False)["has_gauss"]))
        ),
    )
    plain_seed = module.seed

    def seed(seed: Any = None) -> Any:
        note_seed("numpy.random", seed)
        if seed is None:
            seed = int.from_bytes(take(4, "numpy.random.SeedSequence"), "little")
            count("numpy.random.SeedSequence", 4)
        return plain_seed(seed)

    module.seed = _pose(seed, plain_seed, "numpy.random")
    plain_rng = module.default_rng

    def default_rng(seed: Any = None) -> Any:
        if isinstance(seed, (int, list, tuple)) and not _installed(sys._getframe(1)):
            note_seed("numpy.random.default_rng", seed)
        return plain_rng(seed)

    module.default_rng = _pose(default_rng, plain_rng, "numpy.random")


def _for_random_state(plain: Any) -> type:
    """RandomState(seed) first makes an unseeded generator, then seeds it: entropy is drawn, and thrown away.

    What was passed is not to be seen from here, but how many arguments were is, in the call's own instruction.
    """

    class Like(type):
        def __instancecheck__(cls, value: Any) -> bool:
            return isinstance(value, plain)

    class Maker(metaclass=Like):
        def __new__(cls, *args: Any) -> Any:
            if args:
                return plain(*args)
            caller = sys._getframe(1)
            who = "seeded" if _called_with_arguments(caller) else _who(caller, "numpy.random.RandomState")
            if who != "seeded":
                count(who, 16)
            return plain(int.from_bytes(take(16, who), "little"))

    return Maker


def _called_with_arguments(frame: FrameType) -> bool:
    import dis

    at = frame.f_lasti
    name = dis.opname[frame.f_code.co_code[at]]
    return not (name.startswith("CALL") and frame.f_code.co_code[at + 1] == 0 and name != "CALL_FUNCTION_EX")


def on_torch(torch: Any) -> None:
    if not active():
        return
    generator = torch.default_generator
    if not MIDWAY:
        generator.manual_seed(int.from_bytes(take(6, "torch"), "little"))
    _watch("torch", lambda: bytes(generator.get_state().numpy()))
    plain_seed = torch.manual_seed

    def manual_seed(seed: Any) -> Any:
        note_seed("torch", seed)
        return plain_seed(seed)

    def seed() -> int:
        settle("torch")
        value = int.from_bytes(take(6, "torch.seed"), "little")
        count("torch.seed", 6)
        plain_seed(value)
        return value

    torch.manual_seed = torch.random.manual_seed = _pose(manual_seed, plain_seed, "torch")
    torch.seed = torch.random.seed = _pose(seed, torch.seed, "torch")
