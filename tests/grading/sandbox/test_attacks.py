"""What a hostile answer tries, for real, as root and as an ordinary user: none gets further than its own child."""

from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path

import pytest
from confined_answers import ROOT, SECRET, Answers

TRY = """
import os
def attempts(**named):
    found = {}
    for name, act in named.items():
        try:
            found[name] = repr(act())
        except Exception as error:
            found[name] = f"{type(error).__name__} {getattr(error, 'errno', None)}"
    return found
def syscall(*numbers):
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(*map(ctypes.c_long, numbers)) == -1:
        raise OSError(ctypes.get_errno(), "refused")
parent = os.getppid()
"""
REFUSED = "PermissionError 1"
NOT_THERE = "FileNotFoundError 2"
READ_ONLY = "OSError 30"


def attempts(answers: Answers, **acts: str) -> dict[str, str]:
    """Try each act in one child; return what became of it: an error with its number, or what it returned."""
    tried = ", ".join(f"{name}=lambda: {act}" for name, act in acts.items())
    ended = answers.run(
        f"{TRY}\nimport ctypes, fcntl, platform, resource, signal, socket, subprocess\nvalue = attempts({tried})"
    )
    assert (ended["cause"], ended["message"]) == ("returned", "")
    found: dict[str, str] = ended["value"]
    return found


def test_no_socket_of_any_family(answers: Answers) -> None:
    families = ("AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_ALG")
    acts = {name: f"socket.socket(socket.{name}, socket.SOCK_DGRAM)" for name in families}
    acts["tcp"] = "socket.socket()"
    assert set(attempts(answers, **acts).values()) == {REFUSED}


def test_no_server_on_this_machine_is_reached(answers: Answers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert attempts(answers, tcp=f"socket.create_connection(('127.0.0.1', {port}))") == {"tcp": REFUSED}


def test_pair_of_datagram_sockets_is_refused(answers: Answers) -> None:
    found = attempts(
        answers,
        datagrams="socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)",
        packets="socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)",
        stream="[end.send(b'x') for end in socket.socketpair()]",
    )
    assert found == {"datagrams": REFUSED, "packets": REFUSED, "stream": "[1, 1]"}


def test_no_process_can_be_started(answers: Answers) -> None:
    found = attempts(
        answers,
        fork="os.fork()",
        run="subprocess.run(['/bin/true'])",
        spawn="os.posix_spawn('/bin/true', ['true'], {})",
        exec="os.execv('/bin/true', ['true'])",
        multiprocessing="__import__('multiprocessing').get_context('fork').Process().start()",
    )
    assert set(found.values()) == {REFUSED}


def test_system_finds_no_shell(answers: Answers) -> None:
    assert attempts(answers, system="os.waitstatus_to_exitcode(os.system('true'))") == {"system": "127"}


def test_fork_bomb_is_an_error(answers: Answers) -> None:
    ended = answers.run("import os\nwhile True: os.fork()")
    assert (ended["cause"], ended["message"]) == ("raised", "PermissionError: [Errno 1] Operation not permitted")


def test_thread_bomb_is_an_error(answers: Answers) -> None:
    bomb = "import threading\nstop = threading.Event()\nwhile True: threading.Thread(target=stop.wait).start()"
    ended = answers.run(bomb)
    assert (ended["cause"], ended["message"]) == ("raised", "RuntimeError: can't start new thread")


def test_other_processes_are_out_of_reach(answers: Answers) -> None:
    found = attempts(
        answers,
        kill="os.kill(parent, signal.SIGKILL)",
        kill_group="os.killpg(os.getpgid(parent), signal.SIGKILL)",
        kill_all="os.kill(-1, signal.SIGKILL)",
        limit="resource.prlimit(parent, resource.RLIMIT_CPU, (0, 0))",
        slow="os.setpriority(os.PRIO_PROCESS, parent, 19)",
        move="os.sched_setaffinity(parent, {0})",
        handle="os.pidfd_open(parent)",
        signal_by_file="fcntl.fcntl(0, fcntl.F_SETOWN, parent)",
        choose_signal="fcntl.fcntl(0, fcntl.F_SETSIG, signal.SIGKILL)",
        lease="fcntl.fcntl(0, fcntl.F_SETLEASE, fcntl.F_RDLCK)",
    )
    assert set(found.values()) == {REFUSED}


def test_own_limits_and_signals_are_an_answers_own(answers: Answers) -> None:
    found = attempts(
        answers,
        limit="resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))",
        kill="os.kill(os.getpid(), signal.SIGURG)",  # ignored, where nobody says otherwise
        raised="signal.raise_signal(signal.SIGURG)",
        thread="signal.pthread_kill(__import__('threading').get_ident(), signal.SIGURG)",
    )
    assert set(found.values()) == {"None"}


def test_limits_cannot_be_raised(answers: Answers) -> None:
    found = attempts(answers, memory="resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))")
    assert found == {"memory": "ValueError None"}


# name -> the number on x86-64 and on aarch64, and what to give it
CALLS = {
    "ptrace": (101, 117, "16, parent, 0, 0"),
    "process_vm_readv": (310, 270, "parent, 0, 0, 0, 0, 0"),
    "process_vm_writev": (311, 271, "parent, 0, 0, 0, 0, 0"),
    "pidfd_getfd": (438, 438, "0, 0, 0"),
    "kcmp": (312, 272, "parent, parent, 0, 0, 0"),
    "unshare": (272, 97, "0x10000000"),
    "setns": (308, 268, "0, 0"),
    "mount": (165, 40, "0, 0, 0, 0, 0"),
    "umount2": (166, 39, "0, 0"),
    "pivot_root": (155, 41, "0, 0"),
    "chroot": (161, 51, "0"),
    "fsopen": (430, 430, "0, 0"),
    "open_tree": (428, 428, "0, 0, 0"),
    "bpf": (321, 280, "0, 0, 0"),
    "perf_event_open": (298, 241, "0, 0, 0, 0, 0"),
    "userfaultfd": (323, 282, "0"),
    "keyctl": (250, 219, "0, 0, 0"),
    "io_uring_setup": (425, 425, "1, 0"),
    "open_by_handle_at": (304, 265, "0, 0, 0"),
    "personality": (135, 92, "0xffffffff"),
    "memfd_create": (319, 279, "0, 0"),
    "shmget": (29, 194, "0, 4096, 0"),
    "mq_open": (240, 180, "0, 0, 0, 0"),
    "end_with_the_parent": (157, 167, "1, 0, 0, 0, 0"),
}


def test_calls_that_lead_outside_are_refused(answers: Answers) -> None:
    column = ("x86_64", "aarch64").index(os.uname().machine)
    acts = {name: f"syscall({row[column]}, {row[2]})" for name, row in CALLS.items()}
    found = attempts(answers, **acts)
    assert {name: came for name, came in found.items() if came != REFUSED} == {}


def test_calls_nobody_needs_are_unknown(answers: Answers) -> None:
    found = attempts(
        answers, clone3="syscall(435, 0, 0)", file_setattr="syscall(469, 0)", x32="syscall(0x40000000 + 39)"
    )
    assert set(found.values()) == {"OSError 38"}


def test_nothing_outside_can_be_read(answers: Answers, tmp_path: Path) -> None:
    home = Path(pwd.getpwuid(0).pw_dir)
    found = attempts(
        answers,
        solution=f"open({str(ROOT / 'solutions' / '01_event_loop.ipynb')!r})",
        notebook=f"open({str(ROOT / 'notebooks' / '01_event_loop.ipynb')!r})",
        bank=f"open({str(ROOT / 'course_lib' / 'study' / 'bank' / '01_event_loop.toml')!r})",
        bank_names=f"os.listdir({str(ROOT / 'course_lib' / 'study' / 'bank')!r})",
        test=f"open({__file__!r})",
        home=f"open({str(home / '.profile')!r})",
        shadow="open('/etc/shadow')",
        passwords="open('/etc/gshadow')",
        memory="open(f'/proc/{parent}/mem')",
        environment="open(f'/proc/{parent}/environ')",
        command="open(f'/proc/{parent}/cmdline')",
        own="open('/proc/self/maps')",
        kernel="os.listdir('/sys')",
        temporary=f"os.listdir({str(tmp_path)!r})",
        link="os.symlink('/etc/shadow', 'link') or open('link')",
        above="open('../' * 20 + 'etc/shadow')",
    )
    assert {name: came for name, came in found.items() if came != NOT_THERE} == {}


def test_folders_of_the_root_cannot_be_listed(answers: Answers) -> None:
    found = attempts(answers, root="os.listdir('/')", etc="os.listdir('/etc')", devices="os.listdir('/dev')")
    assert set(found.values()) == {"PermissionError 13"}


def test_nothing_outside_can_be_written(answers: Answers, tmp_path: Path) -> None:
    found = attempts(
        answers,
        library="open('/usr/lib/new', 'w')",
        package=f"open({str(ROOT / 'course_lib' / 'errors.py')!r}, 'a')",
        remove=f"os.remove({str(ROOT / 'course_lib' / 'errors.py')!r})",
        mode="os.chmod('/etc/passwd', 0o777)",
        times="os.utime('/etc/passwd')",
        link="os.link('/etc/passwd', 'passwd')",
        beside="open('../new', 'w')",
        device="os.mknod('device', 0o20666, os.makedev(1, 1))",
    )
    refused = {READ_ONLY, "PermissionError 13", REFUSED, "OSError 18"}
    assert {name: came for name, came in found.items() if came not in refused} == {}
    assert attempts(answers, temporary=f"open({str(tmp_path / 'new')!r}, 'w')") == {"temporary": NOT_THERE}
    assert [*tmp_path.iterdir()] == []


def test_environment_and_open_files_of_the_parent_are_gone(answers: Answers) -> None:
    found = answers.run(
        "import os, posix, stat\n"
        f"there = [{SECRET!r} in os.environ, {SECRET.encode()!r} in posix.environ]\n"
        "there += [os.getuid(), os.environ['HOME'] == os.getcwd()]\n"
        "kinds = set()\n"
        "for number in range(3, 256):\n"
        "    try: kinds.add((stat.S_IFMT(os.fstat(number).st_mode), os.fstat(number).st_rdev))\n"
        "    except OSError: pass\n"
        "value = [there, kinds == {(stat.S_IFCHR, os.makedev(1, 3)), (stat.S_IFIFO, 0)}]"
    )
    assert found["value"] == [[False, False, 65534, True], True]


def test_segfault_is_the_childs_own(answers: Answers) -> None:
    ended = answers.run("import ctypes\nctypes.string_at(0)")
    assert (ended["cause"], ended["message"]) == ("signal", "the process was ended by SIGSEGV")
    assert (ended["signal"], ended["exit_code"], ended["value"]) == (11, None, None)


@pytest.mark.parametrize("code", [0, 3])
def test_exit_without_a_result_is_no_result(answers: Answers, code: int) -> None:
    ended = answers.run(f"import os\nos._exit({code})")
    assert (ended["cause"], ended["message"]) == ("exit", f"the process ended itself with exit code {code}")
    assert ended["exit_code"] == code


def test_system_exit_is_an_error_like_others(answers: Answers) -> None:
    ended = answers.run("import sys\nsys.exit(3)")
    assert (ended["cause"], ended["message"], ended["exit_code"]) == ("raised", "SystemExit: 3", 0)


def test_allocation_of_six_gib_is_refused(answers: Answers) -> None:
    ended = answers.run("room = bytearray(6 << 30)")
    assert (ended["cause"], ended["message"]) == ("memory", "asked for more than 2048 MiB of memory")


def test_one_file_has_a_size(answers: Answers) -> None:
    fill = "with open('big', 'wb', buffering=0) as big:\n    while True: big.write(bytes(1 << 20))"
    ended = answers.run(fill, limits={"file_size": 4 << 20})
    assert (ended["cause"], ended["message"]) == ("raised", "OSError: [Errno 27] File too large")


FILL = """
import os
files = [open(f'file{number}', 'wb', buffering=0) for number in range(16)]
if NAMELESS:
    for number in range(16): os.remove(f'file{number}')
for file in files: file.write(bytes(1 << 20)), file.flush()
value = 'written'
"""


@pytest.mark.parametrize("nameless", [False, True])
def test_disk_cannot_be_filled(answers: Answers, nameless: bool) -> None:
    ended = answers.run(FILL.replace("NAMELESS", str(nameless)), limits={"scratch": 8 << 20})
    assert (ended["cause"], ended["message"]) == ("raised", "OSError: [Errno 28] No space left on device")


def test_number_of_files_has_an_end(answers: Answers) -> None:
    ended = answers.run("n = 0\nwhile True:\n    open(str(n), 'w').close()\n    n += 1", limits={"scratch": 1 << 20})
    assert ended["message"].startswith("OSError: [Errno 28] No space left on device")


def test_loop_that_ignores_every_signal_ends_with_its_clock(answers: Answers) -> None:
    deaf = "import signal\nfor number in signal.valid_signals() - {9, 19}: signal.signal(number, signal.SIG_IGN)\n"
    ended = answers.run(f"{deaf}while True: pass", seconds=0.3)
    assert (ended["cause"], ended["message"], ended["signal"]) == ("time", "no answer after 0.3 s", 9)


def test_process_that_stops_itself_ends_with_its_clock(answers: Answers) -> None:
    ended = answers.run("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", seconds=0.2)
    assert (ended["cause"], ended["message"]) == ("time", "no answer after 0.2 s")


@pytest.mark.parametrize("first", ["", "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\n"])
def test_processor_has_a_limit_of_its_own(answers: Answers, first: str) -> None:
    ended = answers.run(f"{first}while True: pass", limits={"cpu_seconds": 1})
    assert (ended["cause"], ended["message"]) == ("cpu", "used more than 1 s of CPU")


def test_ten_megabytes_are_printed_and_cut(answers: Answers) -> None:
    ended = answers.run("print('x' * 10_000_000)\nvalue = 'went on'")
    assert (ended["cause"], ended["value"], ended["is_cut"]) == ("returned", "went on", True)
    assert ended["printed"] == "x" * 1_000_000


def test_everything_written_to_the_streams_is_heard(answers: Answers) -> None:
    ended = answers.run("import os, sys\nprint('one')\nos.write(1, b'two\\n')\nprint('three', file=sys.stderr)")
    assert (ended["printed"], ended["is_cut"]) == ("one\ntwo\nthree\n", False)


def test_input_has_no_keyboard(answers: Answers) -> None:
    assert answers.run("input()")["message"] == "EOFError: EOF when reading a line"


# what an answer writes to the pipe of our records, once it has found it -> cause, message
PIPE = """
import os, stat, struct
pipe = next(n for n in range(3, 256) if stat.S_ISFIFO(os.fstat(n).st_mode))
def send(body): os.write(pipe, struct.pack('!I', len(body)) + body)
"""
FORGERIES = {
    "one too many": ("send(b'{\"value\": 1}')", "expected one record, got more than one"),
    "no JSON": ("send(b'hello')", "expected JSON, got 5 bytes that are none (JSONDecodeError)"),
    "no UTF-8": ("send(b'\"\\xff\"')", "expected JSON, got 3 bytes that are none (UnicodeDecodeError)"),
    "no object": ("send(b'[1]')", "expected a JSON object, got list"),
    "no number": ("send(b'{\"value\": NaN}')", "expected JSON, got 14 bytes that are none (ValueError)"),
    "too deep": ("send(b'[' * 100_000)", "expected JSON, got 100000 bytes that are none (RecursionError)"),
    "nothing": ("send(b'')", "expected JSON, got 0 bytes that are none (JSONDecodeError)"),
    "of no kind": (
        'send(b\'{"verdict": "pass"}\'); os._exit(0)',
        "expected a value or an error, got a record with neither",
    ),
    "more than asked": (
        'send(b\'{"value": 1, "verdict": 2}\'); os._exit(0)',
        "expected a value or an error, got a record with neither",
    ),
    "endless": (
        "while True: os.write(pipe, bytes(1 << 16))",
        "expected JSON, got 0 bytes that are none (JSONDecodeError)",
    ),
    "huge": (
        "os.write(pipe, b'\\xff' * 4)",
        "expected a record of at most 1048576 bytes, got one that claims 4294967295",
    ),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_record_is_noticed(answers: Answers, name: str) -> None:
    code, message = FORGERIES[name]
    ended = answers.run(PIPE + code)
    assert (ended["cause"], ended["message"], ended["value"]) == ("record", message, None)


def test_well_formed_forgery_is_a_claim_and_nothing_else(answers: Answers) -> None:
    """No nonce could stop code that shares our process; this is why a judge compares values and believes no verdict."""
    ended = answers.run(PIPE + 'send(b\'{"value": "pass"}\')\nos._exit(0)')
    assert (ended["cause"], ended["value"]) == ("returned", "pass")


def test_record_that_never_comes_to_its_end_is_not_waited_for(answers: Answers) -> None:
    ended = answers.run(PIPE + "os.write(pipe, b'\\0\\0\\1\\0{')\nwhile True: pass", seconds=0.2)
    assert (ended["cause"], ended["message"]) == ("time", "no answer after 0.2 s")


def test_closed_pipe_is_an_exit(answers: Answers) -> None:
    ended = answers.run(PIPE + "os.close(pipe)")
    assert (ended["cause"], ended["message"]) == ("exit", "the process ended itself with exit code 70")


def test_threads_of_an_answer_end_with_it(answers: Answers) -> None:
    ended = answers.run("import threading\nthreading.Thread(target=threading.Event().wait).start()\nvalue = 'done'")
    assert (ended["cause"], ended["value"]) == ("returned", "done")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("value = object()", "TypeError: Object of type object is not JSON serializable"),
        ("value = float('nan')", "ValueError: Out of range float values are not JSON compliant: nan"),
        ("value = 'x' * (1 << 20)", "ValueError: expected a result of at most 1048576 bytes, got 1048589"),
        ("class Odd(Exception):\n    def __str__(self): return 1 / 0\nraise Odd", "Odd"),
    ],
)
def test_result_that_cannot_cross_is_an_error(answers: Answers, code: str, message: str) -> None:
    ended = answers.run(code)
    assert ended["cause"] == "raised"
    assert message.startswith(ended["message"])  # Python 3.11 names no value
