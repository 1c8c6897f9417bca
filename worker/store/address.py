"""Connections that go to public addresses alone, wherever a URL or a redirect points."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from worker.errors import NoSourceError

# RFC 6052: IPv4 behind a translator.
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_public(address: str) -> bool:
    """Whether an address is on the internet: not this machine, its network or its cloud's services.

    What IPv6 carries of IPv4 is judged as that.
    """
    found: Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if found in _TRANSLATED:
            inner = ipaddress.IPv4Address(found.packed[-4:])
        found = inner or found
    return found.is_global and not found.is_multicast


def _refuse(host: str, address: str) -> None:
    if not is_public(address):
        raise NoSourceError(
            f"the source's host {host} has the address {address}, which is not on the internet;"
            " where that is meant, give the job --allow-private-sources"
        )


def _connect(connection: HTTPConnection) -> socket.socket:
    """Connect after all addresses of the host were judged, and judge the one that was taken.

    The name may have another address by the time that it is looked up again.
    """
    try:
        found = socket.getaddrinfo(connection.host, connection.port, type=socket.SOCK_STREAM)
    except OSError:
        # It is told, and tried again, like any host that does not answer.
        found = []
    for *_, address in found:
        _refuse(connection.host, str(address[0]))
    connected = HTTPConnection._new_conn(connection)  # noqa: SLF001 (the one place to step in)
    try:
        _refuse(connection.host, str(connected.getpeername()[0]))
    except NoSourceError:
        connected.close()
        raise
    return connected


class _PublicHttp(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _PublicHttps(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _PublicHttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PublicHttp


class _PublicHttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _PublicHttps


class SourcePool(urllib3.PoolManager):
    """A PoolManager for one source.

    It goes to public addresses, unless private ones are allowed, and stays with https where it
    began with it.
    """

    def __init__(self, *, allow_private: bool, https_only: bool, **options: Any) -> None:
        super().__init__(**options)
        self._https_only = https_only
        if not allow_private:
            self.pool_classes_by_scheme = {"http": _PublicHttpPool, "https": _PublicHttpsPool}

    def urlopen(
        self,
        method: str,
        url: str,
        *arguments: Any,
        **options: Any,
    ) -> urllib3.BaseHTTPResponse:
        """Open a URL; a redirect comes here again.

        Raises:
            NoSourceError: it leads from https to http, or to an address that is not public.

        """
        if self._https_only and not url.startswith("https:"):
            raise NoSourceError(
                "the source's server redirects from https to http, where anyone could change what"
                " is read; give the job an address that stays https"
            )
        return super().urlopen(method, url, *arguments, **options)
