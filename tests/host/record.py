"""Records the messages that the memory server gets in a running system, as inputs for fuzz_request.

    /usr/bin/python3 -B tests/host/record.py NAME...     after `make all`; NAME: a system test, tests/system/NAME.dts

One hart runs the test with QEMU's stub for gdb attached; it stops where the server begins to serve a message, and the message
is read from the server's memory. Messages in a row go into one file, tests/host/corpus/fuzz_request/NAME-N, in the format that
fuzz_request.c describes. What a file adds nothing to (the same badges, info words and flags as an earlier one) is dropped.
"""

import glob
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, "platform/qemu-virt")
sys.path.insert(0, "tests/bench")
import attribute  # noqa: E402
import machine  # noqa: E402

BUILD, OUT = "build", "tests/host/corpus/fuzz_request"
SERVES = ("request_serve", "admin_serve", "fault_serve")  # (struct worker *, const struct tn_msg *, ...)
IPC_BUFFER = 0x3800010000  # TN_SERVER_IPC_BUFFER: of the one worker
REG_WORDS, WORDS_MAX = 4, 64
A1, PC = 11, 32
IN_A_FILE, FILES_MAX, MESSAGES_MAX, LIMIT_S = 24, 4, 4000, 300


class Stub:
    """QEMU's stub for gdb: as much of the remote protocol as this needs."""

    def __init__(self, path):
        deadline = time.monotonic() + 60
        while True:
            try:
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.connect(path)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        self.socket.settimeout(LIMIT_S)
        self.rest = b""

    def send(self, text):
        data = text.encode()
        self.socket.sendall(b"$" + data + b"#%02x" % (sum(data) % 256))

    def receive(self):
        """The next packet; None: QEMU has ended."""
        while True:
            start, end = self.rest.find(b"$"), self.rest.find(b"#")
            if 0 <= start < end and len(self.rest) >= end + 3:
                packet, self.rest = self.rest[start + 1:end], self.rest[end + 3:]
                self.socket.sendall(b"+")
                return packet.decode()
            piece = self.socket.recv(65536)
            if not piece:
                return None
            self.rest += piece

    def ask(self, text):
        self.send(text)
        return self.receive()

    def registers(self):
        return [value for value, in struct.iter_unpack("<Q", bytes.fromhex(self.ask("g")[:33 * 16]))]

    def read(self, address, size):
        answer = self.ask(f"m{address:x},{size:x}")
        return None if answer.startswith("E") else bytes.fromhex(answer)


def message_at(stub, address):
    badge, info, *registers = struct.unpack("<6Q", stub.read(address, 48))
    words = min(info & 0x7f, WORDS_MAX)
    more = stub.read(IPC_BUFFER, 8 * WORDS_MAX)[8 * REG_WORDS:8 * words] if words > REG_WORDS else b""
    return struct.pack("<2Q", badge, info) + struct.pack("<4Q", *registers)[:8 * min(words, REG_WORDS)] + more


def record(stub, server):
    """Messages until the system ends."""
    places = [server.symbol(name) for name in SERVES]
    code = {place: server.page(place - place % 4096)[place % 4096:][:16] for place in places}
    messages = []
    for place in places:
        stub.ask(f"Z1,{place:x},4")
    while len(messages) < MESSAGES_MAX:
        stopped = stub.ask("c")
        if stopped is None or stopped.startswith("W"):
            break
        registers = stub.registers()
        pc = registers[PC]
        if pc not in code:
            continue
        if stub.read(pc, 16) == code[pc]:  # other programs have the same addresses
            messages.append(message_at(stub, registers[A1]))
        stub.ask(f"z1,{pc:x},4")
        stub.ask("s")
        stub.ask(f"Z1,{pc:x},4")
    return messages


def run(name):
    system = machine.System(f"record-{name}", BUILD, f"tests/system/{name}.dts", 1, "512M", "seed=1",
                            {"input.txt": b"to be recorded\n"})
    with tempfile.TemporaryDirectory(prefix="tenon-") as scratch:
        path = os.path.join(scratch, "gdb")
        command = machine.command(system, extra=["-S", "-chardev", f"socket,path={path},server=on,wait=off,id=gdb",
                                                 "-gdb", "chardev:gdb"])
        qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            return record(Stub(path), attribute.Program("mmserver", os.path.join(BUILD, "elf", "mmserver"), "server"))
        finally:
            qemu.kill()
            qemu.wait()


def kinds(messages):
    """What makes a file worth keeping: info words, and of requests what follows address and length."""
    return {message[8:16] + (message[32:] if message[7] < 128 else b"") for message in messages}  # of a fault: its kind


def main():
    os.makedirs(OUT, exist_ok=True)
    for name in sys.argv[1:]:
        for old in glob.glob(os.path.join(OUT, f"{name}-*")):
            os.remove(old)
        messages, seen, files = run(name), set(), 0
        for first in range(0, len(messages), IN_A_FILE):
            part = messages[first:first + IN_A_FILE]
            if kinds(part) <= seen or files == FILES_MAX:
                continue
            seen |= kinds(part)
            with open(os.path.join(OUT, f"{name}-{files}"), "wb") as out:
                out.write(b"".join(part))
            files += 1
        machine.say(f"{name}: {len(messages)} messages, {files} files")


main()
