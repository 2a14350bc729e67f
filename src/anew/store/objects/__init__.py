"""Content-addressed bytes: `Objects`, and the values it gives and takes. Laid out as docs/formats.md says."""

from anew.store.objects.objects import Objects
from anew.store.objects.values import Entry, FileRef, FolderRef, Problem

__all__ = ["Entry", "FileRef", "FolderRef", "Objects", "Problem"]
