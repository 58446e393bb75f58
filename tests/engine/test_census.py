from kalends.engine.core.state import ActiveRun, Condition, Counts, State
from kalends.engine.loop.overview import by_state, runs_by_executor
from kalends.model.reasons import Reason


def _ready(reason: Reason, *, status: bool = True) -> State:
    return State(armed=0, conditions={"Ready": Condition("Ready", status, reason, "")})


def test_every_resource_is_in_one_state_and_every_state_is_named() -> None:
    records = [
        None,
        State(armed=0),
        _ready(Reason.ARMED),
        _ready(Reason.SUSPENDED),
        _ready(Reason.RESTORED),
        _ready(Reason.EXHAUSTED),
        _ready(Reason.SEARCH_LIMIT),
        _ready(Reason.INVALID_SCHEDULE, status=False),
        _ready(Reason.UNKNOWN_TASK, status=False),
        _ready(Reason.START_REFUSED, status=False),
    ]
    valid = ("Armed", "Suspended", "Restored", "Exhausted", "SearchLimit", "StartRefused")
    assert by_state(records) == {**dict.fromkeys(valid, 1), "Invalid": 2, "Pending": 2}
    assert set(by_state([]).values()) == {0}
    assert by_state([]).keys() == by_state(records).keys()


def test_runs_that_a_record_does_not_list_are_jobs() -> None:
    run = ActiveRun("a-1", 1, 1, "default")
    records = [None, State(armed=0), State(armed=0, active=(run,), counts=Counts(active=3, started=3, due=3))]
    assert runs_by_executor(records) == {"default": 1, "jobs": 2}
