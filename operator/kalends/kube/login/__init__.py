"""Where the API server is, and with which credentials and certificates to connect."""
