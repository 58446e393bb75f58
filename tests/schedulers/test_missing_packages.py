"""What an import says where the package of a loop is not installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
import {module}
"""
QT = ("PySide6", "PyQt6", "PySide2", "PyQt5")


@pytest.mark.parametrize(
    ("module", "missing", "said"),
    [
        ("schedulers.gevent", ("gevent",), "pip install 'kalends[gevent]'"),
        ("executors.gevent", ("gevent",), "pip install 'kalends[gevent]'"),
        ("schedulers.tornado", ("tornado",), "pip install 'kalends[tornado]'"),
        ("schedulers.twisted", ("twisted",), "pip install 'kalends[twisted]'"),
        ("executors.twisted", ("twisted",), "pip install 'kalends[twisted]'"),
        ("schedulers.qt", QT, "QtScheduler needs one of the packages PySide6, PyQt6, PySide2, PyQt5"),
    ],
)
def test_the_message_names_what_to_install(module: str, missing: tuple[str, ...], said: str) -> None:
    code = WITHOUT.format(missing=missing, module=f"kalends.{module}")
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith("ImportError: ")
    assert said in run.stderr.splitlines()[-1]


@pytest.mark.parametrize("module", ["background", "blocking", "asyncio"])
def test_the_schedulers_without_an_extra_need_no_package_of_one(module: str) -> None:
    code = WITHOUT.format(missing=("gevent", "tornado", "twisted", *QT), module=f"kalends.schedulers.{module}")
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, run.stderr
