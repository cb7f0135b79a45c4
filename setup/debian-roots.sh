#!/bin/bash
# Two Debian roots for the demo, the tests and the benchmark: v1 is a minbase as debootstrap makes it, v2 the same
# after the upgrades that the machine's own package sources offer. Both come from the mirror this machine uses.
set -eu
. "$(dirname "$0")/environment.sh"

[ ! -e "$DEBIAN/v2.done" ] || exit 0
if [ "$(id -u)" != 0 ]; then
  say "not root: no Debian roots, and no demo or tests on them"
  exit 0
fi

sources=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources 2>/dev/null || true)
mirror=$(awk '/^URIs:/ { print $2; exit } $1 == "deb" && $2 ~ /^http/ { print $2; exit }' <<<"$sources")
[ -n "$mirror" ] || fail "no Debian mirror in /etc/apt/sources.list or /etc/apt/sources.list.d/debian.sources"
mkdir -p "$DEBIAN"

if [ ! -e "$DEBIAN/v1.done" ]; then
  say "a Debian root (debootstrap minbase), in the background"
  rm -rf "$DEBIAN/v1"
  logged debootstrap debootstrap --variant=minbase bookworm "$DEBIAN/v1" "$mirror"
  rm -rf "$DEBIAN"/v1/var/cache/apt/*.bin "$DEBIAN"/v1/var/cache/apt/archives/*.deb
  touch "$DEBIAN/v1.done"
fi

# upgrade ROOT: what an administrator would do. Its own files that need the network are put back afterwards.
upgrade() {
  local root=$1
  mkdir -p "$root.saved"
  cp -a "$root"/etc/apt/sources.list "$root"/etc/resolv.conf "$root"/etc/hosts "$root.saved/" 2>/dev/null || true
  cp /etc/resolv.conf /etc/hosts "$root/etc/"
  printf 'deb %s bookworm main\ndeb %s bookworm-updates main\ndeb %s-security bookworm-security main\n' \
    "$mirror" "$mirror" "$mirror" >"$root/etc/apt/sources.list"
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod 755 "$root/usr/sbin/policy-rc.d"
  export DEBIAN_FRONTEND=noninteractive LC_ALL=C
  chroot "$root" apt-get -q update &&
    chroot "$root" apt-get -q -y --no-install-recommends upgrade &&
    chroot "$root" apt-get -q -y --no-install-recommends install less
  local status=$?
  rm -rf "$root"/usr/sbin/policy-rc.d "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/etc/resolv.conf
  cp -a "$root.saved/." "$root/etc/"
  [ ! -e "$root/etc/sources.list" ] || mv "$root/etc/sources.list" "$root/etc/apt/sources.list"
  rm -rf "$root.saved"
  return "$status"
}

say "its upgraded copy"
rm -rf "$DEBIAN/v2" "$DEBIAN/v2.saved"
cp -a "$DEBIAN/v1" "$DEBIAN/v2"
logged upgrade upgrade "$DEBIAN/v2"
touch "$DEBIAN/v2.done"
