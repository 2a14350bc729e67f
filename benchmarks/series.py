"""Ten million points: their size, a thousand to draw, all of them; beside Parquet, tuned, where it is.

    python benchmarks/series.py [points, by default 10000000]

The values are born as float32, the times jitter by microseconds. CPU milliseconds of this process, the best
of a few turns. Parquet has delta-packed steps and times, byte-split values and zstd; to draw it must decode,
and then picks its points by the same rule.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from anew.index.segment import Segment, encode
from anew.index.series import Source, draw


def cpu_ms(work: Callable[[], object], turns: int = 5) -> float:
    took = []
    for _ in range(turns):
        start = time.process_time()
        work()
        took.append(time.process_time() - start)
    return min(took) * 1e3


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    random = np.random.default_rng(0)
    steps = np.arange(count)
    times = 1.7e9 + steps * 0.01 + random.normal(0, 2e-6, count)
    values = np.cumsum(random.normal(size=count)).astype(np.float32).astype(np.float64)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "segment"
        took = cpu_ms(lambda: path.write_bytes(encode({"loss": (steps, times, values)})), 2)
        print(f"anew     encode {took:8.0f} ms   {path.stat().st_size / count:6.2f} bytes a point")

        def source() -> Source:
            data = path.open("rb")

            def read(offset: int, size: int) -> bytes:
                data.seek(offset)
                return data.read(size)

            return Source(Segment(read, path.stat().st_size, "segment"), "loss", None)

        first = cpu_ms(lambda: draw(source(), 1000))
        zoom = cpu_ms(lambda: draw(source(), 1000, count // 2, count // 2 + 100_000))
        whole = cpu_ms(lambda: draw(source()), 2)
        print(f"anew     1,000 of all {first:8.2f} ms   1,000 of 100,000 {zoom:8.2f} ms   all {whole:8.0f} ms")
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError:
            return
        file = Path(folder) / "table.parquet"
        table = pyarrow.table({"steps": steps, "times": times.view(np.int64), "values": values})
        encodings = {
            "steps": "DELTA_BINARY_PACKED",
            "times": "DELTA_BINARY_PACKED",
            "values": "BYTE_STREAM_SPLIT",
        }

        def write() -> None:
            parquet.write_table(
                table,
                file,
                compression="zstd",
                use_dictionary=False,
                column_encoding=encodings,
                row_group_size=65_536,
            )

        took = cpu_ms(write, 2)
        print(f"parquet  encode {took:8.0f} ms   {file.stat().st_size / count:6.2f} bytes a point")

        def load() -> Source:
            loaded = parquet.read_table(file)
            arrays = [loaded[name].to_numpy() for name in ("steps", "times", "values")]
            return Source(None, "loss", (arrays[0], arrays[1].view(np.float64), arrays[2]))

        other = cpu_ms(lambda: draw(load(), 1000), 2)
        all_of_it = cpu_ms(load, 2)
        print(f"parquet  1,000 of all {other:8.2f} ms ({other / first:.0f} x)   all {all_of_it:8.0f} ms")


if __name__ == "__main__":
    main()
