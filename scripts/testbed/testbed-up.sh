#!/bin/bash
# testbed-up.sh: make qemu:///system work on a machine without systemd (container, VM, CI). Run as root, after
# scripts/install-packages.sh test. Leaves a libvirtd that runs already alone. testbed-down.sh ends it,
# testbed-libvirtd.sh kills, stops and restarts its libvirtd.
# The daemons and guests live in one PID namespace, whose first process reaps them: without that, on a machine whose
# PID 1 does not reap orphans at once, every virDomainDestroy takes 2 s. That process also restarts a libvirtd that
# died, as a service manager would, unless testbed-libvirtd.sh holds it down.
set -euo pipefail
pidfile=/run/libvirt-testbed.pid
export hold=/run/libvirt-testbed.hold
if virsh -c qemu:///system version > /dev/null 2>&1; then echo "libvirtd already runs"; exit 0; fi
if [ -e $pidfile ] && kill -0 "$(cat $pidfile)" 2> /dev/null; then
    echo "the test bed runs, its libvirtd does not answer: see testbed-libvirtd.sh, /var/log/libvirt-testbed.log" >&2; exit 1
fi

# libvirtd is root, QEMU is libvirt-qemu (group kvm). If only root may open /dev/kvm, libvirt distrusts its capability
# cache and probes QEMU again (8 s) at every virConnectGetCapabilities and every start.
if [ -c /dev/kvm ] && getent group kvm > /dev/null; then chgrp kvm /dev/kvm; chmod 0660 /dev/kvm; fi
if [ -e /proc/sys/vm/unprivileged_userfaultfd ]; then echo 1 > /proc/sys/vm/unprivileged_userfaultfd; fi  # post-copy

# Where guests get huge pages from; libvirtd looks for it when it starts. Without it those tests are skipped.
if ! grep -q ' hugetlbfs ' /proc/mounts; then
    mkdir -p /dev/hugepages; mount -t hugetlbfs hugetlbfs /dev/hugepages || echo "note: no huge pages"
fi

if [ ! -e /run/dbus/pid ] || ! kill -0 "$(cat /run/dbus/pid)" 2>/dev/null; then
    mkdir -p /run/dbus; rm -f /run/dbus/pid; dbus-uuidgen --ensure; dbus-daemon --system --fork
    cat /run/dbus/pid > /run/libvirt-testbed.dbus
fi
rm -f /run/libvirtd.pid /run/virtlogd.pid $hold
unshare --mount --pid --fork --kill-child --mount-proc bash -c '
    virtlogd -d
    while :; do
        if [ -e "$hold" ]; then sleep 0.1; else echo "libvirtd starts"; libvirtd || sleep 0.2; fi
    done' > /var/log/libvirt-testbed.log 2>&1 < /dev/null &
echo $! > $pidfile

for _ in $(seq 200); do virsh -c qemu:///system version > /dev/null 2>&1 && break; sleep 0.1; done
virsh -c qemu:///system version || { cat /var/log/libvirt-testbed.log; exit 1; }
if ! virsh -c qemu:///system pool-info default > /dev/null 2>&1; then
    virsh -q -c qemu:///system pool-define-as default dir --target /var/lib/libvirt/images
    virsh -q -c qemu:///system pool-build default
fi
virsh -q -c qemu:///system pool-start default 2>/dev/null || :
virsh -q -c qemu:///system net-start default 2>/dev/null ||
    virsh -c qemu:///system net-list --name | grep -qx default || echo "note: network 'default' did not start"
