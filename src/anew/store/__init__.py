"""The truth: journals, objects, ledger. Everything else can be rebuilt from what lies here."""
