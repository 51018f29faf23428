#!/bin/sh
# Installs what is missing and says nothing when nothing is: npm packages, then Debian packages by name.
# usage: setup.sh run|test|packer|isotovideo   (the last two: peers that benchmarks measure beside us)
# Exit code 5: something is missing that this user may not install; the one command that mends it is printed.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
purpose=${1:-run}

say() { printf 'portalgun set-up: %s\n' "$1" >&2; }

# --- npm packages, Node 24 among them ----------------------------------------------------------------------------
stamp="$root/node_modules/.portalgun-setup"
if [ ! -x "$root/node_modules/node/bin/node" ] || ! cmp -s "$root/package-lock.json" "$stamp"; then
  if ! command -v npm >/dev/null 2>&1; then
    say "npm is missing. Install it with: sudo apt-get install -y nodejs npm"
    exit 5
  fi
  say "installing npm packages (once, about a minute)"
  # Not `npm ci`: it refuses a lock file in which a registry lacked an optional binary for some other platform.
  install_packages() {
    if ! (cd "$root" && npm install --no-save --no-fund --no-audit --loglevel=error >&2); then
      say "npm install failed; its words are above. Mend that and run the same command again."
      exit 5
    fi
  }
  given=$(node --version)
  install_packages
  # npm silently leaves out optional packages, the native parts of tools, that do not want the Node it runs on: where that
  # is another one than ours, it runs once more on ours.
  pinned="$root/node_modules/node/bin"
  if [ "$given" != "$("$pinned/node" --version)" ]; then
    (PATH="$pinned:$PATH" NODE_NO_WARNINGS=1 && export PATH NODE_NO_WARNINGS && install_packages)
  fi
  cp "$root/package-lock.json" "$stamp"
fi

# --- Debian packages: a command (or file) that must be there, and the package that brings it ---------------------
needs_run="qemu-system-x86_64:qemu-system-x86 qemu-img:qemu-utils dpkg-deb:dpkg gpgv:gpgv"
needs_test="xz:xz-utils script:bsdutils ssh:openssh-client ps:procps gpg:gpg gpg-agent:gpg-agent mcopy:mtools fsck.fat:dosfstools mke2fs:e2fsprogs mkfs.xfs:xfsprogs mkfs.btrfs:btrfs-progs mksquashfs:squashfs-tools mkfs.erofs:erofs-utils lvm:lvm2 cryptsetup:cryptsetup-bin getfattr:attr getfacl:acl xorriso:xorriso sfdisk:fdisk protoc:protobuf-compiler as:binutils flock:util-linux dockerd:docker.io docker-compose:docker-compose iptables:iptables ip:iproute2 signify-openbsd:signify-openbsd minisign:minisign jq:jq openssl:openssl faketime:faketime bsdtar:libarchive-tools"
case $purpose in
  run) needs=$needs_run ;;
  test)
    needs="$needs_run $needs_test"
    # Somebody else's code that verifies and signs what we do.
    for module in securesystemslib nacl; do
      [ -e "/usr/share/doc/python3-$module" ] || needs="$needs python3-$module:python3-$module"
    done
    ;;
  packer) needs="packer:packer" ;;
  # Debian's os-autoinst forgets to depend on these.
  isotovideo)
    needs="isotovideo:os-autoinst"
    for module in libcpanel-json-xs libtime-moment libjson-validator libmojo-ioloop-readwriteprocess liblist-moreutils; do
      [ -e "/usr/share/doc/$module-perl" ] || needs="$needs $module-perl:$module-perl"
    done
    ;;
  *) say "usage: setup.sh run|test|packer|isotovideo"; exit 2 ;;
esac

PATH="$PATH:/usr/sbin:/sbin"
missing=
for need in $needs; do
  command -v "${need%%:*}" >/dev/null 2>&1 || missing="$missing ${need#*:}"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
  say "missing:$missing (Debian's package names). Install them with your system's package manager, then run this again."
  exit 5
fi
if [ "$(id -u)" = 0 ]; then
  as_root=
elif sudo -n true 2>/dev/null; then
  as_root="sudo -n"
else
  say "missing:$missing. Install them with:"
  printf '  sudo apt-get update && sudo apt-get install -y --no-install-recommends%s\n' "$missing" >&2
  exit 5
fi
say "installing Debian packages:$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { $as_root apt-get update && DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
  tail -n 15 "$log" >&2
  say "apt-get could not install:$missing. Mend that and run the same command again."
  exit 5
fi
