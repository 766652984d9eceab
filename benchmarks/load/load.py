"""The load without a compiler: the command line and the output of load.c, on raw sockets and threads.

It takes several times the processor time of the compiled one, which the table shows; small files and logins then
measure it rather than the server. Only the modes against FTP servers are here, the bare loops need the compiler.
"""

import contextlib
import json
import resource
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

PATIENCE = 60.0
BLOCK = b"\x01" * (256 * 1024)


@dataclass
class Options:
    """KEY=VALUE arguments, under the names of load.c."""

    port: int = 0
    user: str = "u%d"
    users: int = 16
    first: int = 0
    password: str = "benchmark"
    tls: int = 0
    clients: int = 1
    count: int = 1 << 40
    seconds: float = 1e9
    size: int = 0
    name: str = ""
    pause: int = 0


def dial(port: int) -> socket.socket:
    """A connection without delay."""
    made = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def client_context() -> ssl.SSLContext:
    """TLS 1.3, and no look at the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@dataclass
class Client:
    """One client of the load, and what it did."""

    options: Options
    number: int
    took: list[float] = field(default_factory=list)
    moved: int = 0
    lines: int = 0
    first: float = 0.0
    error: str = ""
    control: socket.socket = field(init=False)
    _heard: bytes = b""

    # -- the control connection ----------------------------------------------------------------------------

    def say(self, command: str) -> None:
        """Send one command."""
        self.control.sendall(command.encode() + b"\r\n")

    def hear(self, wanted: str) -> str:
        """The last line of the next reply, which begins with a digit of `wanted`."""
        line = self._line()
        if line[3:4] == "-":
            code = line[:3] + " "
            while not line.startswith(code):
                line = self._line()
        if line[:1] not in wanted:
            raise OSError(f"the server said: {line}")
        return line

    def _line(self) -> str:
        while b"\n" not in self._heard:
            data = self.control.recv(16384)
            if not data:
                raise OSError("no reply on the control connection")
            self._heard += data
        line, _, self._heard = self._heard.partition(b"\n")
        return line.decode(errors="replace").rstrip("\r")

    def enter(self, *, private_data: bool = True) -> None:
        """Connect and log in."""
        options = self.options
        who = self.number % options.users if options.users else 0
        if not options.users:
            who = options.first + self.number + options.clients * len(self.took)
        self._heard = b""
        self.control = dial(options.port)
        self.hear("2")
        if options.tls:
            self.say("AUTH TLS")
            self.hear("2")
            self._context = client_context()
            self.control = self._context.wrap_socket(self.control)
        self.say(f"USER {options.user.replace('%d', str(who))}")
        if self.hear("23").startswith("3"):
            self.say(f"PASS {options.password}")
            self.hear("2")
        for command in ("PBSZ 0", "PROT P") if options.tls and private_data else ():
            self.say(command)
            self.hear("2")
        if private_data:
            self.say("TYPE I")
            self.hear("2")

    def _transfer(self, command: str) -> socket.socket:
        self.say("EPSV")
        data = dial(int(self.hear("2").split("|||")[1].split("|")[0]))
        self.say(command)
        if isinstance(self.control, ssl.SSLSocket):
            data = self._context.wrap_socket(data, session=self.control.session)
        self.hear("1")
        return data

    def _name(self) -> str:
        return self.options.name.replace("%c", str(self.number)).replace("%n", str(len(self.took)))

    # -- the work ------------------------------------------------------------------------------------------

    def login(self) -> None:
        """Come and go."""
        self.enter(private_data=False)
        self.say("QUIT")
        self.hear("2")
        self.control.close()

    def _read(self, command: str) -> int:
        said, total, self.first, self.lines = time.monotonic(), 0, 0.0, 0
        block = memoryview(bytearray(256 * 1024))
        listing = self.options.size == 0
        with self._transfer(command) as data:
            while got := data.recv_into(block):
                self.first = self.first or time.monotonic() - said
                total += got
                if listing:
                    self.lines += bytes(block[:got]).count(b"\n")
            _shut(data)
        self.hear("2")
        self.moved += total
        return total

    def retr(self) -> None:
        """Download."""
        if self._read(f"RETR {self._name()}") != self.options.size:
            raise OSError(f"{self._name()} has another size")

    def list(self) -> None:
        """Read a listing."""
        self._read(self.options.name)

    def stor(self) -> None:
        """Upload."""
        left = self.options.size
        with self._transfer(f"STOR {self._name()}") as data:
            while left:
                data.sendall(memoryview(BLOCK)[:left])
                left -= min(left, len(BLOCK))
            _shut(data)
        self.hear("2")
        self.moved += self.options.size

    def command(self) -> None:
        """Say something."""
        self.say(self._name())
        self.hear("2")

    def noop(self) -> None:
        """Say nothing much."""
        self.say("NOOP")
        self.hear("2")

    def live(self, work: Callable[[], None], together: threading.Barrier) -> None:
        """The thread: log in, wait for the others, work."""
        try:
            if work != self.login:
                self.enter()
            together.wait(PATIENCE)
            deadline = time.monotonic() + self.options.seconds
            while len(self.took) < self.options.count and time.monotonic() < deadline:
                start = time.monotonic()
                work()
                self.took.append(time.monotonic() - start)
                if self.options.pause:
                    time.sleep(self.options.pause / 1e6)
        except (OSError, threading.BrokenBarrierError) as error:
            self.error = str(error)
            together.abort()


def _shut(data: socket.socket) -> None:
    """Under TLS say close_notify and hear the other's."""
    if isinstance(data, ssl.SSLSocket):
        try:
            data.unwrap()
        except OSError:
            return


def own_time() -> float:
    """Processor time of this program."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def idle(options: Options) -> None:
    """Log everybody in, say so, wait for the end of standard input."""
    clients = [Client(options, number) for number in range(options.clients)]
    for client in clients:
        client.enter()
    print("ready", flush=True)
    sys.stdin.read()


def main() -> None:
    """Do what the arguments say."""
    mode, *arguments = sys.argv[1:]
    given = dict(argument.split("=", 1) for argument in arguments)
    kinds = {key: type(value) for key, value in vars(Options()).items()}
    options = Options(**{key: kinds[key](value) for key, value in given.items()})
    if mode == "idle":
        idle(options)
        return
    clients = [Client(options, number) for number in range(options.clients)]
    starts: list[tuple[float, float]] = []
    together = threading.Barrier(options.clients + 1, lambda: starts.append((time.monotonic(), own_time())))
    threads = [
        threading.Thread(target=client.live, args=(getattr(client, mode), together)) for client in clients
    ]
    for thread in threads:
        thread.start()
    with contextlib.suppress(threading.BrokenBarrierError):  # the client who broke it says why
        together.wait(PATIENCE)
    for thread in threads:
        thread.join()
    over = (time.monotonic(), own_time())
    errors = [client.error for client in clients if client.error]
    took = sorted(one for client in clients for one in client.took)
    if errors or not took:
        sys.exit(f"load: {errors[0] if errors else 'nothing was done'}")
    result = {
        "operations": len(took),
        "bytes": sum(client.moved for client in clients),
        "lines": clients[0].lines,
        "seconds": over[0] - starts[0][0],
        "cpu": over[1] - starts[0][1],
        "first": clients[0].first,
        "p50": took[len(took) // 2],
        "p99": took[int((len(took) - 1) * 0.99)],
        "max": took[-1],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
