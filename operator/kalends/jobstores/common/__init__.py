"""What job stores share: leases, layouts, IDs, rows in groups, notices of changes."""
