"""Fixtures: a simulator with a clock of the test's own, and clients for it.

A plugin that each test module names, not a conftest.py: tests of other directories, which may
run in the same process, import one of that name.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest
from koodrive_simulator import Simulator
from simulator_client import Client, Clock


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sim(clock):
    with Simulator(clock=clock) as simulator:
        yield simulator


@pytest.fixture
def connect():
    """Makes a Client as Client() does, and closes it after the test."""
    clients = []

    def make(*arguments):
        clients.append(Client(*arguments))
        return clients[-1]

    yield make
    for client in clients:
        client.connection.close()


@pytest.fixture
def client(sim, connect):
    return connect(sim)


@pytest.fixture
def pool():
    with ThreadPoolExecutor() as executor:
        yield executor
