"""The example database: where Hypothesis keeps what failed, so that the next run tries it first.

It is a cache and no artifact: it means something only to the same machine in the same state. What
lasts is a counterexample's file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs
from hypothesis.database import (
    DirectoryBasedExampleDatabase,
    ExampleDatabase,
    GitHubArtifactDatabase,
    MultiplexedDatabase,
    ReadOnlyDatabase,
)

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Iterable
    from pathlib import Path

    from machines.drivers import Layer
    from machines.machine import Machine
    from machines.parts import Parts

NOWHERE: Final = "none"
ANSWER_S: Final = 10.0


class Apart(ExampleDatabase):
    """One owner's part of a database that several share.

    Hypothesis knows a test by the source of the function that makes its machine, which is one for
    all of ours; and it drops an example that does not fail, though it were another machine's.

    Args:
        shared: the whole database.
        owner: in whose name this part is kept.
    """

    def __init__(self, shared: ExampleDatabase, owner: str) -> None:
        super().__init__()
        self._shared = shared
        self._owner = owner.encode() + b":"

    def save(self, key: bytes, value: bytes) -> None:
        """The value is in the set of this key."""
        self._shared.save(self._owner + key, value)

    def fetch(self, key: bytes) -> Iterable[bytes]:
        """Every value in the set of this key is yielded."""
        return self._shared.fetch(self._owner + key)

    def delete(self, key: bytes, value: bytes) -> None:
        """The value is not in the set of this key."""
        self._shared.delete(self._owner + key, value)

    def move(self, src: bytes, dest: bytes, value: bytes) -> None:
        """The value is in the set of the one key, and not in that of the other."""
        self._shared.move(self._owner + src, self._owner + dest, value)


def owner_of(machine: type[Machine], layer: Layer, parts: Parts) -> str:
    """In whose name a machine's examples are kept, on one layer, with one planted bug or none."""
    made = [getattr(parts, it.name) for it in attrs.fields(type(parts))]
    names = [getattr(part, "__qualname__", type(part).__qualname__) for part in made]
    return "/".join([machine.__qualname__, layer.value, *names])


def database_of(places: str, root: Path, closing: contextlib.ExitStack) -> ExampleDatabase | None:
    """The database that is kept in these places is returned; None if it is kept nowhere.

    What is read from one place is read from all; what fails is written to all that can be written.

    Args:
        places: separated by commas: a directory, `redis://HOST:PORT/NUMBER`, which needs the extra
            `hypothesis[redis]`, `github:OWNER/REPOSITORY`, which is only read; or `none`.
        root: what directories are relative to.
        closing: lets go of the servers, when it is closed.

    Raises:
        ValueError: one of them is no place; the message is one line.
    """
    if places.strip() == NOWHERE:
        return None
    made = [_place(place.strip(), root, closing) for place in places.split(",")]
    return made[0] if len(made) == 1 else MultiplexedDatabase(*made)


def _place(place: str, root: Path, closing: contextlib.ExitStack) -> ExampleDatabase:
    kind, colon, rest = place.partition(":")
    if colon and kind in ("redis", "rediss"):
        return _redis(place, closing)
    if colon and kind == "github":
        owner, slash, repository = rest.partition("/")
        if not (owner and slash and repository) or "/" in repository:
            raise ValueError(f"{place!r}: a place on GitHub is github:OWNER/REPOSITORY")
        return ReadOnlyDatabase(GitHubArtifactDatabase(owner, repository))
    if not place or colon or place == NOWHERE:
        known = "a directory, redis://HOST:PORT/NUMBER, github:OWNER/REPOSITORY, or none by itself"
        raise ValueError(f"{place!r}: places are {known}")
    return DirectoryBasedExampleDatabase(root / place)


def _redis(place: str, closing: contextlib.ExitStack) -> ExampleDatabase:
    try:
        from hypothesis.extra.redis import RedisExampleDatabase  # noqa: PLC0415 - an extra
        from redis import Redis, RedisError  # noqa: PLC0415 - the same
    except ImportError as error:
        raise ValueError(f"{place!r}: it needs `pip install 'hypothesis[redis]'`") from error
    try:
        server = Redis.from_url(place, socket_timeout=ANSWER_S)
        closing.callback(server.close)
        server.ping()
    except (RedisError, ValueError) as error:
        raise ValueError(f"{place!r}: {' '.join(str(error).split())}") from error
    return RedisExampleDatabase(server)
