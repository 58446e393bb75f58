"""Kalends as a library: what stands between APScheduler's names and the engine. Programs import nothing from here."""
