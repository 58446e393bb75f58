"""Where resources wait: for an instant, for a change, for a worker, or to be tried again."""
