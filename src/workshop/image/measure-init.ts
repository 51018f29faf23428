/**
 * What runs in the measuring VM: busybox, one shell script, GNU tar. It decides nothing; it answers the host's commands
 * on a virtio-serial port (measure-session.ts is the other side):
 *
 *   layout DISK             → `disk DISK SECTORS`, `part NUMBER START SIZE` (sectors of 512 bytes) …, `end 0`
 *   raw DISK OFFSET LENGTH  → LENGTH bytes, `end STATUS`
 *   tree DEVICE TYPE OPTS   → `unmountable`, what the kernel said, a byte 0; or `ok`, a tar stream in records of TAR_RECORD_BYTES, the sockets (tar leaves them out):
 *                             `MODE UID GID\nPATH\0` each, an empty one last; `end 0`
 *   map ro|rw ROWS          → after ROWS lines of a device-mapper table: `end 0`, and the device dm-0 is that
 *
 * Where another command fails, the VM powers off: the reason stands on the serial line, and nobody waits for the rest.
 * File systems are mounted read-only on a disk that is attached read-only; a stage of a build is an overlay of its own, on
 * which the kernel may replay a journal.
 */

/** GNU tar writes and pads in whole records: 64 blocks of 512 bytes, what virtio-console sends in one go. */
export const TAR_RECORD_BYTES = 64 * 512;

/** Name of the virtio-serial port. */
export const MEASURE_PORT = 'portalgun.measure';

/** In the order in which they are asked for; what they need is found in the modules (kernel-modules.ts). */
export const MEASURE_MODULES: readonly string[] = [
  'virtio_pci',
  'virtio_blk',
  'virtio_console',
  // ext4 asks the crypto layer for crc32c by name: no dependency says so.
  'crc32c_generic',
  'ext4',
  'nls_cp437',
  'nls_ascii',
  'nls_utf8',
  'vfat',
];

/** Loaded where a volume is put together. */
const MAP_MODULE = 'dm_mod';

/**
 * Loaded where a disk has one: btrfs tries out which way of adding up is the fastest, which takes seconds, and what is not
 * loaded cannot be attacked. Btrfs asks for its checksums by name too.
 */
export const FILE_SYSTEM_MODULES: Readonly<Record<string, readonly string[]>> = {
  xfs: ['xfs'],
  btrfs: ['xxhash_generic', 'blake2b_generic', 'btrfs'],
  squashfs: ['squashfs'],
  erofs: ['erofs'],
  [MAP_MODULE]: [MAP_MODULE],
};

// Nothing else is mounted below: a btrfs subvolume is a device of its own, and belongs to the tree.
// By its path, or busybox' shell takes its own. pax without times: they are no part of a manifest, and each would cost an extended header of 1 KiB.
const TAR = [
  '/bin/tar --create --file=- --blocking-factor=64 --format=pax --sort=name --numeric-owner',
  "--xattrs --xattrs-include='*' --acls --mtime=@0 --pax-option=delete=atime,delete=ctime,delete=mtime",
  '--directory=/mnt .',
].join(' ');

export const MEASURE_INIT = `#!/bin/sh
export PATH=/bin
mount -t proc none /proc; mount -t sysfs none /sys; mount -t devtmpfs none /dev
echo 4 > /proc/sys/kernel/printk
for module in $(cat /modules/order); do insmod /modules/$module.ko || echo "no module $module" > /dev/ttyS0; done
port=
while [ -z "$port" ]; do
  for each in /sys/class/virtio-ports/*; do
    [ "$(cat $each/name 2>/dev/null)" = ${MEASURE_PORT} ] && port=/dev/\${each##*/}
  done
  [ -n "$port" ] && [ -c "$port" ] || { port=; usleep 20000; }
done
# Standard error goes to the serial line, where the host finds the reason of a failure.
exec 3<>$port 2>/dev/ttyS0
say() { echo "$@" >&3; }
fail() { echo "portalgun: $* failed" >&2; poweroff -f; }
while true; do
  # Without a host on the other side a read ends at once.
  read -r command a b c <&3 || { usleep 50000; continue; }
  case "$command" in
    layout)
      say "disk $a $(cat /sys/block/$a/size)"
      for part in /sys/block/$a/$a*; do
        [ -f $part/partition ] && say "part $(cat $part/partition) $(cat $part/start) $(cat $part/size)"
      done
      say "end 0";;
    raw)
      dd if=/dev/$a bs=65536 iflag=skip_bytes,count_bytes skip=$b count=$c >&3 || fail "reading $a"
      say "end 0";;
    tree)
      for module in $(cat /modules/$b 2>/dev/null); do insmod /modules/$module.ko 2>/dev/null; done
      dmesg -c > /dev/null
      mount -t $b -o $c /dev/$a /mnt || { say unmountable; dmesg >&3; printf '\\0' >&3; continue; }
      say ok
      ${TAR} >&3 || fail "reading the files of $a"
      (cd /mnt && find . -type s -exec stat -c '%a %u %g' {} \\; -print0) >&3 || fail "reading the files of $a"
      printf '\\0' >&3
      umount /mnt || fail "unmounting $a"
      say "end 0";;
    map)
      for module in $(cat /modules/${MAP_MODULE}); do insmod /modules/$module.ko 2>/dev/null; done
      rows=0
      while [ $rows -lt "$b" ]; do read -r row <&3; echo "$row"; rows=$((rows + 1)); done > /table
      case $a in ro) mode=--readonly;; rw) mode=;; *) fail "understanding $a";; esac
      [ ! -e /dev/dm-0 ] || dmsetup remove --noudevsync --noudevrules volume || fail "taking a logical volume apart"
      dmsetup create $mode --noudevsync --noudevrules volume /table || fail "putting a logical volume together"
      say "end 0";;
    *) fail "understanding $command";;
  esac
done
`;
