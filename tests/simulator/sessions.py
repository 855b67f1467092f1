"""Tokens that end and can be refreshed, as the service's two endpoints for that do it.

carrier  POST /koodrive/ose/v1/auth/refreshToken with {"refreshToken": "..."}
session  POST /koodrive/ose/v1/session/refresh with x-session-id and without a body

Both want the token in Authorization, and do not take a signature for it.
"""

import re
import secrets

import credentials
import judge
from answers import Answer, gateway_error, to_json
from judge import Refusal, refuse_form

CARRIER_PATH = "/koodrive/ose/v1/auth/refreshToken"
SESSION_PATH = "/koodrive/ose/v1/session/refresh"
PATHS = (CARRIER_PATH, SESSION_PATH)

SHAPES = ("nested", "data", "flat")

_SCHEME_WORD = re.compile(r"[A-Za-z]+[ +]|")


def _new_key():
    """48 hex digits, as the service has them."""
    return secrets.token_hex(24)


class Session:
    """Made by Sessions.add_session(), which describes the arguments. Safe to use from any thread.

    `token in session` is true for each token that it has ever had.
    """

    def __init__(
        self,
        host,
        token=None,
        refresh_token=None,
        session_id=None,
        *,
        expires_in=1800,
        rotate=False,
        shape="nested",
        quoted=False,
        accept_expired=True,
        scheme=None,
        keep_old=False,
    ):
        if shape not in SHAPES:
            raise ValueError(f"shape {shape!r}: expected one of {', '.join(SHAPES)}")
        if scheme is None:
            scheme = "AT " if token is None else _SCHEME_WORD.match(token).group()
        self.session_id = session_id or _new_key()
        self.refresh_token = refresh_token or _new_key()
        self.expires_in = expires_in
        self.rotate = rotate
        self.shape = shape
        self.quoted = quoted
        self.accept_expired = accept_expired
        self.scheme = scheme
        self.keep_old = keep_old
        self.refreshes = 0
        self.revoked = False
        self.token = None
        self._host = host
        self._ends = {}  # when each token dies; None is never
        self._old_refresh_tokens = set()
        self._issue(token)

    def __contains__(self, token):
        return token in self._ends

    @property
    def tokens(self):
        """All that it has had, the oldest first."""
        return list(self._ends)

    def expired(self, token):
        end = self._ends[token]
        return end is not None and self._host.now() >= end

    def expire(self):
        """The access token is dead from now on; a refresh gives another."""
        with self._host.lock:
            self._ends[self.token] = self._host.now()

    def revive(self):
        """Each access token that it ever had is good from now on, for ever."""
        with self._host.lock:
            self._ends = dict.fromkeys(self._ends)
            self._host.rules.tokens.update(self._ends)

    def revoke(self):
        """The refresh token is dead from now on; the access token lives on until it expires."""
        with self._host.lock:
            self.revoked = True

    def had(self, refresh_token):
        return refresh_token == self.refresh_token or refresh_token in self._old_refresh_tokens

    def refresh(self, path):
        """Issues the next token and says so, in the shape of the endpoint."""
        self.refreshes += 1
        if not self.keep_old:
            self._host.rules.tokens.discard(self.token)
        self._issue(self.scheme + _new_key())
        if self.rotate and path == CARRIER_PATH:
            self._old_refresh_tokens.add(self.refresh_token)
            self.refresh_token = _new_key()
        document = {"code": "0" if self.quoted else 0, "msg": "Success."}
        if path == SESSION_PATH:
            document["accessToken"] = self.token
        elif self.shape == "flat":
            document |= self._info()
        elif self.shape == "data":
            document["data"] = self._info()
        else:
            document["data"] = {"sessionInfo": self._info()}
        return Answer(200, to_json(document), {"Content-Type": "application/json"})

    def _issue(self, token):
        self.token = token or self.scheme + _new_key()
        end = None if self.expires_in is None else self._host.now() + self.expires_in
        self._ends[self.token] = end
        self._host.rules.tokens.add(self.token)

    def _info(self):
        info = {
            "accessToken": self.token,
            "expiresIn": self.expires_in,
            "issuedAt": str(int(self._host.wall() * 1000)),
            "refreshToken": self.refresh_token,
        }
        if self.expires_in is None:
            del info["expiresIn"]
        return info


class Sessions:
    """All sessions, in the order in which they were added: iterate over them, or count them."""

    def __init__(self, host):
        self._host = host
        self._sessions = []

    def __iter__(self):
        return iter(list(self._sessions))

    def __len__(self):
        return len(self._sessions)

    def add_session(self, token=None, refresh_token=None, session_id=None, **settings):
        """A token that the service accepts from now on, and can refresh. All are optional.

        token, refresh_token, session_id  made up if not given
        expires_in      seconds until a token dies by the simulator's clock, None never
        rotate          the carrier's endpoint replaces the refresh token, too
        shape           where the carrier's answer has the token: "nested" in data.sessionInfo,
                        "data", or "flat" at the top
        quoted          code is "0" instead of 0
        accept_expired  False: a token that is dead cannot be refreshed any more
        scheme          what new tokens begin with, such as "AT " (default: as the first one does)
        keep_old        a token that was replaced is good until it would have died
        """
        with self._host.lock:
            for session in self._sessions:
                if token in session or session_id == session.session_id:
                    raise ValueError("another session has this token or session id")
                if refresh_token is not None and session.had(refresh_token):
                    raise ValueError("another session has this refresh token")
            session = Session(self._host, token, refresh_token, session_id, **settings)
            self._sessions.append(session)
            return session

    def by_id(self, session_id):
        return self._find(lambda session: session.session_id == session_id)

    def of_token(self, token):
        return self._find(lambda session: token in session)

    def of_refresh_token(self, refresh_token):
        return self._find(lambda session: session.had(refresh_token))

    def _find(self, condition):
        return next(filter(condition, self._sessions), None)


def check_refresh(request, path, rules, sessions):
    """Returns the session that is to be refreshed. The verdicts quote no token."""
    authorization = credentials.read_authorization(request, rules)
    judge.check_trace_id(request)
    if path == CARRIER_PATH:
        judge.check_json_type(request)
        body = judge.parse_body(request, ("refreshToken",))
        session = sessions.of_refresh_token(body["refreshToken"])
        if session is None:
            raise Refusal("refresh token unknown", gateway_error("APIG.2202"))
        if body["refreshToken"] != session.refresh_token:
            raise Refusal("refresh token was replaced", gateway_error("APIG.1001"))
    else:
        session = _session_of_header(request, rules, sessions)
    if authorization not in session:
        credentials.refuse(rules, "Authorization is not a token of this session")
    if session.revoked:
        raise Refusal("refresh token revoked", gateway_error("APIG.1001"))
    dead = authorization not in rules.tokens or session.expired(authorization)
    if dead and not session.accept_expired:
        credentials.refuse(rules, "token expired", rules.expired_code)
    return session


def _session_of_header(request, rules, sessions):
    if request.body:
        refuse_form("body is not empty")
    values = request.values("x-session-id")
    if len(values) != 1:
        refuse_form("x-session-id sent twice" if values else "x-session-id missing")
    session = sessions.by_id(values[0])
    if session is None:
        credentials.refuse(rules, "x-session-id is not a known session")
    return session
