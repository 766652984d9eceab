"""The machine: what it is, what a process tree costs in memory, and room for many short connections.

Thousands of short data connections leave TIME_WAIT behind, and a server that binds a new port for each runs dry
long before it is slow. As root the kernel is told to keep few of them and to hand out a wide range of ports, and told
back at the end; without root the table says so.
"""

import contextlib
import os
import platform
import resource
import time
from collections.abc import Iterator
from pathlib import Path

ROOMY = {"net/ipv4/tcp_max_tw_buckets": "512", "net/ipv4/ip_local_port_range": "10240 65000"}


@contextlib.contextmanager
def room_for_connections() -> Iterator[str]:
    """Few TIME_WAIT, many ports, many descriptors, for as long as the block lasts; yields what could not be had."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    before: dict[Path, str] = {}
    refused: list[str] = []
    try:
        for name, value in ROOMY.items():
            path = Path("/proc/sys") / name
            try:
                old = path.read_text()
                path.write_text(value)
                before[path] = old
            except OSError:
                refused.append(name.replace("/", "."))
        yield f"{', '.join(refused)} could not be set: servers may run out of ports" if refused else ""
    finally:
        for path, old in before.items():
            path.write_text(old)


def default_folder(needed: int) -> Path:
    """Where homes lie: on /dev/shm if `needed` bytes fit twice, else in the temporary directory.

    Memory is as fast for everybody, and a file system without a journal makes new inodes slower after deletions.
    """
    shm = Path("/dev/shm")
    with contextlib.suppress(OSError):
        room = os.statvfs(shm)
        if room.f_bavail * room.f_frsize > 2 * needed and os.access(shm, os.W_OK):
            return shm
    return Path(os.environ.get("TMPDIR", "/tmp"))


def file_system(folder: Path) -> str:
    """The type of the file system that holds `folder`."""
    best = ("", "?")
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, kind, *_ = line.split()
        inside = folder == Path(mount) or Path(mount) in folder.parents
        if inside and len(mount) >= len(best[0]):
            best = (mount, kind)
    return best[1]


def describe(folder: Path) -> dict[str, str]:
    """The machine, the day, and where the homes are."""
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    name = model[0].partition(":")[2].strip() if model else platform.machine()
    return {
        "day": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cpu": f"{len(os.sched_getaffinity(0))} x {name}",
        "busy before": f"{os.getloadavg()[0]:.1f}",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "homes": f"{folder} ({file_system(folder)})",
    }


def process_tree(root: int) -> list[int]:
    """The process and everything below it."""
    children: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    tree = [root]
    for pid in tree:
        tree += children.get(pid, [])
    return tree


def memory(root: int) -> dict[str, int]:
    """Bytes of memory of the whole process tree: Pss shares what is shared, Rss counts it for each."""
    total = {"Rss": 0, "Pss": 0}
    for pid in process_tree(root):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
                key, value, *_ = line.split()
                if key[:-1] in total:
                    total[key[:-1]] += int(value) * 1024
    return total


def wait_until_still(root: int, patience: float = 5.0) -> None:
    """Return when the memory of the tree has stopped to grow, or after `patience` seconds."""
    deadline, last = time.monotonic() + patience, -1
    while time.monotonic() < deadline:
        found = memory(root)["Pss"]
        if abs(found - last) < 64 * 1024:
            return
        last = found
        time.sleep(0.2)
