"""What is special about the schedulers of gevent, Tornado, Twisted and Qt: each program in a separate process."""

from __future__ import annotations

import pytest

from schedulers.programs import run

GEVENT = """
import gevent
from kalends.schedulers.gevent import GeventScheduler

scheduler = GeventScheduler()
seen = []

def job():
    seen.append(gevent.getcurrent())
    gevent.sleep(0.01)
    seen.append("slept")
    scheduler.shutdown()

greenlet = scheduler.start()
scheduler.add_job(job, misfire_grace_time=None)
greenlet.join(100)
print(greenlet.dead, isinstance(seen[0], gevent.Greenlet), seen[1], scheduler.running)
"""


@pytest.mark.parametrize("patch", ["", "from gevent import monkey; monkey.patch_all()\n"], ids=["plain", "patched"])
def test_the_greenlet_that_gevent_starts_ends_at_the_shutdown(patch: str) -> None:
    assert run(patch + GEVENT).splitlines() == ["True True slept False"]


def test_a_greenlet_waits_for_other_greenlets_at_the_shutdown() -> None:
    code = """
import gevent
from gevent.event import Event
from kalends.schedulers.gevent import GeventScheduler

scheduler = GeventScheduler()
began, release = Event(), Event()

def job():
    began.set()
    release.wait(100)
    print("ended")

with scheduler:
    scheduler.add_job(job, misfire_grace_time=None)
    began.wait(100)
    gevent.spawn_later(0.05, release.set)
print("left")
"""
    assert run(code).splitlines() == ["ended", "left"]


def test_a_background_scheduler_works_where_gevent_has_patched_everything_twice_and_beside_asyncio() -> None:
    code = """
from gevent import monkey; monkey.patch_all()
import asyncio, threading
from kalends.schedulers.background import BackgroundScheduler

both = [BackgroundScheduler(), BackgroundScheduler()]
calls = [threading.Event(), threading.Event()]
for scheduler, called in zip(both, calls):
    scheduler.start()
    scheduler.add_job(called.set, misfire_grace_time=None)

async def main():
    await asyncio.sleep(0.01)
    return "beside"

print(asyncio.run(main()))
for scheduler, called in zip(both, calls):
    print(called.wait(100))
    scheduler.shutdown()
"""
    assert run(code).splitlines() == ["beside", "True", "True"]


def test_tornado_takes_the_loop_that_is_current_at_the_start() -> None:
    code = """
import asyncio
from tornado.ioloop import IOLoop
from kalends.schedulers.tornado import TornadoScheduler

scheduler = TornadoScheduler()

async def job():
    await asyncio.sleep(0)
    print("ran", IOLoop.current().asyncio_loop is asyncio.get_running_loop())
    ended.set()

async def main():
    global ended
    ended = asyncio.Event()
    async with scheduler:
        scheduler.add_job(job, misfire_grace_time=None)
        await ended.wait()

asyncio.run(main())
asyncio.run(main())
"""
    assert run(code).splitlines() == ["ran True"] * 2


def test_a_program_that_starts_tornado_after_the_scheduler_works() -> None:
    code = """
from tornado.ioloop import IOLoop
from kalends.schedulers.tornado import TornadoScheduler

loop = IOLoop()
scheduler = TornadoScheduler(io_loop=loop)

def job():
    print("ran")
    loop.add_callback(leave)

def leave():
    scheduler.shutdown()
    loop.stop()

scheduler.add_job(job, misfire_grace_time=None)
scheduler.start()
loop.start()
loop.close()
"""
    assert run(code).splitlines() == ["ran"]


def test_twisted_cancels_coroutines_at_a_shutdown_in_its_thread() -> None:
    code = """
import logging
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from kalends.events import EVENT_JOB_ERROR, EVENT_SCHEDULER_SHUTDOWN
from kalends.schedulers.twisted import TwistedScheduler

logging.disable()
scheduler = TwistedScheduler()

async def job():
    reactor.callLater(0.01, scheduler.shutdown)
    try:
        await Deferred()
    except CancelledError:
        print("cancelled")
        raise

def hear(event):
    print(event.code == EVENT_JOB_ERROR and type(event.exception).__name__)
    if event.code == EVENT_SCHEDULER_SHUTDOWN:
        reactor.callLater(0, reactor.stop)

scheduler.add_listener(hear, EVENT_JOB_ERROR | EVENT_SCHEDULER_SHUTDOWN)
scheduler.add_job(job, misfire_grace_time=None)
scheduler.start()
reactor.run()
"""
    assert sorted(run(code).splitlines()) == ["CancelledError", "False", "cancelled"]


def test_twisted_ends_although_the_reactor_stops_without_a_shutdown() -> None:
    code = """
from twisted.internet import reactor
from kalends.schedulers.twisted import TwistedScheduler

scheduler = TwistedScheduler()
scheduler.add_job(lambda: reactor.callFromThread(reactor.stop), misfire_grace_time=None)
scheduler.add_job(lambda: None, "interval", seconds=0.01)
scheduler.start()
reactor.run()
print("stopped")
scheduler.shutdown()
print("shut down")
"""
    assert run(code).splitlines() == ["stopped", "shut down"]


def test_qt_has_no_timers_and_one_pass_for_each_fire_time() -> None:
    code = """
from PySide6.QtCore import QCoreApplication, QTimer
import PySide6.QtCore
from kalends.events import EVENT_JOB_EXECUTED
from kalends.schedulers.qt import QtScheduler

made = []
class Counting(QTimer):
    def __init__(self, *args):
        made.append(1)
        super().__init__(*args)
PySide6.QtCore.QTimer = Counting

application = QCoreApplication([])
scheduler = QtScheduler()
heard = []

def hear(event):
    heard.append(event)
    if len(heard) == 5:
        scheduler.shutdown()
        application.quit()

scheduler.add_listener(hear, EVENT_JOB_EXECUTED)
scheduler.start()
for number in range(20):
    scheduler.add_job(print, "interval", hours=1, args=[number])
scheduler.add_job(lambda: None, "interval", seconds=0.02)
application.exec()
print(len(made), scheduler.running)
"""
    assert run(code).splitlines() == ["0 False"]


def test_the_binding_of_qt_loses_no_references() -> None:
    code = """
import sys
from PySide6.QtCore import QObject, Signal

class Relay(QObject):
    asked = Signal(object)

relay, heard = Relay(), []
relay.asked.connect(heard.append)
before = [sys.getrefcount(one) for one in (None, True, False)]
for number in range(150):
    relay.asked.emit(number)
after = [sys.getrefcount(one) for one in (None, True, False)]
print(len(heard), all(now > then - 100 for then, now in zip(before, after)))
"""
    assert run(code).splitlines() == ["150 True"]


def test_qt_may_be_shut_down_after_its_loop() -> None:
    code = """
from PySide6.QtCore import QCoreApplication, QTimer
from kalends.events import EVENT_SCHEDULER_SHUTDOWN
from kalends.schedulers.qt import QtScheduler

application = QCoreApplication([])
scheduler = QtScheduler()
scheduler.add_listener(lambda event: print("heard"), EVENT_SCHEDULER_SHUTDOWN)
scheduler.start()
QTimer.singleShot(50, application.quit)
application.exec()
scheduler.shutdown()
"""
    assert run(code).splitlines() == ["heard"]
