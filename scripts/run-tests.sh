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

# Real guests on a busy machine are late at times: what fails is run once more, alone, and named as unsteady if it passes.
run() {
    .venv/bin/pytest -q "$@" && return
    echo "Some tests failed; those once more, one after the other:"
    if .venv/bin/pytest -q --last-failed --last-failed-no-failures none "$@" -n 0; then
        echo "Unsteady: the tests of this second run failed first and passed now"
        return
    fi
    return 1
}

# What needs no hypervisor shares the processors; live tests share one libvirtd and go one after the other.
status=0
run -m "not live" -n "$(nproc)" --dist loadfile || status=1
run -m live || status=1
exit $status
