"""A libvirtd of a test's own, in its own mount, UTS and PID namespaces: nobody else's to disturb, and ours to kill."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import libvirt
from tests import runs

# The first process of the namespace: it makes the daemon's directories private, restarts the daemon when it dies unless
# $1/hold exists, and reaps what dies. Killing it ends the daemons and every guest.
INIT = """
for pair in run:/run etc:/etc/libvirt lib:/var/lib/libvirt cache:/var/cache/libvirt log:/var/log/libvirt; do
    mount --bind "$1/${pair%%:*}" "${pair#*:}"
done
if [ -e "$1/kvm" ]; then mount --bind "$1/kvm" /dev/kvm; fi
virtlogd -d
while :; do
    if [ -e "$1/hold" ]; then sleep 0.05; else libvirtd || sleep 0.1; fi
done
"""
CONFIG = 'host_uuid = "{uuid}"\nauth_unix_rw = "none"\nkeepalive_interval = -1\n'
CAN_RUN = os.geteuid() == 0 and all(shutil.which(name) for name in ("libvirtd", "virtlogd", "unshare", "nsenter"))


class PrivateLibvirtd:
    """The daemon below `path`; `uri` reaches its QEMU driver."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.uri = f"qemu:///system?socket={path}/run/libvirt/libvirt-sock"
        self.test_uri = f"test+unix:///default?socket={path}/run/libvirt/libvirt-sock"
        self._process: subprocess.Popen[bytes] | None = None

    def up(self) -> None:
        """Begin, and wait until it answers."""
        self._prepare()
        command = ["setpriv", "--pdeathsig", "KILL"]  # whoever ends the tests ends this, too
        command += [
            "unshare",
            "--mount",
            "--uts",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "bash",
            "-c",
            INIT,
            "init",
        ]
        with (self.path / "output").open("wb") as output:
            self._process = subprocess.Popen(
                [*command, str(self.path)], stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self.wait()

    def _prepare(self) -> None:
        for name in ("run", "lib/images", "lib/qemu", "log"):
            (self.path / name).mkdir(parents=True)
        shutil.copytree("/etc/libvirt", self.path / "etc", symlinks=True)
        shutil.copytree("/var/cache/libvirt", self.path / "cache")  # spares the slow first look at QEMU
        for unwanted in ("etc/qemu", "etc/storage"):
            shutil.rmtree(self.path / unwanted, ignore_errors=True)
        with (self.path / "etc/libvirtd.conf").open("a") as config:
            config.write(CONFIG.format(uuid=uuid.uuid4()))
        with (self.path / "etc/qemu.conf").open("a") as config:
            config.write("cgroup_controllers = [ ]\n")  # two daemons would fight for one tree
        if Path("/dev/kvm").exists():
            subprocess.run(["cp", "-a", "/dev/kvm", self.path / "kvm"], check=True)
            (self.path / "kvm").chmod(0o666)
        for directory in (
            self.path,
            *(path for path in self.path.rglob("*") if path.is_dir() and not path.is_symlink()),
        ):
            directory.chmod(0o755)
        shutil.chown(self.path / "lib/qemu", "libvirt-qemu")

    def down(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def wait(self, seconds: float = 30.0) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                libvirt.open(self.uri).close()
                return
            except libvirt.libvirtError as error:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"libvirtd: {(self.path / 'output').read_text()}") from error
                time.sleep(0.05)

    def signal(self, number: signal.Signals) -> None:
        """Send the daemon a signal; it restarts by itself if that ends it, unless held."""
        self._inside("-m", "-p", "bash", "-c", f"kill -{number.value} $(cat /run/libvirtd.pid)")

    def rename(self, name: str) -> None:
        """Call its machine otherwise, which it finds out when it is next asked."""
        self._inside("-u", "hostname", name)

    def _inside(self, *command: str) -> None:
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        subprocess.run(["nsenter", "-t", children[0], *command], check=True)

    def hold(self) -> None:
        """Let it stay down when it next dies."""
        (self.path / "hold").touch()

    def release(self) -> None:
        with suppress(FileNotFoundError):
            (self.path / "hold").unlink()


@contextmanager
def private_libvirtd(path: Path | None = None) -> Iterator[PrivateLibvirtd]:
    """A running daemon, in a directory of this run or in `path`; afterwards it, its guests and its files are gone."""
    path = path or runs.place("libvirtd")
    daemon = PrivateLibvirtd(path)
    try:
        daemon.up()
        yield daemon
    finally:
        daemon.down()
        shutil.rmtree(path, ignore_errors=True)
