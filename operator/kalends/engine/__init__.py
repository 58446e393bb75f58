"""WHAT TO DO NOW: pure decisions over (schedule, state, now), the ports they act through, and one loop."""
