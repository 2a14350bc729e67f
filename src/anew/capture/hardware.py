"""The machine a run is on, and what it does to it while it runs; from /proc alone, so that it costs next to nothing."""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from anew import background

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_ISA = {"avx", "avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "fma", "sse4_2", "neon", "asimd", "sve"}


def hardware() -> dict[str, Any]:
    """Processor, its vector features, cores we may use, memory, GPUs; `cpu_quota` in cores where a cgroup sets one."""
    model, flags = "", set[str]()
    for line in _read("/proc/cpuinfo").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name" and not model:
            model = value.strip()
        elif name.strip() in ("flags", "Features"):
            flags = set(value.split()) & _ISA
            break
    memory = next(
        (int(line.split()[1]) * 1024 for line in _read("/proc/meminfo").splitlines() if "MemTotal" in line), 0
    )
    return {
        "machine": platform.machine(),
        "os": f"{platform.system()} {platform.release()}",
        "cpu": model,
        "cpu_features": sorted(flags),
        "cores": os.cpu_count(),
        "cores_usable": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cpu_quota": _quota(),
        "memory_bytes": memory,
        "gpus": _gpus(),
    }


def _quota() -> float | None:
    words = _read("/sys/fs/cgroup/cpu.max").split()
    return int(words[0]) / int(words[1]) if len(words) == 2 and words[0].isdigit() else None


def _gpus() -> list[str]:
    found = []
    for info in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        model = next((line.partition(":")[2].strip() for line in _read(str(info)).splitlines() if "Model" in line), "")
        found.append(model)
    return found


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


class Sampler:
    """Measures a process and its descendants from outside, a few times a minute, and hands on the numbers."""

    def __init__(self, pid: int, emit: Callable[[dict[str, float], int], None], every_s: float = 5.0) -> None:
        self._pid, self._emit, self._every_s = pid, emit, every_s
        self._last_cpu_s, self._last_at = 0.0, 0.0
        self._stop = threading.Event()
        self._gpu = _Nvml()
        self._thread = threading.Thread(target=self._run, daemon=True)
        background.start(self._thread)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(2)

    def _run(self) -> None:
        wait_s, count = 1.0, 0
        while not self._stop.wait(wait_s):
            wait_s = self._every_s
            numbers = self._sample()
            if numbers:
                self._emit(numbers, count)
                count += 1

    def _sample(self) -> dict[str, float]:
        import time

        cpu_s, rss, read_bytes, written_bytes, alive = 0.0, 0, 0, 0, 0
        for pid in family(self._pid):
            stat = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
            if len(stat) < 22:
                continue
            alive += 1
            cpu_s += (int(stat[11]) + int(stat[12])) / _TICKS
            rss += int(stat[21]) * _PAGE_BYTES
            for line in _read(f"/proc/{pid}/io").splitlines():
                if line.startswith("read_bytes"):
                    read_bytes += int(line.split()[1])
                elif line.startswith("write_bytes"):
                    written_bytes += int(line.split()[1])
        if not alive:
            return {}
        now = time.monotonic()
        busy = max(0.0, cpu_s - self._last_cpu_s) / (now - self._last_at) * 100 if self._last_at else 0.0
        self._last_cpu_s, self._last_at = cpu_s, now
        return {
            "system/cpu_percent": busy,
            "system/memory_bytes": float(rss),
            "system/disk_read_bytes": float(read_bytes),
            "system/disk_written_bytes": float(written_bytes),
            "system/processes": float(alive),
            **_network(),
            **self._gpu.sample(),
        }


def _network() -> dict[str, float]:
    received = sent = 0
    for line in _read("/proc/net/dev").splitlines()[2:]:
        name, _, rest = line.partition(":")
        fields = rest.split()
        if name.strip() != "lo" and len(fields) > 8:
            received, sent = received + int(fields[0]), sent + int(fields[8])
    return {"system/network_received_bytes": float(received), "system/network_sent_bytes": float(sent)}


def family(pid: int) -> list[int]:
    """`pid` and its descendants."""
    found, todo = [], [pid]
    while todo:
        pid = todo.pop()
        found.append(pid)
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            todo += [int(word) for word in _read(str(task)).split()]
    return found


class _Nvml:
    """GPU load and memory by the driver's own library; empty where there is none."""

    def __init__(self) -> None:
        self._library: Any = None
        self._devices: list[Any] = []
        if not Path("/proc/driver/nvidia").exists():
            return
        import ctypes

        try:
            library = ctypes.CDLL("libnvidia-ml.so.1")
            count = ctypes.c_uint()
            if library.nvmlInit_v2() or library.nvmlDeviceGetCount_v2(ctypes.byref(count)):
                return
            for index in range(count.value):
                device = ctypes.c_void_p()
                if not library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(device)):
                    self._devices.append(device)
            self._library = library
        except (OSError, AttributeError):
            return

    def sample(self) -> dict[str, float]:
        if self._library is None:
            return {}
        import ctypes

        numbers = {}
        for index, device in enumerate(self._devices):
            use, memory = (ctypes.c_uint * 2)(), (ctypes.c_ulonglong * 3)()
            if not self._library.nvmlDeviceGetUtilizationRates(device, use):
                numbers[f"system/gpu{index}_percent"] = float(use[0])
            if not self._library.nvmlDeviceGetMemoryInfo(device, memory):
                numbers[f"system/gpu{index}_memory_bytes"] = float(memory[2])
        return numbers


def others(addresses: list[str]) -> list[str]:
    """Of the addresses that a run connected to, those that were not its own: on this machine, whoever listens still."""
    listening = set(_listening_ports())
    found = []
    for address in addresses:
        host, _, port = address.rpartition(":")
        own = host.startswith("127.") or host in ("::1", "localhost", "0.0.0.0", "")
        if not own or (port.isdigit() and int(port) in listening):
            found.append(address)
    return found


def _listening_ports() -> Iterator[int]:
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == "0A":  # LISTEN
                yield int(fields[1].rpartition(":")[2], 16)
