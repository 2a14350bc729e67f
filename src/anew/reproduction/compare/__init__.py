"""Are two outputs the same result? By which rule, and where do they first differ?"""

from __future__ import annotations

from anew.reproduction.compare.files import compare_files
from anew.reproduction.compare.result import Findings, Result, Side
from anew.reproduction.compare.rules import RULES
from anew.reproduction.compare.text import compare_text

__all__ = ["RULES", "Findings", "Result", "Side", "compare_files", "compare_text"]
