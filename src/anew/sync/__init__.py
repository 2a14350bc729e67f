"""Sync: runs go up to a server, and come down from one. The protocol is in docs/formats.md, "Sync"."""
