# shellcheck shell=sh
# Part of setup.sh: three of Debian's kernels, the build tools for their modules, and the files to boot them in QEMU.
#
# $cache/kernels/NAME/
#   vmlinuz    the kernel
#   release    its version, as `uname -r` prints it
#   modules/   the contents of /lib/modules/RELEASE, with modules.dep
#   build      the KDIR of a module build
#   toolchain  a root directory to build in; absent where the machine's own compiler is the kernel's

trixie_toolchain=trixie-toolchain-1

# Only these directories of a kernel's modules are kept; the rest drives hardware that no virtual machine has.
kept_modules="fs lib crypto arch mm net/9p drivers/block drivers/char drivers/md drivers/virtio drivers/net/virtio_net*"

# Calls apt-get or apt-cache for one suite, in directories of its own: nothing of the machine's apt is touched.
suite_apt() {
	suite=$1 program=$2
	shift 2
	"$program" -o "Dir::Etc::sourcelist=$work/$suite/sources.list" -o Dir::Etc::sourceparts=/nonexistent \
		-o "Dir::State=$work/$suite/state" -o "Dir::Cache=$work/$suite/cache" \
		-o "Dir::State::status=$work/$suite/status" -o APT::Sandbox::User=root "$@"
}

suite_update() {
	[ ! -e "$work/$1/sources.list" ] || return 0
	mkdir -p "$work/$1/state/lists/partial" "$work/$1/cache/archives/partial"
	: >"$work/$1/status"
	printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$(mirror)" "$1" >"$work/$1/sources.list"
	suite_apt "$1" apt-get update >"$cache/kernels-apt.log" 2>&1
}

# The newest kernel of a suite with this version prefix, without the packages for signing and debugging.
newest_kernel() {
	suite_apt "$1" apt-cache search --names-only "^linux-(image|binary)-$2[0-9.+a-z~-]*-amd64\$" |
		awk '{ print $1 }' | grep -Ev -- '-(cloud|rt)-amd64$' | sed -E 's/^linux-(image|binary)-//' | sort -V | tail -n 1
}

# The packages of a kernel: by 7.x the image had become several. The headers name what they need.
kernel_packages() {
	for package in "linux-image-$2" "linux-base-$2" "linux-binary-$2" "linux-modules-$2"; do
		suite_apt "$1" apt-cache show "$package" 2>/dev/null | grep -q '^Filename:' && echo "$package"
	done
	echo "linux-headers-$2"
	suite_apt "$1" apt-cache depends "linux-headers-$2" | awk '/ Depends: linux-(headers|kbuild)-/ { print $2 }'
}

# Unpacks a package below the current directory, without files that neither a build nor a boot needs.
unpack_kernel_package() {
	dpkg-deb --fsys-tarfile "$1" | tar -x --exclude=./usr/share --exclude='*/kernel/sound' --exclude='*/kernel/drivers/gpu' \
		--exclude='*/kernel/drivers/media' --exclude='*/kernel/drivers/net/wireless' --exclude='*/kernel/drivers/net/ethernet'
}

# fetch_kernel NAME SUITE VERSION-PREFIX [TOOLCHAIN]
fetch_kernel() {
	target=$cache/kernels/$1
	[ ! -e "$target/release" ] || return 0
	suite_update "$2" || return 1
	release=$(newest_kernel "$2" "$3")
	[ -n "$release" ] || return 1
	say "fetching kernel $1: $release of $2"
	rm -rf "$target.new" && mkdir -p "$target.new/debs"
	(
		set -e
		cd "$target.new/debs"
		# shellcheck disable=SC2046 # a list
		suite_apt "$2" apt-get download $(kernel_packages "$2" "$release") >"$cache/kernels-apt.log" 2>&1
		cd ..
		for package in debs/*.deb; do unpack_kernel_package "$package"; done
		rm -r debs
		arrange_kernel "$release"
		[ -z "${4:-}" ] || ln -s "../../trees/$4" toolchain
		# The headers find each other by absolute paths.
		sed -i "s|/usr/src/|$target/usr/src/|" "usr/src/linux-headers-$release/Makefile"
		printf '%s\n' "$release" >release
	) &
	wait $! || return 1 # not `(…) || return`, which would switch -e off in there
	rm -rf "$target" && mv "$target.new" "$target"
}

# Moves the parts of an unpacked kernel to the paths above.
arrange_kernel() {
	[ -d usr/lib/modules ] || { mkdir -p usr/lib && mv lib/modules usr/lib/modules; }
	all=usr/lib/modules/$1
	for vmlinuz in "boot/vmlinuz-$1" "$all/vmlinuz"; do
		[ ! -s "$vmlinuz" ] || mv "$vmlinuz" vmlinuz
	done
	[ -s vmlinuz ]
	mkdir -p "modules/kernel/drivers/net" modules/kernel/net
	for part in $kept_modules; do
		for found in "$all/kernel/"$part; do
			[ ! -e "$found" ] || mv "$found" "modules/kernel/$(dirname "$part")/"
		done
	done
	for list in "$all"/modules.builtin "$all"/modules.builtin.modinfo "$all"/modules.order; do
		[ ! -e "$list" ] || mv "$list" modules/
	done
	rm -rf boot lib usr/lib/modules
	mkdir -p depmod/lib/modules && ln -s ../../../modules "depmod/lib/modules/$1"
	depmod -b depmod "$1" 2>/dev/null
	rm -r depmod
	ln -s "usr/src/linux-headers-$1" build
}

# Trixie's headers need its compiler and its libc: a root directory in which modules for its kernels are built.
kernel_toolchain() {
	toolchain=$trees/$trixie_toolchain
	[ ! -e "$toolchain/usr/bin/gcc" ] || return 0
	say "making a root directory with Debian trixie's compiler (about a minute)"
	rm -rf "$toolchain.new"
	mmdebstrap --variant=minbase --include=gcc,make,libelf-dev,libssl-dev,bc,bison,flex,kmod,pahole,sparse \
		trixie "$toolchain.new" "$(mirror)" >"$cache/toolchain.log" 2>&1 || return 1
	rm -rf "$toolchain.new/usr/share/doc" "$toolchain.new/usr/share/locale" "$toolchain.new/usr/share/man"
	mv "$toolchain.new" "$toolchain"
}

# If a kernel cannot be installed, the tests that need it are skipped, with the reason.
kernels() {
	[ "$(dpkg --print-architecture)" = amd64 ] || { say "virtual machines run only on amd64: tests that need them are skipped"; return 0; }
	packages busybox-static e2fsprogs gcc kmod libc6-dev libelf1 liblua5.4-dev make mmdebstrap \
		qemu-system-x86 util-linux xz-utils
	work=$(mktemp -d)
	mkdir -p "$cache/kernels"
	kernel_toolchain &
	toolchain_job=$!
	while read -r name suite prefix toolchain; do
		fetch_kernel "$name" "$suite" "$prefix" "$toolchain" || say "no kernel $name: tests that need it are skipped ($cache/kernels-apt.log)"
	done <<-LIST
		6.1 bookworm 6[.]1[.]
		6.12 trixie 6[.]12[.] $trixie_toolchain
		7 trixie-backports 7[.] $trixie_toolchain
	LIST
	wait "$toolchain_job" || say "no compiler of trixie: tests that need it are skipped ($cache/toolchain.log)"
	rm -rf "$work"
	kernel_scripts 7
}
