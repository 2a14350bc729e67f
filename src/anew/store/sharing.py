"""A store that a group works in: what any of them makes, all of them may read and change, whatever their umask.

The folders hand down their group (the setgid bit) and a default access list, which takes the umask's place. What was
made for its owner alone, such as keys, stays so.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

from anew.errors import StoreError, UsageError

_ACL = "system.posix_acl_default"
_ENTRY = struct.Struct("<HHI")
_VERSION, _USER, _GROUP, _OTHER, _NOBODY = 2, 0x01, 0x04, 0x20, 0xFFFFFFFF
PRIVATE = frozenset({"accounts", "webhooks", "variables"})  # tokens, and what a run's environment holds
_NO_ACLS = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


def share(root: Path, group: str | None = None) -> bool:
    """Let the group of `root`, or `group`, into all that is there and all that is to come. False where the file system
    knows no access lists: then what is to come hangs on the umask of who makes it.

    Raises UsageError for a group that there is not, StoreError for what is not ours to change.
    """
    lists = True
    for path, mode in _all(root):
        try:
            if group:
                shutil.chown(path, group=group)
            if stat.S_ISDIR(mode):
                os.chmod(path, stat.S_IMODE(mode) | 0o2770)
                lists = _hand_down(path, mode) and lists
            elif os.path.basename(path) not in PRIVATE:
                os.chmod(path, stat.S_IMODE(mode) | 0o060)
        except FileNotFoundError:
            continue  # gone meanwhile
        except LookupError:
            raise UsageError(f"there is no group {group!r}") from None
        except PermissionError as error:
            raise StoreError(
                f"{path} can't be shared ({error.strerror}): it belongs to another user, who, or root, can share it"
            ) from error
    return lists


def is_shared(folder: Path) -> bool:
    """Whether a folder hands its group down, and lets it write: what is made in it is meant for the group."""
    mode = os.stat(folder).st_mode
    return bool(mode & stat.S_ISGID and mode & stat.S_IWGRP)


def _all(root: Path) -> Iterator[tuple[str, int]]:
    """Folders first; links are not followed."""
    todo = [os.fspath(root)]
    while todo:
        folder = todo.pop()
        yield folder, os.lstat(folder).st_mode
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    todo.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    yield entry.path, entry.stat(follow_symlinks=False).st_mode


def _hand_down(folder: str, mode: int) -> bool:
    """What is made in a folder begins with all for owner and group, and for others what they may with the folder."""
    rights = ((_USER, 7), (_GROUP, 7), (_OTHER, mode & 7))
    packed = struct.pack("<I", _VERSION) + b"".join(_ENTRY.pack(who, may, _NOBODY) for who, may in rights)
    try:
        os.setxattr(folder, _ACL, packed)
    except AttributeError:
        return False  # a system without them
    except OSError as error:
        if error.errno in _NO_ACLS:
            return False
        raise
    return True
