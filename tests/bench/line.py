"""Runs a command at the far end of a slow line that loses packets.

    python -m tests.bench.line --number 1 --rate 1500 --loss 0.05 -- curl http://10.9.1.1:5000

The command gets a network namespace of its own. Its only way out is a pair of TUN devices, whose
packets this program carries: it sends each at the line's rate after those before it (a queue of
0.3 s), half a round trip later, and drops each with the given probability, in both directions.
So TCP on both ends is the kernel's own, and a lost packet costs what it costs in the field.

``--outage``: every so many seconds the line is dead for an eighth of them, and the connections from
before never get on again, as when a phone or laptop changes from one network to another.

Needs root on Linux, and iproute2. The far end is 10.9.NUMBER.2, the near end 10.9.NUMBER.1, in the
namespace in which this program was started.
"""

import argparse
import ctypes
import fcntl
import os
import random
import select
import struct
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass, field

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
LONGEST_QUEUE = 0.3  # s
OUTAGE = 1 / 8


@dataclass
class Direction:
    """What one end sends to the other."""

    target: int  # file descriptor of the other end's device
    rate: float  # bits in a second
    delay: float  # s
    loss: float
    is_free: float = 0.0  # when the last packet will have left
    queue: deque = field(default_factory=deque)
    carried: int = 0  # bytes

    def take(self, packet: bytes, now: float, chance: random.Random) -> None:
        """Put a packet in the queue, or lose it."""
        if chance.random() < self.loss or self.is_free - now > LONGEST_QUEUE:
            return
        self.is_free = max(now, self.is_free) + len(packet) * 8 / self.rate
        self.queue.append((self.is_free + self.delay, packet))

    def deliver(self, now: float) -> None:
        while self.queue and self.queue[0][0] <= now:
            packet = self.queue.popleft()[1]
            os.write(self.target, packet)
            self.carried += len(packet)


class Outages:
    """When the line is dead, and which connections are."""

    def __init__(self, every: float):
        self._every, self._began = every, time.monotonic()
        self._opened: dict[tuple, float] = {}

    def swallow(self, packet: bytes, now: float) -> bool:
        """Whether this packet is lost to an outage, or to one that its connection has survived."""
        if not self._every:
            return False
        number, since = divmod(now - self._began, self._every)
        if number and since < OUTAGE * self._every:
            return True
        if packet[0] >> 4 != 4 or packet[9] != 6:
            return False
        head = (packet[0] & 15) * 4
        ends = frozenset(
            [packet[12:16] + packet[head : head + 2], packet[16:20] + packet[head + 2 : head + 4]]
        )
        if packet[head + 13] & 0x02:  # SYN
            self._opened[ends] = number
        return self._opened.get(ends, -1) != number


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.line")
    parser.add_argument("--number", type=int, default=1, help="of the line, 1 to 254")
    parser.add_argument("--rate", type=float, default=1500, help="kbit/s to the command")
    parser.add_argument("--round-trip", type=float, default=50, help="ms")
    parser.add_argument("--loss", type=float, default=0.05, help="share of packets")
    parser.add_argument("--outage", type=float, default=0, help="seconds from one to the next")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    near, far = open_ends(options.number)
    delay = options.round_trip / 2000
    down = Direction(far, options.rate * 1000, delay, options.loss)
    up = Direction(near, options.rate * 500, delay, options.loss)
    command = subprocess.Popen(options.command)
    carry({near: down, far: up}, Outages(options.outage), command)
    print(f"{down.carried} bytes came over the line", file=sys.stderr)
    sys.exit(command.returncode)


def open_ends(number: int) -> tuple[int, int]:
    """A TUN device here and one in a new namespace, where this process stays."""
    here, there = f"10.9.{number}.1", f"10.9.{number}.2"
    near = open_device(f"near{number}", here, there)
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        sys.exit("This needs root on Linux.")
    ip("link", "set", "lo", "up")
    return near, open_device(f"far{number}", there, here)


def open_device(name: str, own: str, other: str) -> int:
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    ip("address", "add", own, "peer", other, "dev", name)
    ip("link", "set", name, "up")
    return device


def carry(directions: dict[int, Direction], outages: Outages, command: subprocess.Popen) -> None:
    """Carry packets until the command has ended."""
    chance = random.Random(14)
    while command.poll() is None:
        next_due = min(
            (each.queue[0][0] for each in directions.values() if each.queue), default=None
        )
        wait = 0.2 if next_due is None else min(0.2, max(0, next_due - time.monotonic()))
        for device in select.select([*directions], [], [], wait)[0]:
            packet, now = os.read(device, 65536), time.monotonic()
            if not outages.swallow(packet, now):
                directions[device].take(packet, now, chance)
        for direction in directions.values():
            direction.deliver(time.monotonic())


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


if __name__ == "__main__":
    main()
