"""What there is to be seen: tasks in every state, an account in trouble, two weeks of history."""

import datetime
import random


def moment(seconds):
    """So many seconds from now, as the bus has it."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return (now + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


LINK = "https://koodrive.example/p/9c1f.zip?AccessKeyId=X&Signature=Y"


def running(name="films", **more):
    return {
        "name": name,
        "state": "running",
        "delivery": "none",
        "account": "default",
        "taskId": "1689768877770401665",
        "shareId": "1689765568237837825",
        "description": "weekly dump",
        "taskStatus": 1,
        "progress": 62,
        "registeredAt": moment(-630),
        "polls": 11,
        "nextPollAt": moment(14),
        "intervalUsec": 14_000_000,
        "deadlineAt": moment(600_000),
        "file": f"/run/koowatch/tasks.d/{name}.task",
        "samples": [{"at": moment(at), "progress": p} for at, p in ((-500, 10), (-300, 35), (-100, 62))],
        "settings": [
            {"key": "Hook", "value": "fetch-package", "origin": f"/run/koowatch/tasks.d/{name}.task:4"},
            {"key": "IntervalMax", "value": "2min", "origin": "default"},
        ],
        "variables": {"Destination": "/srv/packages"},
        **more,
    }


def pending(name="spring-1", **more):
    return {
        "name": name,
        "state": "pending",
        "delivery": "none",
        "account": "office",
        "taskId": "1689768877770401670",
        "shareId": "44",
        "progress": 0,
        "registeredAt": moment(-640),
        "polls": 8,
        "nextPollAt": moment(200),
        "file": f"/etc/koowatch/tasks.d/{name}.task",
        **more,
    }


BAD_ID = "bad value of TaskId: expected 1 to 64 of A-Z a-z 0-9 _ -"


def invalid(name="broken"):
    file = f"/etc/koowatch/tasks.d/{name}.task"
    return {
        "name": name,
        "state": "invalid",
        "delivery": "none",
        "file": file,
        "reason": f"{file}:2: {BAD_ID}",
    }


def finished(name, outcome="completed", result="succeeded", **more):
    return {
        "name": name,
        "state": "finished",
        "delivery": "none",
        "account": "default",
        "taskId": "1689768877770401664",
        "shareId": "1689765568237837824",
        "outcome": outcome,
        **({"result": result} if result else {}),
        "progress": 100 if outcome == "completed" else 40,
        "registeredAt": moment(-700),
        "finishedAt": moment(-160),
        "polls": 9,
        "taskType": 1,
        "eventId": "510b74a2dc3c8704ac0516c4469740dd",
        "file": f"/etc/koowatch/tasks.d/{name}.task",
        **more,
    }


def answer(*statuses):
    """Of a completed task: 1 is a file that succeeded, 2 one that failed."""
    return {
        "code": 0,
        "jobInfo": {"taskId": "1689768877770401664", "taskType": 1, "taskStatus": 2},
        "taskInfos": [{"fileId": f"F{i + 1}", "status": status} for i, status in enumerate(statuses)],
    }


def run(hook, attempt, started, status="done", tail="", **more):
    """How a hook was run, as the daemon tells it."""
    return {"hook": hook, "attempt": attempt, "startedAt": moment(started), "status": status, "tail": tail, **more}


NO_SUCH_HOOK = "no such hook in named.d of /etc/koowatch/hooks:/usr/lib/koowatch/hooks"


def failing(name="photos", **more):
    """Its hook has a name that is none."""
    missing = [run("named.d/fetch-packge", i + 1, at, "failed", NO_SUCH_HOOK, durationUsec=0)
               for i, at in enumerate((-32, -22, -2))]
    task = finished(
        name,
        registeredAt=moment(-574),
        finishedAt=moment(-34),
        delivery="waiting",
        attempts=3,
        nextAttemptAt=moment(38),
        reason="named.d/fetch-packge was not run",
        downloadUrl=LINK,
        hooks=["fetch-packge"],
        detectionDelay=1.25,
        samples=[{"at": moment(at), "progress": p} for at, p in ((-534, 10), (-274, 55), (-34, 100))],
        answer=answer("1", "1"),
        settings=[
            {"key": "Hook", "value": "fetch-packge", "origin": f"/etc/koowatch/tasks.d/{name}.task:4"},
            {"key": "Account", "value": "default", "origin": "default"},
        ],
        runs=[
            run("finished.d/10-tell", 1, -33, tail=f"{name}: completed succeeded\n", durationUsec=12_000, exitStatus=0),
            *missing,
        ],
    )
    return {**task, **more}


def parked(name="archive-2024"):
    return finished(
        name,
        result="partial",
        delivery="parked",
        attempts=40,
        registeredAt=moment(-190_000),
        finishedAt=moment(-150_000),
        file=f"/var/lib/koowatch/tasks.d/{name}.task",
        reason="finished.d/20-mail failed with status 1",
        answer=answer("1", "2"),
        runs=[
            run("finished.d/10-tell", 1, -149_999, durationUsec=12_000, exitStatus=0),
            run("finished.d/20-mail", 40, -4_000, "failed", "no route to host\n", durationUsec=80_000, exitStatus=1),
        ],
    )


def rejected(name="old-share"):
    return finished(
        name,
        outcome="rejected",
        result=None,
        errorCode="13000306",
        errorMessage="File is in the recycle bin.",
        httpStatus=400,
        registeredAt=moment(-64_000),
        finishedAt=moment(-60_000),
    )


ACCOUNT = {
    "name": "default",
    "state": "ok",
    "inFlight": 1,
    "rateLimit": "10/1s",
    "auth": "token",
    "endpoint": "https://intl.myhuaweicloud-koodrive.com",
    "configured": True,
    "requestsLastMinute": 37,
    "tokenSource": "/etc/koowatch/default.token",
}


def office(**more):
    return {
        **ACCOUNT,
        "name": "office",
        "state": "unauthorized",
        "reason": "the token has expired (HTTP 401, code APIG.1002); log in again and replace /etc/koowatch/office.token",
        "inFlight": 0,
        "rateLimit": "100/1min",
        "requestsLastMinute": 0,
        "tokenSource": "/etc/koowatch/office.token",
        "tokenSince": moment(-900_000),
        "nextRequestAt": moment(200),
        **more,
    }


def past(count, seed=4):
    """Finished tasks of two weeks."""
    rng = random.Random(seed)
    kinds = (("completed", "succeeded"), ("completed", "partial"), ("completed", "failed"), ("canceled", None), ("timeout", None))
    runs = []
    for i in range(count):
        outcome, result = rng.choices(kinds, (80, 8, 4, 3, 2))[0]
        end, took = -rng.random() * 13 * 86_400 - 200, rng.lognormvariate(4.5, 1)
        if outcome == "timeout":
            took = 7200
        runs.append(
            finished(
                f"run-{i}",
                outcome,
                result,
                registeredAt=moment(end - took),
                finishedAt=moment(end),
                polls=max(int(rng.gauss(9, 3)), 1),
                taskType=rng.choice((1, 1, 2)),
                detectionDelay=rng.lognormvariate(0.3, 0.9),
            )
        )
    return runs


def properties(tasks, accounts):
    count = lambda key, value: sum(task.get(key) == value for task in tasks)  # noqa: E731
    return {
        "Version": "0.1.0",
        "Pending": count("state", "pending"),
        "Running": count("state", "running"),
        "Finished": count("state", "finished"),
        "Invalid": count("state", "invalid"),
        "DeliveriesWaiting": count("delivery", "waiting"),
        "DeliveriesParked": count("delivery", "parked"),
        "AccountsFailing": sum(account["state"] != "ok" for account in accounts),
        "BehindUsec": 0,
        "Trouble": [],
    }


def content(tasks=None, accounts=None, history=None):
    if tasks is None:
        tasks = [running(), pending(), invalid(), failing(), parked(), rejected(), finished("dump-7", taskType=2)]
    accounts = [dict(ACCOUNT), office()] if accounts is None else accounts
    accounts = [{**a, "tasks": sum(task.get("account") == a["name"] for task in tasks)} for a in accounts]
    if history is None:
        history = [task for task in tasks if task.get("outcome")] + past(300)
    return {
        "tasks": tasks,
        "accounts": accounts,
        "history": sorted(history, key=lambda run: run["finishedAt"], reverse=True),
        "properties": properties(tasks, accounts),
    }
