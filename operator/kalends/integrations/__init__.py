"""Schedulers within web frameworks: Starlette and FastAPI, Flask, Django. Each module needs its framework alone."""
