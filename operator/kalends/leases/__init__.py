"""Leases: at most one of several processes acts, wherever the record of the lease is kept."""
