"""Which addresses the portal may connect to.

Public ones only, by default: `is_global` and outside the ranges that Python calls global but that lead inwards
(carrier NAT, NAT64, 6to4, Teredo, a cloud's metadata hosts). Each purpose may open further networks and sockets by
its own setting.
"""

import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from django.conf import settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_INWARD: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",
        "::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23",
        "2001:db8::/32",
        "2002::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    )
)  # fmt: skip


class BlockedAddressError(Exception):
    """The address is not one this purpose may connect to; nothing was sent."""


def _allowed_networks(purpose: str) -> Sequence[Network]:
    texts: Sequence[str] = settings.TARGET_NETWORKS.get(purpose, ())
    return [ipaddress.ip_network(text, strict=False) for text in texts]


def is_allowed(address: Address, purpose: str) -> bool:
    """Whether `purpose` may connect there. A mapped IPv4 address counts as the IPv4 address it hides."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if any(address in network for network in _allowed_networks(purpose) if network.version == address.version):
        return True
    inward = any(address in network for network in _INWARD if network.version == address.version)
    return address.is_global and not address.is_multicast and not inward


def require_allowed(text: str, purpose: str) -> None:
    """Raise BlockedAddressError unless `purpose` may connect to that numeric address."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError as error:
        raise BlockedAddressError(f"{text!r} is not a numeric address.") from error
    if not is_allowed(address, purpose):
        raise BlockedAddressError(f"{text} is not a public address, and {purpose} allows no other (TARGET_NETWORKS).")


def require_allowed_socket(path: str, purpose: str) -> None:
    """Raise BlockedAddressError unless the socket lies in a folder opened for `purpose`."""
    wanted = Path(path).resolve()
    folders: Sequence[str] = settings.TARGET_SOCKETS.get(purpose, ())
    if not any(wanted.is_relative_to(Path(folder).resolve()) for folder in folders):
        raise BlockedAddressError(f"The socket {path} is not opened for {purpose} (TARGET_SOCKETS).")
