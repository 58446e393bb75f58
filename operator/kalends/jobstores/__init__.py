"""Job stores: where the jobs of a scheduler live. Each module needs its own client library alone."""
