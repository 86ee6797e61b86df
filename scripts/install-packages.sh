#!/bin/bash
# install-packages.sh base|test: the system packages of virtcim (base) and of its test suite (test, which includes base).
# Debian and Ubuntu by apt-get, Fedora by dnf; through sudo when not root. What is there already is left alone.
set -euo pipefail
level=${1:-}
here=$(dirname "$0")
python=$("$here/find-python.sh" || true)

have() { command -v "$1" > /dev/null || [ -x "/usr/sbin/$1" ] || [ -x "/sbin/$1" ]; }
have_headers() { pkg-config --exists libvirt 2> /dev/null; }
have_python() { [ -n "$python" ]; }
have_venv() { "$python" -c 'import ensurepip, venv' 2> /dev/null; }
have_python_h() { [ -e "$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ]; }
have_iscsi_direct() { compgen -G '/usr/lib*/libvirt/storage-backend/*iscsi-direct.so' > /dev/null ||
    compgen -G '/usr/lib/*/libvirt/storage-backend/*iscsi-direct.so' > /dev/null; }
have_qemu_driver() { compgen -G '/usr/lib*/libvirt/connection-driver/libvirt_driver_qemu.so' > /dev/null ||
    compgen -G '/usr/lib/*/libvirt/connection-driver/libvirt_driver_qemu.so' > /dev/null; }
have_postgresql() { have postgres || compgen -G '/usr/lib/postgresql/*/bin/postgres' > /dev/null; }

# A need a line: check | Debian and Ubuntu packages | Fedora packages | what for
base='have_python|python3.11 python3.11-venv python3.11-dev|python3|Python 3.11 or newer
have gcc|gcc libc6-dev|gcc|to compile the Python binding of libvirt
have pkg-config|pkg-config|pkgconf-pkg-config|to find the headers of libvirt
have_headers|libvirt-dev|libvirt-devel|the library itself, its test: driver and its headers
have_venv|python3-venv|python3-libs|to make .venv
have_python_h|python3-dev|python3-devel|headers of Python, for the binding of libvirt'
test='have libvirtd|libvirt-daemon-system|libvirt-daemon libvirt-daemon-config-network|the daemon that the live tests manage
have_qemu_driver|libvirt-daemon-system|libvirt-daemon-driver-qemu libvirt-daemon-driver-storage-core|its QEMU driver
have virsh|libvirt-clients|libvirt-client|to prepare and inspect the test bed
have qemu-system-x86_64|qemu-system-x86|qemu-system-x86-core|to run the guests
have qemu-img|qemu-utils|qemu-img|to make disk images
have dnsmasq|dnsmasq-base|dnsmasq|DHCP of the virtual networks
have iptables|iptables|iptables-nft|NAT of the virtual networks
have ip|iproute2|iproute|network devices of the test beds
have dbus-daemon|dbus|dbus-daemon|the system bus, where nothing has started one
have busybox|busybox-static|busybox|user space of the test guest
have cpio|cpio|cpio|to pack the test guest
have unshare|util-linux|util-linux|to confine the test bed
have openssl|openssl|openssl|certificates of the test bed
have certtool|gnutls-bin|gnutls-utils|certificates of the hosts that guests are moved between
have swtpm_setup|swtpm swtpm-tools|swtpm swtpm-tools|TPMs of the test guests
have ovs-vswitchd|openvswitch-switch|openvswitch|virtual switches with VLANs
have parted|parted|parted|storage pools of partitions
have vgcreate|lvm2|lvm2|storage pools of volume groups
have tgtd|tgt|scsi-target-utils|an iSCSI target
have_iscsi_direct|libvirt-daemon-driver-storage-iscsi-direct|libvirt-daemon-driver-storage-iscsi-direct|storage pools of it
have_postgresql|postgresql|postgresql-server|a database server that the tests of the store start themselves
have wbemcli|sblim-wbemcli|sblim-wbemcli|the command-line client that the tests drive'
case $level in
    base) needs=$base ;;
    test) needs=$base$'\n'$test ;;
    *) sed -n '2,3p' "$0"; exit 2 ;;
esac

debian=() fedora=() reasons=()
while IFS='|' read -r check deb rpm reason; do
    # Without an interpreter its packages are wanted whole; the checks that ask the interpreter cannot run.
    [[ -z $python && $check == have_venv || -z $python && $check == have_python_h ]] && continue
    $check && continue
    read -ra names <<< "$deb"; debian+=("${names[@]}")
    read -ra names <<< "$rpm"; fedora+=("${names[@]}")
    reasons+=("$deb|$rpm|$reason")
done <<< "$needs"
[ ${#reasons[@]} -gt 0 ] || exit 0

if have apt-get; then column=1 packages=("${debian[@]}")
elif have dnf; then column=2 packages=("${fedora[@]}")
else
    echo "virtcim needs these and finds neither apt-get nor dnf to install them:" >&2
    printf '  %s\n' "${reasons[@]##*|}" >&2
    exit 1
fi
echo "virtcim installs these system packages:"
for line in "${reasons[@]}"; do printf '  %-45s %s\n' "$(cut -d'|' -f$column <<< "$line")" "${line##*|}"; done

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    have sudo || { echo "Not root and no sudo: install them as root, then try again." >&2; exit 1; }
    as_root=(sudo)
    echo "(through sudo, which may ask for your password)"
fi
if [ $column = 1 ]; then
    "${as_root[@]}" apt-get update -q
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${packages[@]}"
else
    "${as_root[@]}" dnf install -y --setopt=install_weak_deps=False "${packages[@]}"
fi
