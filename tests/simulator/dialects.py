"""How one and the same task looks in the shapes that the service has used.

A dialect is a shape, followed by any number of modifiers: "2025",
"2024+utf8", "object+stringy+numeric". The shapes:

2025    jobInfo, taskInfos as an array, code a number
2024    one object taskInfo with resultCode and no files, code a string
object  as 2025, but taskInfos is a single object
batch   data.jobInfo with status and beginTime, as the batch job endpoints do
stringy as 2025, every number quoted

and the modifiers:

stringy every number quoted, in any shape
numeric the task's id as a bare number, the files' status too, whatever else is quoted
extra   unknown keys at each level
shuffled keys in another order each time
spaced  indented, with white space around
utf8    a message that is not ASCII, and a charset in the Content-Type
nulls   fields that have no value yet are null instead of absent
empties the same, but an empty string
"""

import json
import time
from dataclasses import dataclass

from answers import Answer

SHAPES = ("2025", "2024", "object", "batch", "stringy")
MODIFIERS = ("stringy", "numeric", "extra", "shuffled", "spaced", "utf8", "nulls", "empties")


@dataclass
class File:
    file_id: str
    status: str
    new_file_id: str | None
    container_id: str


@dataclass
class Snapshot:
    """A task at one moment. None is "no value yet"; times are seconds since the epoch."""

    user_id: str
    task_id: str
    task_type: int
    status: int
    result: int | None
    created: float
    started: float | None
    ended: float | None
    progress: int
    download_url: str | None
    files: list


def check(dialect):
    """Raises ValueError if there is no such dialect; returns it."""
    shape, *modifiers = dialect.split("+")
    if shape not in SHAPES:
        raise ValueError(f"dialect {dialect!r}: shape is one of {', '.join(SHAPES)}")
    for modifier in modifiers:
        if modifier not in MODIFIERS:
            raise ValueError(f"dialect {dialect!r}: modifier is one of {', '.join(MODIFIERS)}")
    return dialect


def answer(snapshot, dialect, rng):
    shape, *modifiers = dialect.split("+")
    if shape == "stringy":
        modifiers.append("stringy")
    document = _DOCUMENTS[shape](snapshot)
    _modify(document, modifiers)
    if "stringy" in modifiers:
        document = _quoted(document)
    if "numeric" in modifiers:
        _make_numeric(document)
    if "shuffled" in modifiers:
        document = _shuffled(document, rng)

    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    if "spaced" in modifiers:
        text = "\r\n " + json.dumps(document, ensure_ascii=False, indent=4) + " \n"
    charset = ";charset=UTF-8" if "utf8" in modifiers else ""
    return Answer(200, text.encode(), {"Content-Type": "application/json" + charset})


def _digits(moment):
    return None if moment is None else time.strftime("%Y%m%d%H%M%S", time.gmtime(moment))


def _job(snapshot):
    return {
        "userId": snapshot.user_id,
        "taskId": snapshot.task_id,
        "taskType": snapshot.task_type,
        "taskStatus": snapshot.status,
        "taskResultCode": snapshot.result,
        "createTime": _digits(snapshot.created),
        "startTime": _digits(snapshot.started),
        "endTime": _digits(snapshot.ended),
        "progress": snapshot.progress,
        "downloadUrl": snapshot.download_url,
    }


def _file(file):
    entry = {"fileId": file.file_id, "status": file.status}
    if file.new_file_id is not None:
        entry["newFileId"] = file.new_file_id
    entry["srcContainerId"] = file.container_id
    return entry


def _files(snapshot):
    """Empty while the task waits, null while it runs: the service shows both."""
    if snapshot.status == 0:
        return []
    if snapshot.status == 1:
        return None
    return [_file(file) for file in snapshot.files]


def _shape_2025(snapshot):
    return {
        "jobInfo": _job(snapshot),
        "taskInfos": _files(snapshot),
        "code": 0,
        "msg": "Success.",
    }


def _shape_2024(snapshot):
    job = _job(snapshot)
    job["resultCode"] = 0 if snapshot.result is not None else None
    return {"code": "0", "msg": "success", "taskInfo": job}


def _shape_object(snapshot):
    document = _shape_2025(snapshot)
    files = document["taskInfos"]
    document["taskInfos"] = files[0] if files else None
    return document


def _shape_batch(snapshot):
    job = _job(snapshot)
    job["status"] = job.pop("taskStatus")
    job["beginTime"] = job.pop("startTime")
    job["taskName"] = "share task"
    job["contentNum"] = len(snapshot.files)
    data = {"jobInfo": job, "taskInfos": _files(snapshot)}
    return {"code": "0", "msg": "success.", "data": data}


_DOCUMENTS = {
    "2025": _shape_2025,
    "2024": _shape_2024,
    "object": _shape_object,
    "batch": _shape_batch,
    "stringy": _shape_2025,
}


def _parts(document):
    """The task and its files, wherever the shape has them."""
    holder = document.get("data", document)
    entries = holder.get("taskInfos") or []
    entries = [entries] if isinstance(entries, dict) else entries
    return holder.get("jobInfo") or holder.get("taskInfo"), entries


def _modify(document, modifiers):
    job, entries = _parts(document)
    if "nulls" not in modifiers:
        for key in [key for key, value in job.items() if value is None]:
            del job[key]
            if "empties" in modifiers:
                job[key] = ""
    if "extra" in modifiers:
        for mapping in (document, job, *entries):
            mapping["xFuture"] = {"taskStatus": 7, "list": [None, True, 1.5, "\u4e2d"]}
    if "utf8" in modifiers:
        document["msg"] = "成功"


def _make_numeric(document):
    job, entries = _parts(document)
    job["taskId"] = int(job["taskId"])
    for entry in entries:
        entry["status"] = int(entry["status"])


def _quoted(value):
    if isinstance(value, dict):
        return {key: _quoted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_quoted(item) for item in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return value


def _shuffled(value, rng):
    if isinstance(value, dict):
        items = list(value.items())
        rng.shuffle(items)
        return {key: _shuffled(item, rng) for key, item in items}
    if isinstance(value, list):
        return [_shuffled(item, rng) for item in value]
    return value
