"""Guests that nobody would make by CIM: odd names, and devices of every kind that libvirt has."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape

import libvirt

NAMES = (
    "a b", "it's", 'say "hi"', "名前 ünïcödé", "e\u0301", "\u00e9", "co:lon", "Test:web1", "per%20cent%2F", "am&p <lt>",
    "x" * 200, "back\\slash", "semi;colon,comma=eq", "{curly}[square]", "CASE", "case", "..", "-dash", "#hash?query",
    "defined", "0", "emoji 🎉", "trailing ", 'Name="x",y', "switch", "null",
)  # fmt: skip

DISK = "<disk type='file'><source file='/srv/a.img'/><target dev='vd{}'/><shareable/></disk>"
SERIALS = (
    "<serial type='null'/><serial type='file'><source path='/x'/></serial>"
    "<serial type='tcp'><source mode='bind' host='h' service='1'/><protocol type='telnet'/></serial>"
    "<serial type='udp'><source mode='connect' host='h' service='2'/></serial>"
    "<serial type='unix'><source mode='bind' path='/s'/></serial>"
    "<serial type='spiceport'><source channel='org.x'/></serial>"
)
DEVICES = {
    "no devices": "",
    "two disks on one image": DISK.format("a") + DISK.format("b"),
    "disks without a path": (
        "<disk type='network'><source protocol='rbd' name='p/i'><host name='m'/></source><target dev='vda'/></disk>"
        "<disk type='nvme'><source type='pci' namespace='1'><address domain='0' bus='1' slot='0' function='0'/>"
        "</source><target dev='vdb'/></disk><disk type='vhostuser'><source type='unix' path='/v.sock'/>"
        "<target dev='vdc'/></disk>"
        "<disk type='volume'><source pool='none' volume='none'/><target dev='vdd'/></disk>"
        "<disk type='file' device='cdrom'><target dev='hdc' bus='ide'/></disk>"
    ),
    "interfaces of every type": (
        "<interface type='user'/><interface type='ethernet'/>"
        "<interface type='bridge'><source bridge='none'/></interface>"
        "<interface type='network'><source network='no such network'/></interface>"
        "<interface type='internal'><source name='i'/></interface>"
        "<interface type='mcast'><source address='230.0.0.1' port='5558'/></interface>"
        "<interface type='server'><source address='127.0.0.1' port='5559'/></interface>"
        "<interface type='vhostuser'><source type='unix' path='/v1.sock' mode='server'/>"
        "<model type='virtio'/></interface>"
        "<interface type='vdpa'><source dev='/dev/vhost-vdpa-0'/></interface>"
        "<interface type='hostdev'><source><address type='pci' domain='0' bus='9' slot='7' function='0'/>"
        "</source></interface>"
    ),
    "one address for two": "<interface type='user'><mac address='52:54:00:00:00:01'/></interface>" * 2,
    "consoles of every type": (
        "<graphics type='vnc'/><graphics type='vnc' socket='/x'/>"
        "<graphics type='spice'><listen type='none'/></graphics>"
        "<graphics type='sdl'/><graphics type='desktop'/><graphics type='egl-headless'/><graphics type='rdp'/>"
        "<graphics type='dbus'/><video><model type='qxl'/></video><video><model type='virtio'/></video>"
    ),
    "input devices of a kind": (
        "<input type='mouse' bus='usb'/><input type='mouse' bus='usb'/><input type='tablet' bus='virtio'/>"
        "<input type='passthrough' bus='virtio'><source evdev='/dev/input/event1'/></input>"
        "<input type='evdev'><source dev='/dev/input/event2'/></input>"
    ),
    "character devices": SERIALS + (
        "<console type='pty'><target type='virtio'/></console><console type='pty'><target type='virtio'/></console>"
        "<channel type='pty'><target type='guestfwd' address='10.0.2.1' port='4600'/></channel>"
        "<channel type='unix'><target type='virtio' name='a/b:c d'/></channel>"
        "<channel type='pty'><target type='virtio'/></channel>"
    ),
    "file systems called as other things": "".join(
        f"<filesystem type='mount'><source dir='/a'/><target dir='{tag}'/></filesystem>"
        for tag in ("/", "defined/mem", "./x", "mem", "proc", "vda", "T", "t")
    ) + DISK.format("a"),
    "devices of the host": "".join(
        f"<hostdev mode='{mode}' type='{kind}'{more}><source>{source}</source></hostdev>"
        for mode, kind, more, source in (
            ("subsystem", "pci", "", "<address domain='0' bus='6' slot='18' function='5'/>"),
            ("subsystem", "usb", "", "<vendor id='0x1234'/><product id='0xbeef'/>"),
            ("capabilities", "storage", "", "<block>/dev/sdf1</block>"),
            ("capabilities", "misc", "", "<char>/dev/input/event3</char>"),
            ("capabilities", "net", "", "<interface>eth0</interface>"),
            ("subsystem", "mdev", " model='vfio-ccw'", "<address uuid='9063cba3-ecef-47b6-abcf-3fef4fdcad85'/>"),
        )
    ),
    "what we do not model": (
        "<vsock model='virtio'><cid auto='no' address='3'/></vsock><shmem name='s'><size unit='M'>4</size></shmem>"
        "<panic model='isa'/><smartcard mode='host'/><sound model='ich6'/><sound model='ich6'/>"
        "<memballoon model='none'/>"
        "<tpm><backend type='passthrough'><device path='/dev/tpm0'/></backend></tpm><rng model='virtio'>"
        "<backend model='builtin'/></rng><crypto model='virtio' type='qemu'><backend model='builtin'/></crypto>"
    ),
    "no video, no USB": "<video><model type='none'/></video><controller type='usb' index='0' model='none'/>",
}  # fmt: skip

HVM = "<os><type>hvm</type></os>"
HEADS = {
    "UEFI": "<os firmware='efi'><type machine='q35'>hvm</type><loader secure='yes'/></os>"
    "<features><smm state='on'/></features>",
    "64 processors in two cells": (
        "<vcpu current='8'>64</vcpu><vcpus>"
        + "".join(f"<vcpu id='{n}' enabled='{'yes' if n < 8 else 'no'}' hotpluggable='yes'/>" for n in range(1, 64))
        + "</vcpus><cputune><vcpupin vcpu='5' cpuset='1-3'/><quota>-1</quota></cputune>" + HVM
        + "<cpu><topology sockets='2' dies='2' cores='8' threads='2'/><numa><cell id='0' cpus='0-31' memory='524288'/>"
        "<cell id='1' cpus='32-63' memory='524288'/></numa></cpu>"
    ),
    "launch security": HVM + "<launchSecurity type='sev'><cbitpos>47</cbitpos><reducedPhysBits>1</reducedPhysBits>"
    "<policy>3</policy></launchSecurity>",
    "container": "<os><type>exe</type><init>/sbin/init</init><initarg>a</initarg></os>",
    "boot loader of the host": "<bootloader>/usr/bin/pygrub</bootloader><os><type>linux</type></os>",
    "metadata of others": "<title>T &lt;x&gt;</title><description>a\nb</description>"
    "<metadata><a:b xmlns:a='urn:x'>z</a:b>"
    "</metadata>" + HVM + "<on_poweroff>preserve</on_poweroff><on_crash>coredump-restart</on_crash>",
}  # fmt: skip


def document(name: str, devices: str = "", head: str = HVM) -> str:
    body = f"<memory>1048576</memory>{head}<devices>{devices}</devices>"
    return f"<domain type='test'><name>{escape(name)}</name>{body}</domain>"


DOCUMENTS = (
    *(document(name, DISK.format("a")) for name in NAMES),
    *(document(name, devices) for name, devices in DEVICES.items()),
    *(document(name, head=head) for name, head in HEADS.items()),
)


def define(connection: libvirt.virConnect, documents: Iterable[str] = DOCUMENTS) -> list[tuple[str, str]]:
    """Define guests, every other one running, a transient one, networks and pools; names and UUIDs of the guests.

    Each is defined again as libvirt shows it, which moves some devices once.
    """
    found = [connection.defineXML(connection.defineXML(xml).XMLDesc()) for xml in documents]
    for domain in found[::2]:
        domain.create()
    connection.createXML(document("brief and odd", DISK.format("a")))
    for number, name in enumerate(name for name in NAMES if name != "0"):
        connection.networkDefineXML(f"<network><name>{escape(name)}</name></network>")
        path = f"<target><path>/var/lib/odd{number}</path></target>"
        pool = connection.storagePoolDefineXML(f"<pool type='dir'><name>{escape(name)}</name>{path}</pool>")
        pool.create()
        pool.createXML(f"<volume><name>{escape(name)}</name><capacity>1000</capacity></volume>")
    return [(domain.name(), domain.UUIDString()) for domain in found]
