"""The loop that gathers facts, asks for a decision and carries it out."""
