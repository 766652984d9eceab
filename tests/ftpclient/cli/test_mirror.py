"""One tree made equal to another from the command line."""

import signal
import subprocess
import threading
from pathlib import Path

from tests.ftpclient.cli.program import PROGRAM, run
from tests.ftpclient.peers import Foreign, Script, Visit
from tests.ftpclient.test_shell import environment


def test_whole_directories_are_uploaded_and_mirrored(foreign: Foreign, here: Path) -> None:
    (here / "site/css").mkdir(parents=True)
    (here / "site/index").write_text("x")
    (here / "site/css/a").write_text("y")
    assert run(here, "put", "-r", "site", f"{foreign.url}/").returncode == 0
    assert (foreign.home / "site/css/a").read_text() == "y"
    (here / "site/index").write_text("changed")
    plan = run(here, "mirror", "--dry-run", "site", f"{foreign.url}/site")
    assert plan.stdout == "copy   index\n"
    assert run(here, "mirror", "--parallel", "2", "site", f"ftp://{foreign.url}/site").returncode == 0
    assert (foreign.home / "site/index").read_text() == "changed"
    assert run(here, "get", "-r", f"{foreign.url}/site", "copy").returncode == 0
    assert (here / "copy/css/a").read_text() == "y"


def test_a_source_half_seen_removes_nothing_and_says_so(foreign: Foreign, here: Path) -> None:
    (here / "site").mkdir()
    (here / "site/dangling").symlink_to("nowhere")
    (foreign.home / "old").touch()
    done = run(here, "mirror", "--delete", "site", foreign.url)
    assert "nothing will be removed: the source could not be listed completely" in done.stderr
    assert (foreign.home / "old").exists()
    assert done.stderr.count("site/dangling") == 1  # the name was said twice


def test_a_link_out_of_the_tree_is_not_mirrored_unless_wanted(foreign: Foreign, here: Path) -> None:
    (here / "site").mkdir()
    (here / "secret").write_text("s")
    (here / "site/out").symlink_to(here / "secret")
    (foreign.home / "out").write_text("what was published before")
    done = run(here, "mirror", "--delete", "site", foreign.url)
    said = "failed: site/out: a link that leads out of the tree is not followed\n"
    assert (done.returncode, said in done.stderr) == (11, True), done.stderr
    assert (foreign.home / "out").read_text() == "what was published before"
    assert run(here, "put", "-r", "site", foreign.url + "/copy").returncode == 11
    assert run(here, "mirror", "--follow-links", "site", foreign.url).returncode == 0
    assert (foreign.home / "out").read_text() == "s"
    assert run(here, "put", "-r", "--follow-links", "site", foreign.url + "/copy").returncode == 0
    assert (foreign.home / "copy/out").read_text() == "s"


def test_a_link_in_the_target_is_the_file_it_points_at(foreign: Foreign, here: Path) -> None:
    (here / "copy").mkdir()
    (here / "f").write_text("same")
    (here / "copy/f").symlink_to(here / "f")
    (foreign.home / "f").write_text("same")
    done = run(here, "mirror", foreign.url, "copy")
    assert (done.returncode, done.stderr) == (0, "")


def test_one_side_must_be_here(here: Path) -> None:
    done = run(here, "mirror", "ftp://one.example/", "ftp://other.example/")
    assert (done.returncode, "one side must be a local directory" in done.stderr) == (2, True)


def test_ctrl_c_ends_every_lane_in_the_middle_of_its_file(script: Script, here: Path) -> None:
    begun, over = threading.Semaphore(0), threading.Event()

    def retr(visit: Visit, _: str) -> None:
        visit.say("150 here")
        with visit.accept() as channel:
            channel.sendall(b"x")
            begun.release()
            over.wait(60)

    lines = b"".join(b"type=file;size=1000;modify=20200101000000; %c\r\n" % name for name in b"ab")
    script.answers |= {"RETR": retr, "MLSD": lambda visit, _: visit.send_data(lines)}
    with subprocess.Popen(
        [*PROGRAM, "mirror", "--parallel", "2", f"ftp://ada@127.0.0.1:{script.port}/", "copy"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=here,
        env=environment(FTPCLIENT_PASSWORD="secret"),
    ) as process:
        try:
            assert begun.acquire(timeout=30)
            assert begun.acquire(timeout=30)
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=20)[1]  # the other lane waited for its time-out, a minute
        finally:
            process.kill()
            over.set()
    assert (process.returncode, "Traceback" in said) == (130, False), said
    assert (here / "copy/.a.ftpclient-part").exists() or (here / "copy/.b.ftpclient-part").exists()
