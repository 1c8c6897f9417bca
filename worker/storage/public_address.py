"""Connections that go to public addresses alone, wherever a URL or a redirect leads."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from worker.errors import NoSourceError

# RFC 6052: IPv4 behind a translator.
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
# RFC 4291: IPv4 in IPv6 as it once was.
_COMPATIBLE = ipaddress.ip_network("::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_public(address: str) -> bool:
    """Whether an address is on the internet: not this machine, its network or its cloud's services.

    What IPv6 carries of IPv4 is judged as that.
    """
    found: Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if found.is_site_local:
            return False
        if found in _TRANSLATED or found in _COMPATIBLE:
            inner = ipaddress.IPv4Address(found.packed[-4:])
        found = inner or found
    return found.is_global and not found.is_multicast


class PrivateAddressError(Exception):
    """A host has an address that is not on the internet."""

    def __init__(self, host: str, address: str) -> None:
        super().__init__(f"host {host} has the address {address}, which is not on the internet")


def _refuse(host: str, address: str) -> None:
    if not is_public(address):
        raise PrivateAddressError(host, address)


def _connect(connection: HTTPConnection) -> socket.socket:
    """Resolve a name once, check every address it has, and connect to one of those.

    A second resolution could give another answer. TLS still checks the name.
    """
    host, port = connection.host, connection.port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        reason = error if isinstance(error, socket.gaierror) else socket.gaierror(str(error))
        raise NameResolutionError(host, connection, reason) from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        _refuse(host, address)
    failure: OSError | None = None
    for address in addresses:
        try:
            return create_connection(
                (address, port), connection.timeout, socket_options=connection.socket_options
            )
        except OSError as error:
            failure = error
    raise NewConnectionError(connection, f"no address of {host} answers: {failure}") from failure


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


class PublicPool(urllib3.PoolManager):
    """A PoolManager that goes to public addresses, unless private ones are allowed.

    Its requests raise PrivateAddressError.
    """

    def __init__(self, *, allow_private: bool, **options: Any) -> None:
        super().__init__(**options)
        if not allow_private:
            self.pool_classes_by_scheme = {"http": _PublicHttpPool, "https": _PublicHttpsPool}


class SourcePool(PublicPool):
    """A pool for one source, which stays with https where it began with it."""

    def __init__(self, *, allow_private: bool, https_only: bool, **options: Any) -> None:
        super().__init__(allow_private=allow_private, **options)
        self._https_only = https_only

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
        try:
            return super().urlopen(method, url, *arguments, **options)
        except PrivateAddressError as error:
            raise NoSourceError(
                f"the source's {error}; where that is meant, give the job --allow-private-sources"
            ) from error
