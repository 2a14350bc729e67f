"""The model registry: models, numbered versions, aliases, stages, tags. Its truth is the ledger."""

from __future__ import annotations

from anew.store.ledger import Ledger, View


class Registry(View):
    """Every registered model of a store."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
