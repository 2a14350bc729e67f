"""DVC's data side, on a DVC project as it stands. See docs/formats.md, "DVC"."""
