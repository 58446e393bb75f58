"""Where schedules and their state live: the CRD in a cluster, a SQLite file on a laptop, memory in tests."""
