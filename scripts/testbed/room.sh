#!/bin/bash
# room.sh COMMAND...: run a command on a test bed of its own. The room has its own network (lo only), mounts and PIDs:
# own /run, /etc/libvirt, /var/lib/libvirt, qemu:///system. So several can work side by side, and beside the machine's
# libvirtd. All that was started or made in it goes with the command.
# Needs root and the packages of testbed-up.sh. What is made from the network (guest-image.sh) has to be there before.
set -euo pipefail
private="etc=/etc/libvirt lib=/var/lib/libvirt cache=/var/cache/libvirt log=/var/log/libvirt"

furnish() {     # the directories that libvirt is going to see
    local p
    for p in $private; do mkdir "$room/${p%%=*}"; done
    cp -a /etc/libvirt/. "$room/etc"; rm -rf "$room"/etc/qemu/*.xml "$room/etc/storage"
    echo "keepalive_interval = -1" >> "$room/etc/libvirtd.conf"     # tests keep connections that are idle for long
    cp -a /var/cache/libvirt/. "$room/cache"        # spares the slow first probe of QEMU
    mkdir "$room/lib/images" "$room/lib/qemu"; chown libvirt-qemu: "$room/lib/qemu"
    chmod 755 "$room" "$room"/*
}

inside() {
    local p
    for p in $private; do mount --bind "$room/${p%%=*}" "${p#*=}"; done
    mount -t tmpfs tmpfs /run
    mkdir -p /run/lock /run/dbus /run/netns
    mkdir "$room/cgroup"; mount --rbind /sys/fs/cgroup "$room/cgroup"
    mount -t sysfs sysfs /sys; mount --rbind "$room/cgroup" /sys/fs/cgroup
    ip link set lo up
    "$(dirname "$0")/testbed-up.sh" > "$room/bed" 2>&1 < /dev/null || { cat "$room/bed" >&2; exit 1; }
    "$@"
}

if [ "${1:-}" = --inside ]; then room=$2; shift 2; inside "$@"; exit; fi
[ $# -gt 0 ] || { sed -n '2,5p' "$0"; exit 2; }
# A directory under a lock, by which runs of the tests know who is alive (tests/runs.py)
exec 8> /var/tmp/.virtcim-run-lock; flock 8
room=$(mktemp -d /var/tmp/virtcim-run-XXXXXXXX); exec 9< "$room"; flock 9; exec 8>&-
trap 'rm -rf "$room"' EXIT
furnish
status=0
setpriv --pdeathsig KILL unshare --mount --net --pid --fork --kill-child --mount-proc \
    "$0" --inside "$room" "$@" || status=$?
exit $status
