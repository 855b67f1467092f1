"""HTTP on a socket: connections that are counted, and answers that misbehave on request."""

import asyncio
import itertools
import socket
import struct

from aiohttp import web

from answers import request_id


class Link:
    """One TCP connection."""

    def __init__(self, number, transport):
        self.number = number
        self._transport = transport
        self._lost = asyncio.Event()

    def mark_lost(self):
        self._lost.set()

    def drop(self):
        """Ends it at once, without a farewell: a TLS client might not answer one."""
        self._lost.set()
        self._transport.abort()

    async def pause(self, seconds):
        """Raises ConnectionResetError as soon as the client is gone."""
        try:
            await asyncio.wait_for(self._lost.wait(), None if seconds == float("inf") else seconds)
        except asyncio.TimeoutError:
            return
        raise ConnectionResetError("client is gone")

    def end(self, reset=False):
        """Sends what is buffered, then FIN; or drops it and sends RST."""
        if not reset:
            self._transport.close()
            return
        connection = self._transport.get_extra_info("socket")
        if connection is not None and not self._transport.is_closing():
            # With a linger time of zero, close() sends RST.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()


class Listener(web.Server):
    """The protocol factory of the listening socket, called once for each TCP connection."""

    def __init__(self, handler, **options):
        super().__init__(self._with_link, access_log=None, **options)
        self.accepted = 0
        self._handler = handler
        self._links = {}
        self._numbers = itertools.count(1)

    def __call__(self):
        self.accepted += 1
        return super().__call__()

    def connection_made(self, handler, transport):
        super().connection_made(handler, transport)
        self._links[handler] = Link(next(self._numbers), transport)

    def connection_lost(self, handler, exc=None):
        super().connection_lost(handler, exc)
        link = self._links.pop(handler, None)
        if link is not None:
            link.mark_lost()

    async def _with_link(self, request):
        link = self._links.get(request.protocol)
        try:
            if link is None:
                raise ConnectionResetError("client is gone")
            return await self._handler(request, link)
        except ConnectionError:
            # aiohttp wants a response; with the connection gone, it is not sent.
            if link is not None:
                link.end(reset=True)
            return web.Response()

    def drop_all(self):
        """Ends every connection, whatever it is waiting for."""
        for link in list(self._links.values()):
            link.drop()


class _Response(web.StreamResponse):
    """One that can do without a Date, which aiohttp would add by itself."""

    dated = True

    async def _prepare_headers(self):
        await super()._prepare_headers()
        if not self.dated:
            del self.headers["Date"]


async def send(request, link, answer, date):
    """Delivers the answer in the way that it prescribes; raises ConnectionError if it cannot.

    date() is called when its headers go out; None leaves out what the answer itself has not.
    """
    if answer.delay > 0:
        await link.pause(answer.delay)
    if answer.status is None:
        link.end(answer.reset)
        return web.Response()

    response = _Response(status=answer.status, headers=answer.headers)
    if (shown := date()) is not None:
        response.headers.setdefault("Date", shown)
    response.dated = "Date" in response.headers
    response.headers.setdefault("X-Request-Id", request_id())
    if answer.chunked:
        response.enable_chunked_encoding()
    else:
        response.content_length = len(answer.body)
    if answer.close == "announced":
        response.force_close()
    await response.prepare(request)

    body = answer.body if request.method != "HEAD" else b""
    body = body[: answer.cut_after]
    step = answer.chunk or len(body) or 1
    for begin in range(0, len(body), step):
        if begin:
            await link.pause(answer.interval)
        await response.write(body[begin : begin + step])
    if answer.cut_after is not None:
        link.end(answer.reset)
        return response
    await response.write_eof()
    if answer.close == "silent":
        link.end()
    return response
