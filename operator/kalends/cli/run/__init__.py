"""``kalends run``: the engine in this process, and what it prints."""
