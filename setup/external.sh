# shellcheck shell=sh
# Part of setup.sh: Debian's userland for test suites of other projects, as a root directory and as the disk of a virtual
# machine, $trees/debian-trixie/root and root.ext4. The suites' sources are in no package registry: the user
# puts them into $cache/external (test/external/README.md).

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
