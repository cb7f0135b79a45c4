# shellcheck shell=sh
# Part of setup.sh: Debian's userland for test suites of other projects, as a root directory and as the disk of a virtual
# machine, $trees/debian-trixie/root and root.ext4. The suites' sources are in no package registry: the user
# puts them into $cache/external (test/external/README.md). And containerd 2, with which the tests of test/containerd run
# too: its modules are checked by Go, with the database of checksums that it is configured to ask.

containerd_version=2.3.4
external_packages=acl,attr,e2fsprogs,fio,libarchive-tools,mtree-netbsd,procps,python3,rsync,util-linux

external_root() {
	target=$trees/debian-trixie
	stamp=$external_packages
	[ "$(cat "$target/stamp" 2>/dev/null)" != "$stamp" ] || return 0
	say "making a root directory with Debian trixie's userland (about two minutes)"
	packages e2fsprogs mmdebstrap
	rm -rf "$target.new" && mkdir -p "$target.new"
	mmdebstrap --variant=minbase "--include=$external_packages" trixie "$target.new/root" "$(mirror)" \
		>"$cache/external.log" 2>&1 || { say "no root directory of trixie: external suites are skipped ($cache/external.log)"; return 0; }
	rm -rf "$target.new/root/usr/share/doc" "$target.new/root/usr/share/locale" "$target.new/root/usr/share/man" \
		"$target.new/root/var/cache/apt" "$target.new/root/var/lib/apt/lists"
	size=$(du -sm "$target.new/root" | cut -f1)
	truncate -s "$((size * 12 / 10 + 256))M" "$target.new/root.ext4"
	quietly external mkfs.ext4 -q -F -O ^has_journal -E root_owner=0:0 -d "$target.new/root" "$target.new/root.ext4"
	printf '%s\n' "$stamp" >"$target.new/stamp"
	rm -rf "$target" && mv "$target.new" "$target"
}

# Linked statically, because they run on the system of the recipes.
external_containerd() {
	target=$cache/external/containerd
	[ "$(cat "$target.version" 2>/dev/null)" != "$containerd_version" ] || return 0
	# Another release, which the user has put there.
	[ -e "$target.version" ] || [ ! -e "$target" ] || return 0
	command -v go >/dev/null || { say "no Go: tests with containerd 2 are skipped"; return 0; }
	say "building containerd $containerd_version with Go (about 12 minutes)"
	source=github.com/containerd/containerd/v2/cmd
	rm -rf "$target.new" && mkdir -p "$target.new"
	env CGO_ENABLED=0 GOTOOLCHAIN=local GOBIN="$target.new" go install -trimpath -tags no_btrfs,no_devmapper,no_zfs \
		"$source/containerd@v$containerd_version" "$source/ctr@v$containerd_version" \
		"$source/containerd-shim-runc-v2@v$containerd_version" >"$cache/containerd.log" 2>&1 ||
		{ rm -rf "$target.new"; say "no containerd 2: tests with it are skipped ($cache/containerd.log)"; return 0; }
	rm -rf "$target" && mv "$target.new" "$target"
	printf '%s\n' "$containerd_version" >"$target.version"
}
