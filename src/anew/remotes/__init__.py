"""Versions of data shared through a remote: a folder or bucket without a program. Laid out as docs/formats.md says."""
