"""Job stores: where schedules and their state live. The CRD in a cluster, a SQLite file on a laptop, memory in tests."""
