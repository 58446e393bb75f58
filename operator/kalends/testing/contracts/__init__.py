"""The contracts of job stores, executors and triggers as suites for pytest: ``pip install 'kalends[testing]'``.

A module of a plug-in's tests imports all names of a suite, and defines the fixtures that the suite asks for::

    import pytest
    from kalends.testing.contracts.jobstores import *
    from kalends.testing.contracts.places import Place, store

    class Folder(Place):
        def new_store(self, **options): ...

    @pytest.fixture
    def place(tmp_path): return Folder(tmp_path)

Every function whose name begins with ``test_`` is a claim that the scheduler relies on.
"""

from __future__ import annotations

import pytest

SUITES = ("jobstores", "jobstore_records", "executors", "triggers")
"""Modules of this package that are suites."""
pytest.register_assert_rewrite(*(f"{__name__}.{suite}" for suite in SUITES))
