#!/bin/bash
# guest-image.sh [OUTDIR]: make a tiny bootable Linux guest (kernel + busybox initramfs) from Debian packages.
# Writes OUTDIR/{vmlinuz,initrd.gz} (Linux, 128 MiB, 6 s under TCG) and OUTDIR/boot.img (no OS: a 1 MiB disk, 0.3 s).
# Needs: apt access to the package linux-image-cloud-amd64, busybox-static, cpio, gzip.
# The Linux guest: console and GUEST-READY on ttyS0, obeys the ACPI power button, virtio disk/net/balloon/serial drivers,
# brings hot-plugged CPUs and memory online, DHCP on eth0. "dirty=MB" on the kernel command line makes it rewrite MB of
# memory for ever (slows a live migration down); "swiotlb=noforce" is needed when the domain has <maxMemory>.
set -euo pipefail
out=$(realpath -m "${1:-./guest}")
mkdir -p "$out"
work=$(mktemp -d "${TMPDIR:-/tmp}/guest-image.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"

kernel() { apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends: linux-image-/ {print $2; exit}'; }
pkg=$(kernel)
if [ -z "$pkg" ] || ! apt-get download -q "$pkg" 2>/dev/null; then
    apt-get update -q      # no package lists yet, or too old ones: the kernel they name is gone from the mirror
    pkg=$(kernel)
    apt-get download -q "$pkg"
fi
dpkg-deb -x "$pkg"_*.deb x
rel=${pkg#linux-image-}

root=$work/root
mkdir -p "$root"/{bin,dev,proc,sys,tmp,lib/modules,etc/acpi/PWRF,etc/udhcpc}
cp /bin/busybox "$root/bin/"
mods="virtio_pci virtio_blk virtio_net virtio_balloon virtio_console virtio_scsi virtio_mem sd_mod button evdev"
mod=lib/modules/$rel
busybox depmod -b "$PWD/x" "$rel"
mkdir -p "$root/$mod"
cp "x/$mod/modules.dep" "$root/$mod/"
for m in $mods; do
    grep "/$m\.ko[^ ]*:" "x/$mod/modules.dep" | tr -d :
done | xargs -n1 | sort -u | (cd "x/$mod" && cpio -pdm --quiet "$root/$mod")

cat > "$root/init" <<EOI
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
modprobe -a $mods
mount -t tmpfs tmp /tmp
ip link set lo up
ip link set eth0 up 2>/dev/null && udhcpc -i eth0 -b -q -S -s /etc/udhcpc/run >/dev/null 2>&1 &
acpid -c /etc/acpi -l /dev/null -p /tmp/acpid.pid
d=\$(sed -n 's/.*dirty=\([0-9]*\).*/\1/p' /proc/cmdline)
if [ -n "\$d" ]; then
    mkdir /d; mount -t tmpfs -o size=\$((d + 8))m d /d
    (while :; do dd if=/dev/urandom of=/d/x bs=1M count=\$d conv=notrunc 2>/dev/null; done) &
fi
echo GUEST-READY > /dev/ttyS0
uevent /etc/hotplug &
while :; do setsid cttyhack sh </dev/ttyS0 >/dev/ttyS0 2>&1; sleep 1; done
EOI
cat > "$root/etc/acpi/PWRF/00000080" <<'EOI'
#!/bin/sh
echo GUEST-POWEROFF > /dev/ttyS0
poweroff -f
EOI
cat > "$root/etc/hotplug" <<'EOI'
#!/bin/sh
case $ACTION-$SUBSYSTEM in add-cpu|add-memory) echo 1 > /sys$DEVPATH/online ;; esac
EOI
cat > "$root/etc/udhcpc/run" <<'EOI'
#!/bin/sh
[ "$1" = bound ] || [ "$1" = renew ] && ip addr flush dev $interface && ip addr add $ip/${mask:-24} dev $interface
exit 0
EOI
chmod 755 "$root/init" "$root"/etc/{acpi/PWRF/00000080,hotplug,udhcpc/run}
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -9) > "$out/initrd.gz"

# 512-byte boot sector: says GUEST-READY on COM1, then halts; the ACPI power button powers it off.
{ printf '\x31\xc0\x8e\xd8\xbe\x2d\x7c\xac\x84\xc0\x74\x06\xba\xf8\x03\xee\xeb\xf5'   # print the text
  printf '\xba\x02\x06\xb8\x00\x01\xef'             # PM1_EN |= power button
  printf '\xfb\xf4\xba\x00\x06\xed\xf6\xc4\x01\x74\xf5'   # hlt until PM1_STS has it
  printf '\xba\x04\x06\xb8\x00\x20\xef\xeb\xec'       # PM1_CNT: go to S5
  printf 'GUEST-READY\r\n'; head -c 451 /dev/zero; printf '\0\x55\xaa'; } > "$out/boot.img"
truncate -s 1M "$out/boot.img"

cp "x/boot/vmlinuz-$rel" "$out/vmlinuz"
chmod 644 "$out"/*
ls -l "$out"
