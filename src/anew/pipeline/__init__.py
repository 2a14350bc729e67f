"""Pipelines: stages with what they read, write and depend on, as dvc.yaml and dvc.lock describe them."""
