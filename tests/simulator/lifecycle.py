"""The life of a share task, from waiting to its end.

A task follows a course that is measured either in seconds since it was added
or in polls that it answered, until a test takes it by the hand. Nothing moves
by itself: the state is worked out when somebody looks.
"""

import base64
import hashlib
import urllib.parse

import dialects
import packages
from dialects import File, Snapshot

WAITING, RUNNING, COMPLETED, CANCELED = range(4)

USER_ID = "1684711050387378049"
CONTAINER_ID = "IAABh_RdhS8bOg0cA1684711052660690818"

_SETTABLE = ("status", "progress", "result", "download_url")


class Task:
    """Made by Simulator.add_task(), which describes the arguments. Safe to use from any thread.

    host lends the lock, the clocks now() and wall(), and the url.
    """

    def __init__(
        self,
        host,
        task_id,
        share_id,
        *,
        task_type=1,
        duration=None,
        polls=None,
        pending=None,
        steps=None,
        result=None,
        cancel=False,
        download=True,
        late_polls=1,
        kdstoken=None,
        require=None,
        dialect="2025",
        files=1,
        file_size=1024,
        appears_after=0,
        hold=False,
    ):
        if task_type not in (1, 2):
            raise ValueError(f"task_type {task_type!r}: expected 1 (package) or 2 (dump)")
        if duration is not None and polls is not None:
            raise ValueError("duration and polls exclude each other")
        if download not in (True, False, "late"):
            raise ValueError(f"download {download!r}: expected True, False or 'late'")
        if polls is not None and polls < 1:
            raise ValueError(f"polls {polls!r}: a task cannot end before its first poll")

        self.task_id = task_id
        self.share_id = share_id
        self.task_type = task_type
        self.kdstoken = kdstoken
        self.require = require
        self.dialect = dialects.check(dialect)
        self.files = files
        self.file_size = file_size
        self._host = host
        self._by_time = duration is not None
        self._length = duration if self._by_time else (polls or 1) - 1
        self._pending = self._default_pending() if pending is None else pending
        self._steps = steps
        self._result = result
        self._cancel = cancel
        self._download = download
        self._late_polls = late_polls if download == "late" else 0
        self._overrides = {}
        self._created = host.now()
        self._created_wall = host.wall()
        self._appears = self._created + appears_after
        self._answered = 0
        self._answered_ended = 0
        self._started = None
        self._ended = None
        self._end_status = None
        self._progress = 0
        self._held_at = 0 if hold else None
        self._package = None

    def _default_pending(self):
        if self._by_time:
            return self._length / 10
        return 1 if self._length >= 2 else 0

    def exists(self):
        """False in the first appears_after seconds, in which the service does not know the task."""
        return self._host.now() >= self._appears

    @property
    def age(self):
        """Seconds since it was added."""
        return self._host.now() - self._created

    @property
    def status(self):
        with self._host.lock:
            self._look()
            return self._shown_status()

    @property
    def progress(self):
        with self._host.lock:
            self._look()
            return self._overrides.get("progress", self._progress)

    @property
    def ended_at(self):
        """The moment of the end on the simulator's monotonic clock; None before."""
        with self._host.lock:
            self._look()
            return self._ended

    @property
    def package(self):
        """The bytes of the zip behind the download link."""
        with self._host.lock:
            if self._package is None:
                self._package = packages.build(self.task_id, self.files, self.file_size)
            return self._package

    @property
    def signature(self):
        digest = hashlib.sha256(self.task_id.encode()).digest()
        return base64.b64encode(digest).decode()

    @property
    def download_url(self):
        signature = urllib.parse.quote(self.signature, safe="")
        return (
            f"{self._host.url}/packages/{self.task_id}.zip"
            f"?AccessKeyId=SIMULATOR&Signature={signature}"
        )

    def set(self, *, kdstoken=..., require=..., dialect=None, **fields):
        """Sets what answers show from now on, whatever the course says.

        status, progress, result and download_url may have any value, valid or not; None
        returns to the course. kdstoken, require and dialect change as add_task() would have set
        them.
        """
        for name in fields:
            if name not in _SETTABLE:
                raise TypeError(f"{name!r} cannot be set; expected one of {', '.join(_SETTABLE)}")
        with self._host.lock:
            if kdstoken is not ...:
                self.kdstoken = kdstoken
            if require is not ...:
                self.require = require
            if dialect is not None:
                self.dialect = dialects.check(dialect)
            for name, value in fields.items():
                self._overrides.pop(name, None)
                if value is not None:
                    self._overrides[name] = value

    def hold(self):
        """Stops the course where it is; only complete(), cancel() and set() move the task."""
        with self._host.lock:
            self._look()
            self._held_at = max(0, self._position())

    def complete(self, result=None):
        self._finish(COMPLETED, result)

    def cancel(self):
        self._finish(CANCELED, None)

    def _finish(self, status, result):
        with self._host.lock:
            self._look()
            if result is not None:
                self._result = result
            self._end(status, self._host.now())

    def answer(self, rng):
        """Answers one poll, which counts as a step of a course that is measured in polls."""
        with self._host.lock:
            self._answered += 1
            self._look()
            snapshot = self._snapshot()
            if snapshot.status in (COMPLETED, CANCELED):
                self._answered_ended += 1
            return dialects.answer(snapshot, self.dialect, rng)

    def _position(self):
        return self._host.now() - self._created if self._by_time else self._answered - 1

    def _look(self):
        """Brings status, progress and times up to this moment."""
        if self._ended is not None:
            return
        position = self._position() if self._held_at is None else self._held_at
        if position < self._pending and position < self._length:
            return

        if self._started is None:
            on_time = self._created + min(self._pending, self._length)
            self._started = on_time if self._by_time else self._host.now()
        if self._held_at is None and position >= self._length:
            on_time = self._created + self._length
            self._end(
                CANCELED if self._cancel else COMPLETED,
                on_time if self._by_time else self._host.now(),
            )
            return
        rest = self._length - self._pending
        self._progress = self._percent((position - self._pending) / rest if rest > 0 else 0)

    def _percent(self, part):
        if self._steps == 0:
            return 0
        if self._steps is not None:
            part = int(part * self._steps) / self._steps
        return min(int(part * 100), 99)

    def _end(self, status, moment):
        self._ended = moment
        self._end_status = status
        if self._started is None:
            self._started = moment
        if status == COMPLETED:
            self._progress = 100

    def _shown_status(self):
        status = RUNNING if self._started is not None else WAITING
        if self._ended is not None:
            status = self._end_status
        return self._overrides.get("status", status)

    def _shown_result(self, status):
        """A cancelled task has a result code only if the test asked for one."""
        result = self._result
        if result is None and status == COMPLETED:
            result = 1
        if result == 0 or status not in (COMPLETED, CANCELED):
            result = None
        return self._overrides.get("result", result)

    def _shown_url(self, status):
        url = None
        ready = self._answered_ended >= self._late_polls
        if status == COMPLETED and self.task_type == 1 and self._download and ready:
            url = self.download_url
        return self._overrides.get("download_url", url)

    def _wall(self, moment):
        return None if moment is None else self._created_wall + (moment - self._created)

    def _snapshot(self):
        status = self._shown_status()
        result = self._shown_result(status)
        return Snapshot(
            user_id=USER_ID,
            task_id=self.task_id,
            task_type=self.task_type,
            status=status,
            result=result,
            created=self._created_wall,
            started=self._wall(self._started),
            ended=self._wall(self._ended),
            progress=self._overrides.get("progress", self._progress),
            download_url=self._shown_url(status),
            files=[self._file(number, result) for number in range(1, self.files + 1)],
        )

    def _file(self, number, result):
        failed = result == 3 or (result == 2 and number % 2 == 0)
        new_file_id = None
        if self.task_type == 2:
            new_file_id = "" if failed else f"N{self.task_id}-{number}"
        status = "0" if result is None else "2" if failed else "1"
        return File(f"F{self.task_id}-{number}", status, new_file_id, CONTAINER_ID)
