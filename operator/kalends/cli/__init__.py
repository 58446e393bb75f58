"""The command line: ``kalends`` and ``kubectl kalends``."""
