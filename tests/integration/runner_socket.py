"""The socket of the hook runner, as the service manager has it."""

import contextlib
import pathlib
import select
import signal
import socket
import subprocess
import threading


def is_stopped(process):
    with contextlib.suppress(OSError):
        stat = pathlib.Path(f"/proc/{process.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] == "T"
    return False


class RunnerSocket:
    """Stands for the service manager: starts a runner for each connection.

    The first ones of them are treated by answers instead: bytes to send before the end. Others
    find environment in theirs.
    """

    def __init__(self, koowatch, answers=(), **environment):
        self.path = koowatch.path / "runner"
        self.accepted = 0
        self.environment = environment
        self._koowatch = koowatch
        self._answers = list(answers)
        self._treated = []  # of those accepted: a runner was started, or the answer given
        self._runners = []
        self._socket = socket.socket(socket.AF_UNIX)

    def __enter__(self):
        self._socket.bind(str(self.path))
        self._socket.listen()
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.path.unlink()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for runner in self._runners:
            runner.terminate()  # with its hook
            if is_stopped(runner):  # no other: a leak check stops itself, and SIGCONT would undo that
                runner.send_signal(signal.SIGCONT)

    def is_quiet(self):
        """Nobody waits for a runner."""
        return len(self._treated) == self.accepted and not select.select([self._socket], [], [], 0)[0]

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.accepted += 1
                if self._answers:
                    with connection:
                        connection.recv(65536)
                        connection.sendall(self._answers.pop(0))
                    self._treated.append(connection)
                    continue
                threading.Thread(target=self._run, args=[connection], daemon=True).start()

    def _run(self, connection):
        with connection:
            locks = self._koowatch.path / "locks"
            locks.mkdir(exist_ok=True)
            runner = subprocess.Popen(
                [
                    pathlib.Path(self._koowatch.build) / "koowatch-hook",
                    "--config",
                    self._koowatch.config_path,
                ],
                stdin=connection,
                stdout=connection,
                stderr=subprocess.DEVNULL,
                env=self._koowatch.environment(RUNTIME_DIRECTORY=str(locks), **self.environment),
            )
            self._runners.append(runner)
            self._treated.append(connection)
            runner.wait()
