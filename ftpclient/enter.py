"""From an address to a logged-in session: connect, encrypt, try the logins there are.

A server may hang up after a refused login; then the next try connects anew. A password about to leave this
machine in clear text is announced, and where TLS is required it does not leave at all.
"""

import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ftpclient.client import Client
from ftpclient.credentials import ANONYMOUS, Login
from ftpclient.errors import ConnectionLost, LoginRefused
from ftpclient.session import Settings
from ftpclient.trust import Tls
from ftpclient.url import Url

Say = Callable[[str], None]


@dataclass(slots=True)
class Entrance:
    """A way in that is known to work; `again` uses it once more."""

    url: Url
    settings: Settings
    login: Login

    def again(self) -> Client:
        """Open another session with the same login."""
        client = open_session(self.url, self.settings)
        try:
            client.login(self.login.user, self.login.password)
        except BaseException:
            client.close()
            raise
        return client


def open_session(url: Url, settings: Settings) -> Client:
    """Connect to the address, not yet logged in."""
    if url.implicit_tls:
        settings = replace(settings, tls=Tls.IMPLICIT)
    return Client.connect(url.host, url.port, settings)


def enter(url: Url, settings: Settings, logins: Iterator[Login], say: Say) -> tuple[Client, Entrance]:
    """Log in with the first login that is taken; `say` is told what went wrong before that.

    Raises the last refusal when none is.
    """
    client = open_session(url, settings)
    refused = LoginRefused("no login was given")
    try:
        for tried, login in enumerate(logins):
            if client.closed:
                client = open_session(url, settings)
            if not client.encrypted and login.user != ANONYMOUS and not _is_here(url.host):
                say(f"warning: {url.host} does not encrypt, the password goes in clear text")
            try:
                client = _log_in(client, url, settings, login, first=not tried)
            except LoginRefused as fault:
                refused = fault
                say(f"login refused: {fault}")
            except ConnectionLost as fault:
                if fault.code != 421:
                    raise
                refused = LoginRefused(fault.text, code=fault.code)
                say(f"login refused: {fault}")
            else:
                return client, Entrance(url, settings, login)
    except BaseException:
        client.close()
        raise
    client.close()
    raise refused


def _log_in(client: Client, url: Url, settings: Settings, login: Login, first: bool) -> Client:
    try:
        client.login(login.user, login.password)
    except ConnectionLost as fault:
        if first or fault.code:
            raise
        # The server hung up after the try before, which only shows now.
        client = open_session(url, settings)
        try:
            client.login(login.user, login.password)
        except BaseException:
            client.close()
            raise
    return client


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
