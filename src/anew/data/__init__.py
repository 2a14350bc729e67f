"""Versions of data: which there are, what a project has of them, and how they differ."""
