"""A provider of OpenID Connect for the tests: it signs in whoever is `user`, and checks what it is sent."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwk, jwt

CLIENT, SECRET = "runlore-tests", "a secret of the client's"


class Provider:
    """What it says can be changed by the tests.

    Attributes:
        user: claims of who signs in.
        changes: claims that are put over those that are right; None takes one away.
        discovery: the same for the discovery document.
        key: signs tokens.
        published: its public part, as `jwks_uri` has it.
        algorithm: of the signature.
        userinfo: what the userinfo endpoint says to whoever shows the token that was given last; None: there is none.
        asked: (method, path, parameters) of what it was sent.
    """

    def __init__(self):
        self.user = {"sub": "kim-1", "preferred_username": "kim", "groups": ["crew"]}
        self.changes, self.discovery = {}, {}
        self.algorithm = "RS256"
        self.new_key()
        self.codes, self.asked = {}, []
        self.userinfo, self.access = None, secrets.token_urlsafe(8)

    def new_key(self):
        self.key = jwk.RSAKey.generate_key(2048, {"kid": secrets.token_hex(4)}, private=True)
        self.published = [self.key.as_dict(private=False)]

    def about(self):
        return {
            "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo", **self.discovery,
        }  # fmt: skip

    def authorize(self, query):
        code = secrets.token_urlsafe(8)
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form):
        begun = self.codes.pop(form.get("code"), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        is_right = (
            begun is not None and begun["code_challenge"] == challenge and begun["code_challenge_method"] == "S256"
            and form["redirect_uri"] == begun["redirect_uri"] and form["client_id"] == CLIENT == begun["client_id"]
            and form.get("client_secret") == SECRET and form["grant_type"] == "authorization_code"
        )  # fmt: skip
        if not is_right:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 60, "nonce": begun["nonce"], **self.user,
            **self.changes,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": self.algorithm, "kid": self.key.kid}
        self.access = secrets.token_urlsafe(8)
        return 200, {"access_token": self.access, "token_type": "Bearer", "id_token": self.signed(header, claims)}

    def signed(self, header, claims):
        return jwt.encode(header, claims, self.key, algorithms=[header["alg"]])


@contextlib.contextmanager
def providing():
    made = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            made.asked.append(("GET", parts.path, query))
            if parts.path == "/authorize":
                self.send_response(302)
                self.send_header("location", made.authorize(query))
                self.end_headers()
            elif parts.path == "/.well-known/openid-configuration":
                self._json(200, made.about())
            elif parts.path == "/userinfo" and made.userinfo is not None:
                is_shown = self.headers["authorization"] == f"Bearer {made.access}"
                self._json(200 if is_shown else 401, made.userinfo if is_shown else {})
            elif parts.path == "/keys":
                self._json(200, {"keys": made.published})
            else:
                self._json(404, {})

        def do_POST(self):
            raw = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {name: values[0] for name, values in parse_qs(raw).items()}
            made.asked.append(("POST", self.path, form))
            self._json(*made.token(form))

        def _json(self, status, value):
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
