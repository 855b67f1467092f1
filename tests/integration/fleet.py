"""Nodes of a fleet for the tests: daemons that share a PostgreSQL server, each with a token of its own."""

import contextlib
import socket
import threading
import time

from koowatch import Koowatch

PATIENCE = 60  # a node that is silent is given up after 20 s
TRUST = 13  # seconds for which a node goes on without the database


class Gate:
    """A way to the database that can be cut: TCP through this process."""

    def __init__(self, host, port):
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._pairs = set()
        self.is_cut = self.hangs = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self.is_cut:
                    near.close()
                    continue
                far = socket.create_connection(self._target)
                with self._lock:
                    self._pairs.add((near, far))
                for here, there in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(here, there), daemon=True).start()

    def _carry(self, here, there):
        with contextlib.suppress(OSError):
            while data := here.recv(65536):
                while self.hangs:
                    time.sleep(0.05)
                there.sendall(data)
        for end in (here, there):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self):
        self.is_cut = True
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def mend(self):
        self.is_cut = self.hangs = False

    def close(self):
        self._listener.close()
        self.cut()


class Fleet:
    """nodes: by name; each asks the simulator with "Bearer NAME"."""

    def __init__(self, build, sim, server):
        self._build, self._sim, self.server = build, sim, server
        self.name = server.new_fleet()
        self.nodes = {}
        self.gates = {}

    def add(self, name, has_gate=False, **settings):
        """Not started yet."""
        node = Koowatch(self._build, self._sim.url)
        self.nodes[name] = node
        node.use_postgresql(self.server)
        node.settings["Store"] |= {"Fleet": self.name, "Node": name}
        for section, keys in settings.items():
            node.settings.setdefault(section, {}).update(keys)
        if has_gate:
            self.gates[name] = self._open_gate(node)
        self._sim.tokens |= {f"Bearer {name}"}
        node.set_token(f"Bearer {name}")
        node.record()
        return node

    def _open_gate(self, node):
        settings = dict(pair.split("=", 1) for pair in self.server.conninfo.split())
        gate = Gate("127.0.0.1", int(settings["port"]))
        settings |= {"host": "127.0.0.1", "port": gate.port, "sslmode": "disable"}
        node.settings["Store"]["Connection"] = " ".join(f"{key}={value}" for key, value in settings.items())
        return gate

    def query(self, sql):
        return self.server.query(sql, self.name)

    def polls_of(self, name):
        return self._sim.by_credential("poll").get(f"Bearer {name}", [])

    def records(self, **facts):
        return [record for node in self.nodes.values() for record in node.records(**facts)]

    def wait(self, predicate, what, timeout=PATIENCE):
        deadline = time.monotonic() + timeout
        while not (value := predicate()):
            assert time.monotonic() < deadline, f"not within {timeout} s: {what}\n{self.log()}"
            time.sleep(0.05)
        return value

    def owner(self, account="default"):
        """The name of the node that polls the account; None: none does."""
        rows = self.query(
            "SELECT n.name FROM account AS a JOIN node AS n ON n.session = a.owner AND n.alive "
            f"WHERE a.name = '{account}'"
        )
        return rows[0][0] if rows else None

    def log(self):
        return "\n".join(f"--- {name}\n{node.log()}" for name, node in self.nodes.items())

    def close(self):
        for gate in self.gates.values():
            gate.close()
        errors = []
        for node in self.nodes.values():
            try:
                node.close()
            except AssertionError as error:
                errors.append(error)
        assert not errors, errors
