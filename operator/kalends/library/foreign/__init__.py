"""Jobs that APScheduler 3 has stored or exported: read by choice, with an unpickler that admits few classes."""
