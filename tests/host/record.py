"""Records the messages that the memory server gets in a running system, and the batches of page-table writes that it hands
to the kernel, as inputs for fuzz_request and fuzz_batch.

    /usr/bin/python3 -B tests/host/record.py NAME...     after `make all`; NAME: a system test, tests/system/NAME.dts

One hart runs the test with QEMU's stub for gdb attached; it stops where the server begins to serve a message, and where it has
made a batch, and what is there is read from the server's memory. Items in a row go into one file, tests/host/corpus/FUZZER/NAME-N, in
the format that FUZZER.c describes. A file that adds nothing of another kind is dropped. Capability pointers of a batch become those
of the fuzzer.
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

BUILD, OUT = "build", "tests/host/corpus"
SERVES = ("request_serve", "admin_serve", "fault_serve")  # (struct worker *, const struct tn_msg *, ...)
BATCHES = ("port_pt_write", "ct_worker_end")  # where the batch in the IPC buffer is whole, if there is one
PT_LIST, PT_LINK, PT_VIEW = 2, 3, 4
IPC_BUFFER = 0x3800010000  # TN_SERVER_IPC_BUFFER: of the one worker
BATCH = IPC_BUFFER + 1024
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
        """None: not all of it is memory."""
        content = b""
        while len(content) < size:
            answer = self.ask(f"m{address + len(content):x},{min(size - len(content), 1024):x}")
            if answer.startswith("E"):
                return None
            content += bytes.fromhex(answer)
        return content


def message_at(stub, address):
    badge, info, *registers = struct.unpack("<6Q", stub.read(address, 48))
    words = min(info & 0x7f, WORDS_MAX)
    more = stub.read(IPC_BUFFER, 8 * WORDS_MAX)[8 * REG_WORDS:8 * words] if words > REG_WORDS else b""
    return struct.pack("<2Q", badge, info) + struct.pack("<4Q", *registers)[:8 * min(words, REG_WORDS)] + more


def batch_now(stub):
    """The batch in the IPC buffer, with the fuzzer's capabilities: a leaf's table 1 and Frame 7, a link's table 3. b"": none."""
    head = stub.read(BATCH, 8)
    runs, _ = struct.unpack("<2I", head)
    if not 0 < runs <= 64:
        return b""
    data, end = bytearray(stub.read(BATCH, 8 + 40 * runs)), 8 + 40 * runs
    for at in range(8, end, 40):
        _, _, _, count, op, _, _, _, page, first_in, _ = struct.unpack_from("<2Q2H4BQ2I", data, at)
        struct.pack_into("<2Q", data, at, *((3, 1) if op == PT_LINK else (1, 1) if op == PT_VIEW else (1, 7)))
        struct.pack_into("<Q", data, at + 24, page % 512)
        if op == PT_LIST:
            end = max(end, 8 * (first_in + count))
    data += stub.read(BATCH + len(data), end - len(data))
    return struct.pack("<H", len(data)) + bytes(data)


def record(stub, server):
    """(messages, batches) until the system ends."""
    batch_places = [server.symbol(name) for name in BATCHES]
    places = [server.symbol(name) for name in SERVES] + batch_places
    code = {place: server.page(place - place % 4096)[place % 4096:][:16] for place in places}
    messages, batches = [], []
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
        ours = stub.read(pc, 16) == code[pc]  # other programs have the same addresses
        if ours and pc in batch_places:
            batches.append(batch_now(stub))
        elif ours:
            messages.append(message_at(stub, registers[A1]))
        stub.ask(f"z1,{pc:x},4")
        stub.ask("s")
        stub.ask(f"Z1,{pc:x},4")
    return messages, [batch for batch in batches if batch]


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


def kind_of_message(message):
    """The info word, and of requests what follows address and length."""
    return message[8:16] + (message[32:] if message[7] < 128 else b"")  # of a fault: its kind


def kind_of_batch(batch):
    """The operations, and whether they are of one entry or more."""
    runs, = struct.unpack_from("<I", batch, 2)
    return tuple((*batch[at + 20:at + 24], batch[at + 18] > 1) for at in range(10, 10 + 40 * runs, 40))


def write_files(fuzzer, name, items, kind):
    """Those of `items` in a row that bring something new; the number of files."""
    directory = os.path.join(OUT, fuzzer)
    os.makedirs(directory, exist_ok=True)
    for old in glob.glob(os.path.join(directory, f"{name}-*")):
        os.remove(old)
    seen, files = set(), 0
    for first in range(0, len(items), IN_A_FILE):
        part = items[first:first + IN_A_FILE]
        if files == FILES_MAX or {kind(item) for item in part} <= seen:
            continue
        seen |= {kind(item) for item in part}
        with open(os.path.join(directory, f"{name}-{files}"), "wb") as out:
            out.write(b"".join(part))
        files += 1
    return files


def main():
    for name in sys.argv[1:]:
        messages, batches = run(name)
        files = write_files("fuzz_request", name, messages, kind_of_message)
        machine.say(f"{name}: {len(messages)} messages, {files} files; {len(batches)} batches, "
                    f"{write_files('fuzz_batch', name, batches, kind_of_batch)} files")


main()
