"""The control endpoint, for scripts that cannot hold a Simulator in their hands.

GET  /_simulator/status               counts
GET  /_simulator/requests[?after=N]   the record, from request N + 1 on
GET  /_simulator/tasks                the tasks and their state
POST /_simulator/tasks                an object of add_task() arguments, or a list of them
POST /_simulator/tasks/ID             {"action": "hold" | "complete" | "cancel"}, or Task.set()
GET  /_simulator/sessions             the sessions, with their tokens
POST /_simulator/sessions             an object of add_session() arguments, or a list of them
POST /_simulator/sessions/ID          {"action": "expire" | "revoke"}
POST /_simulator/faults               an object of FaultMenu.add() arguments, or a list of them
DELETE /_simulator/faults             clears the menu
POST /_simulator/settings             those of judge.Rules

A session's ID is its session_id.
"""

import json

from aiohttp import web

_SETTINGS = (
    "tokens",
    "token_lifetime",
    "apps",
    "string_to_sign",
    "refusal",
    "expired_code",
    "users",
    "require_headers",
    "clock_offset",
    "date_header",
    "ratelimit",
    "kdstoken_code",
)


def _json(value, status=200):
    return web.Response(
        status=status, text=json.dumps(value) + "\n", content_type="application/json"
    )


def _status(simulator):
    with simulator.lock:
        return {
            "connections": simulator.connections,
            "in_flight": simulator.in_flight,
            "in_flight_max": simulator.in_flight_max,
            "requests": len(simulator.requests),
            "sessions": len(simulator.sessions),
            "tasks": len(simulator.tasks),
        }


def _record(record):
    entry = dict(vars(record))
    entry["body"] = record.body.decode(errors="replace")
    return entry


def _task(simulator, task):
    return {
        "task_id": task.task_id,
        "share_id": task.share_id,
        "status": task.status,
        "progress": task.progress,
        "polls": simulator.polls(task),
        "download_url": task.download_url if task.task_type == 1 else None,
    }


def _session(session):
    return {
        "session_id": session.session_id,
        "token": session.token,
        "refresh_token": session.refresh_token,
        "refreshes": session.refreshes,
        "revoked": session.revoked,
    }


def _each(document, function):
    """What function makes of the object, or a list of what it makes of each in a list."""
    if isinstance(document, list):
        return [function(one) for one in document]
    return function(document)


def _add_tasks(simulator, document):
    return _each(document, lambda course: _task(simulator, simulator.add_task(**course)))


def _add_sessions(simulator, document):
    add = simulator.sessions.add_session
    return _each(document, lambda settings: _session(add(**settings)))


def _change_session(simulator, session_id, document):
    session = simulator.sessions.by_id(session_id)
    if session is None:
        raise LookupError(session_id)
    action = document.get("action")
    if action not in ("expire", "revoke"):
        raise ValueError(f"action {action!r}: expected expire or revoke")
    getattr(session, action)()
    return _session(session)


def _change_task(simulator, task, document):
    action = document.pop("action", "set")
    if action not in ("set", "hold", "complete", "cancel"):
        raise ValueError(f"action {action!r}: expected set, hold, complete or cancel")
    getattr(task, action)(**document)
    return _task(simulator, task)


def _add_faults(simulator, document):
    faults = document if isinstance(document, list) else [document]
    for fault in faults:
        simulator.faults.add(**fault)
    return {"added": len(faults)}


def _change_settings(simulator, document):
    for name in document:
        if name not in _SETTINGS:
            raise ValueError(f"setting {name!r}: expected one of {', '.join(_SETTINGS)}")
    for name, value in document.items():
        setattr(simulator, name, set(value) if name == "tokens" else value)
    return {"changed": sorted(document)}


def _get(simulator, what, query):
    if what == "status":
        return _status(simulator)
    if what == "requests":
        after = int(query.get("after", 0))
        return [_record(record) for record in simulator.requests if record.number > after]
    if what == "tasks":
        return [_task(simulator, task) for task in list(simulator.tasks.values())]
    if what == "sessions":
        return [_session(session) for session in simulator.sessions]
    raise LookupError(what)


def _post(simulator, what, document):
    if what == "tasks":
        return _add_tasks(simulator, document)
    if what.startswith("tasks/"):
        return _change_task(simulator, simulator.tasks[what.removeprefix("tasks/")], document)
    if what == "sessions":
        return _add_sessions(simulator, document)
    if what.startswith("sessions/"):
        return _change_session(simulator, what.removeprefix("sessions/"), document)
    if what == "faults":
        return _add_faults(simulator, document)
    if what == "settings":
        return _change_settings(simulator, document)
    raise LookupError(what)


async def handle(simulator, request, what):
    """Control requests are not recorded, and no fault applies to them."""
    try:
        if request.method == "GET":
            return _json(_get(simulator, what, request.query))
        if request.method == "POST":
            return _json(_post(simulator, what, json.loads(await request.read())))
        if request.method == "DELETE" and what == "faults":
            simulator.faults.clear()
            return _json({})
    except LookupError as fault:
        return _json({"error": f"no such thing: {fault}"}, 404)
    except (ValueError, TypeError, AttributeError) as fault:
        return _json({"error": str(fault)}, 400)
    return _json({"error": "method not allowed"}, 405)
