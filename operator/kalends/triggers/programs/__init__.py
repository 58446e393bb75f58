"""The triggers of programs: what they may be given, how they are compiled for the engine, and how they are stored."""
