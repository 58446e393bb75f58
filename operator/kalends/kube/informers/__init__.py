"""Local views of collections of the API server, kept by list and watch."""
