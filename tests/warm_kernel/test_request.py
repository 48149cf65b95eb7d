"""A request crosses a socket whole, whatever its length, with its descriptors; what is none leaves nothing open."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator

import pytest

from course_lib.warm_kernel.request import DESCRIPTORS, Request, close_all, peer_user, receive, rest_of_line, send_line

REQUEST = Request("token", "key", ["-f", "connection.json"], "/somewhere", {"NAME": "wert \udce4"})


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Return two connected ends."""
    one, other = socket.socketpair()
    with one, other:
        one.settimeout(10)
        other.settimeout(10)
        yield one, other


def open_descriptors() -> set[str]:
    """Return what this process has open."""
    return set(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("length", [1, 70_000, 500_000])
def test_crosses_whole(pair: tuple[socket.socket, socket.socket], length: int) -> None:
    request = Request("token", "key", ["-f", "x"], "/", {"LONG": "x" * length, **REQUEST.environment})
    with open(os.devnull, "wb") as nothing:
        sender = threading.Thread(target=request.send, args=(pair[0], [nothing.fileno()] * DESCRIPTORS))
        sender.start()
        received, descriptors = receive(pair[1])
        sender.join()
    assert received == request
    assert [os.get_inheritable(one) for one in descriptors] == [False] * DESCRIPTORS
    close_all(descriptors)


def test_may_be_answered_before_the_sender_looks(pair: tuple[socket.socket, socket.socket]) -> None:
    with open(os.devnull, "wb") as nothing:
        REQUEST.send(pair[0], [nothing.fileno()] * DESCRIPTORS)
    _, descriptors = receive(pair[1])
    close_all(descriptors)
    send_line(pair[1], {"pid": 7})
    pair[1].close()
    assert rest_of_line(pair[0]) == b'{"pid": 7}\n'


@pytest.mark.parametrize("line", [b"[]\n", b"{}\n", b"nothing\n", b'{"token": 1'])
def test_what_is_none_is_refused_and_leaves_nothing_open(
    pair: tuple[socket.socket, socket.socket], line: bytes
) -> None:
    with open(os.devnull, "wb") as nothing:
        before = open_descriptors()
        socket.send_fds(pair[0], [line], [nothing.fileno()] * DESCRIPTORS)
        pair[0].shutdown(socket.SHUT_WR)
        with pytest.raises((OSError, TypeError, ValueError)):
            receive(pair[1])
        assert open_descriptors() == before


def test_descriptors_are_counted(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[0].sendall(b"{}\n")
    with pytest.raises(ValueError, match=r"^expected 4 descriptors, got 0$"):
        receive(pair[1])


def test_the_system_says_whose_the_other_end_is(pair: tuple[socket.socket, socket.socket]) -> None:
    assert peer_user(pair[0]) == os.getuid()


def test_end_in_the_middle_of_a_line_is_told(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[0].sendall(b"half")
    pair[0].close()
    with pytest.raises(ConnectionResetError, match=r"^the other side is gone$"):
        rest_of_line(pair[1])
