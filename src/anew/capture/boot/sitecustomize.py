"""Runs at the start of every Python below `anew run`, before the first line of the script, then makes way.

This folder stands first on PYTHONPATH. Nothing here may import anything but the standard library: the traced
interpreter may be one that Anew is not installed in.
"""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))


def _start() -> None:
    # The folder stays on sys.path only while we need it; children get it through PYTHONPATH again.
    if _HERE not in sys.path:
        sys.path.insert(0, _HERE)
    try:
        import anew_boot

        anew_boot.start_from_environment()
    except Exception as error:  # capture must never keep a script from running
        print(f"anew: this process is not captured: {error!r}", file=sys.stderr)
    finally:
        sys.path[:] = [entry for entry in sys.path if entry != _HERE]


def _make_way() -> None:
    """Run the sitecustomize that would have run without us, if there is one."""
    ours = sys.modules.pop("sitecustomize", None)
    try:
        __import__("sitecustomize")
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
        if ours is not None:
            sys.modules["sitecustomize"] = ours


_start()
_make_way()
