#!/bin/bash
# testbed-libvirtd.sh kill|stop|start|freeze|thaw|mend: what may happen to the libvirtd of testbed-up.sh; guests live on.
#   kill    kill -9; the test bed restarts it at once, as after a crash
#   stop    kill -9 and keep it down until start
#   start   let it run again and wait until it answers
#   freeze  SIGSTOP: connections stay open and nothing answers, until thaw
#   mend    whatever it was, back to normal
set -euo pipefail
pidfile=/run/libvirt-testbed.pid hold=/run/libvirt-testbed.hold
[ -e $pidfile ] || { echo "no test bed runs: start it with testbed-up.sh" >&2; exit 1; }

signal() {      # /run/libvirtd.pid is a number of the PID namespace that the test bed made
    local bed; bed=$(cat $pidfile)
    nsenter --target "$bed" --mount --pid="/proc/$bed/ns/pid_for_children" \
        bash -c 'kill "$1" "$(cat /run/libvirtd.pid)"' _ "$1"
}
answers() {
    for _ in $(seq 100); do virsh -c qemu:///system version > /dev/null 2>&1 && return; sleep 0.1; done
    echo "libvirtd does not answer after 10 s: see /var/log/libvirt-testbed.log" >&2; exit 1
}

case ${1:-} in
    kill) signal -KILL ;;
    stop) touch $hold; signal -KILL ;;
    start) rm -f $hold; answers ;;
    freeze) signal -STOP ;;
    thaw) signal -CONT; answers ;;
    mend) rm -f $hold; signal -CONT 2> /dev/null || :; answers ;;
    *) sed -n '2,7p' "$0"; exit 2 ;;
esac
