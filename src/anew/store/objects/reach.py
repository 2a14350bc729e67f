"""What objects are made of: every record that is needed to read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from anew.errors import AnewError
from anew.store.objects import manifest, tree
from anew.store.objects.chunk import WHOLE_SIZE_MAX
from anew.store.objects.packs import Packs
from anew.store.objects.record import MANIFEST


def keys_of(packs: Packs, digests: Iterable[bytes], trees: Iterable[bytes], get_blob: tree.GetBlob) -> set[bytes]:
    """See `Objects.keys_of`."""
    found: set[bytes] = set()
    waiting, nodes = list(digests), list(trees)
    while nodes:
        key = nodes.pop()
        if key not in found and packs.find(key):
            found.add(key)
            inner, files = tree.parts(key, get_blob(key))
            nodes += inner
            waiting += [file for file, _ in files]
    for key in waiting:
        if key not in found and packs.find(key):
            found.add(key)
            if packs.peek(key)[0] == MANIFEST:
                found.update(_pieces(packs, key, get_blob))
    return found.union(*map(packs.bases_of, found))


def lost(packs: Packs, digests: Iterable[bytes], trees: Iterable[bytes], get_blob: tree.GetBlob) -> set[bytes]:
    """See `Objects.lost`."""
    found: set[bytes] = set()
    waiting = dict.fromkeys(digests, WHOLE_SIZE_MAX + 1)
    nodes, seen = list(trees), set()
    while nodes:
        key = nodes.pop()
        if key in seen:
            continue
        seen.add(key)
        try:
            inner, files = tree.parts(key, get_blob(key))
        except AnewError:
            found.add(key)
            continue
        nodes += inner
        waiting.update(files)
    keys = list(waiting)
    for key, place in zip(keys, packs.find_all(keys), strict=True):
        if place is None:
            found.add(key)
        elif waiting[key] > WHOLE_SIZE_MAX:
            found |= _lost_pieces(packs, key, get_blob)
    return found


def _lost_pieces(packs: Packs, key: bytes, get_blob: tree.GetBlob) -> set[bytes]:
    """Of one object, itself included."""
    try:
        if packs.peek(key)[0] != MANIFEST:
            return set()
        pieces = list(_pieces(packs, key, get_blob))
    except AnewError:
        return {key}
    return {piece for piece, place in zip(pieces, packs.find_all(pieces), strict=True) if place is None}


def _pieces(packs: Packs, key: bytes, get_blob: tree.GetBlob) -> Iterator[bytes]:
    """Segments and chunks that a manifest names; of segments that are not stored, no chunks."""
    where = packs.where(key)
    segments, chunks = manifest.listed(packs.read(key)[1], where)
    yield from segments
    yield from chunks
    for segment in segments:
        if packs.find(segment):
            yield from manifest.entries(get_blob(segment), where)
