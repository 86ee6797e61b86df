#!/bin/bash
# run-tests.sh [PYTEST ARGUMENTS]: bring up the test bed, run pytest (without arguments: every test), and end the bed if
# this script started it.
# A libvirtd that ran before (a system service, or a bed started by hand) is used and left running.
set -uo pipefail
cd "$(dirname "$0")/.."
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo -n)

if [ -e /run/libvirt-testbed.pid ] || virsh -c qemu:///system version > /dev/null 2>&1; then
    echo "Using the libvirtd that runs already"
elif "${as_root[@]}" scripts/testbed/testbed-up.sh; then
    trap '"${as_root[@]}" scripts/testbed/testbed-down.sh' EXIT
else
    echo "libvirtd does not run here: its tests will be skipped" >&2
fi
[ $# -eq 0 ] || { .venv/bin/pytest "$@"; exit; }

# What needs no hypervisor shares the processors; live tests share one libvirtd and go one after the other.
status=0
.venv/bin/pytest -q -m "not live" -n "$(nproc)" --dist loadfile || status=1
.venv/bin/pytest -q -m live || status=1
exit $status
