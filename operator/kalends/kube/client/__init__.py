"""The client of the API server: priorities, retries, connections."""
