"""Run it anew: recreate, execute, compare, and say with evidence whether the result is the same."""
