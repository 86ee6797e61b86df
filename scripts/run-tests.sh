#!/bin/bash
# run-tests.sh [PYTEST ARGUMENTS]: every test; with arguments, what pytest makes of them, on one test bed.
# Tests on real guests mostly wait, so they run beside the others: as root in ROOMS (2) test beds of their own, else one
# after the other on the libvirtd that runs, which stays, or on a bed that is started here and ended at last.
set -uo pipefail
cd "$(dirname "$0")/.."
rooms=${ROOMS:-2}
guest=${VIRTCIM_TEST_GUEST_DIR:-/var/tmp/virtcim-guest}
as_root=() bed='' beside='' said=''
[ "$(id -u)" -eq 0 ] || as_root=(sudo -n)

clean_up() {
    [ -z "$beside" ] || kill -INT "$beside" 2> /dev/null
    [ -z "$said" ] || rm -f "$said"
    [ -z "$bed" ] || "${as_root[@]}" scripts/testbed/testbed-down.sh
}
trap clean_up EXIT

one_bed() {
    if [ -e /run/libvirt-testbed.pid ] || virsh -c qemu:///system version > /dev/null 2>&1; then
        echo "Using the libvirtd that runs already"
    elif "${as_root[@]}" scripts/testbed/testbed-up.sh; then
        bed=ours
    else
        echo "libvirtd does not run here: its tests will be skipped" >&2
    fi
}
have_rooms() {      # and what they lack: the network that the tiny guests are made from
    [ "$(id -u)" -eq 0 ] && command -v libvirtd > /dev/null && scripts/testbed/room.sh true > /dev/null 2>&1 || return 1
    [ -e "$guest/boot.img" ] || scripts/testbed/guest-image.sh "$guest"
}
if [ $# -gt 0 ]; then one_bed; .venv/bin/pytest "$@"; exit; fi

ordinary=(.venv/bin/pytest -q -o cache_dir=.pytest_cache/ordinary -m "not live")
live=(.venv/bin/pytest -q -o cache_dir=.pytest_cache/live tests/live)
room='' spread=()
if have_rooms; then
    room=scripts/testbed/room.sh
    spread=(--tx "$rooms*popen//python=$room .venv/bin/python" --dist loadfile)
else
    one_bed
fi

# Machines are busy at times: what fails is run once more, alone, and named as unsteady if it passes.
again() {
    echo "Some tests failed; those once more, one after the other:"
    "$@" --last-failed --last-failed-no-failures none || return 1
    echo "Unsteady: the tests of this second run failed first and passed now"
}

# What comes from the keyboard reaches both; each ends by itself and says how far it got.
interrupted=
trap 'interrupted=yes' INT
said=$(mktemp)
(trap - INT; exec "${live[@]}" "${spread[@]}") > "$said" 2>&1 < /dev/null &
beside=$!
echo "Tests that need no hypervisor; those on real guests run beside them:"
nice -n 5 "${ordinary[@]}" -n "$(nproc)" --dist loadfile
first=$?
echo "Tests on real guests:"
(trap '' INT; exec tail -q -n +1 -s 0.2 -f --pid="$beside" "$said")
wait "$beside"
second=$?
beside=''
[ -z "$interrupted" ] || exit 130

status=0
[ $first -eq 0 ] || again "${ordinary[@]}" || status=1
[ $second -eq 0 ] || again $room "${live[@]}" || status=1
exit $status
