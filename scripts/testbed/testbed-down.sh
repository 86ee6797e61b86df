#!/bin/bash
# testbed-down.sh: end what testbed-up.sh started. Networks first (they own bridges and firewall rules), then the PID
# namespace with libvirtd, virtlogd, dnsmasq and every guest. Definitions in /etc/libvirt stay.
set -uo pipefail
pidfile=/run/libvirt-testbed.pid
[ -e $pidfile ] || { echo "no test bed runs"; exit 0; }
c="timeout 10 virsh -q -c qemu:///system"     # it may hang or be held down: the namespace ends either way
for d in $($c list --name); do $c destroy "$d"; done
for n in $($c net-list --name); do $c net-destroy "$n"; done
for p in $($c pool-list --name); do $c pool-destroy "$p"; done
kill -9 "$(cat $pidfile)"; sleep 0.3
if [ -e /run/libvirt-testbed.dbus ]; then kill "$(cat /run/libvirt-testbed.dbus)"; rm -f /run/libvirt-testbed.dbus /run/dbus/pid; fi
rm -f $pidfile /run/libvirt-testbed.hold /run/libvirtd.pid /run/virtlogd.pid
