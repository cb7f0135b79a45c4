# shellcheck shell=sh
# Part of setup.sh: trixie's kernel, built with every checker that finds a driver's mistakes (listed in debug.config),
# laid out like the kernels of kernels.sh; and the checkers of a driver's sources that the kernel's sources contain.

# What a module build reads of a built kernel tree; the rest of it, 3 GB, is removed.
kernel_build_parts="Makefile .config Module.symvers include arch/x86/include arch/x86/Makefile arch/x86/Makefile.um arch/x86/Kbuild
	arch/x86/entry/syscalls/Makefile arch/x86/tools scripts tools/objtool/objtool security/selinux/include"

# unpack_kernel_source SUITE PACKAGE TAR-ARGUMENT…: the source below the current directory.
unpack_kernel_source() {
	package=$2
	suite_update "$1" || return 1
	suite_apt "$1" apt-get download "$package" >"$cache/kernel-source.log" 2>&1 || return 1
	shift 2
	dpkg-deb --fsys-tarfile "${package}"_*.deb | tar -xO --wildcards '*.tar.xz' | xz -dc -T0 | tar -x --strip-components=1 "$@" || return 1
	rm "${package}"_*.deb
}

# The debug kernel, once for each configuration; 5 to 15 minutes.
debug_kernel() {
	target=$cache/kernels/debug
	stamp=$(cat "$root/setup/debug.config" "$root/setup/debug-kernel.sh" | sha256sum | cut -d' ' -f1)
	[ "$(cat "$target/stamp" 2>/dev/null)" != "$stamp" ] || return 0
	packages bc bison cpio flex gcc kmod libc6-dev libelf-dev libssl-dev lz4 make xz-utils
	say "building the debug kernel (5 to 15 minutes; $cache/debug-kernel.log)"
	work=$(mktemp -d)
	rm -rf "$target.new" && mkdir -p "$target.new/source"
	(
		set -e
		cd "$target.new/source"
		unpack_kernel_source trixie linux-source-6.12 --exclude='*/drivers/gpu/*.[ch]' --exclude='*/Documentation/[a-z]*'
		build_debug_kernel >"$cache/debug-kernel.log" 2>&1
		cd ..
		make -s -C source kernelrelease >release
		cp source/arch/x86/boot/bzImage vmlinuz
		arrange_debug_kernel
		printf '%s\n' "$stamp" >stamp
	) &
	wait $! || { tail -n 20 "$cache/debug-kernel.log" >&2; say "the debug kernel could not be built" >&2; return 1; }
	rm -rf "$target" "$work" && mv "$target.new" "$target"
}

build_debug_kernel() {
	make KCONFIG_ALLCONFIG="$root/setup/debug.config" allnoconfig
	# Kconfig silently drops options whose dependencies are missing.
	grep -E '^CONFIG_\w+=[^n]' "$root/setup/debug.config" | while read -r wanted; do
		grep -qxF "$wanted" .config || { echo "not in the configuration: $wanted"; exit 1; }
	done
	nice make -j"$(nproc)" bzImage modules
}

# Keeps the image and what builds modules.
arrange_debug_kernel() {
	mkdir -p build modules
	cp source/modules.builtin source/modules.builtin.modinfo source/modules.order modules/
	find source \( -name '*.o' -o -name '*.a' -o -name '.*.cmd' \) -delete
	for part in $kernel_build_parts; do
		[ -e "source/$part" ] || continue
		mkdir -p "build/$(dirname "$part")"
		mv "source/$part" "build/$part"
	done
	rm -rf source
	mkdir -p depmod/lib/modules && ln -s ../../../modules "depmod/lib/modules/$(cat release)"
	depmod -b depmod "$(cat release)"
	rm -r depmod
	# Interrupts that ACPI describes do not arrive under this configuration; tests change disks below file systems; KUnit
	# runs no suite by default.
	echo pci=noacpi bdev_allow_write_mounted=1 kunit.enable=1 >cmdline
}

# kernel_scripts NAME…: the checkers in the sources of these kernels, into $cache/kernel-scripts/NAME.
kernel_scripts() {
	packages perl sparse
	work=$(mktemp -d)
	while read -r name suite prefix; do
		case " $* " in *" $name "*) ;; *) continue ;; esac
		target=$cache/kernel-scripts/$name
		[ ! -e "$target" ] || continue
		say "fetching the scripts of kernel $name"
		suite_update "$suite" || continue
		package=$(suite_apt "$suite" apt-cache search --names-only "^linux-source-$prefix[0-9]*\$" | awk '{ print $1 }' | sort -V | tail -n 1)
		rm -rf "$target.new" && mkdir -p "$target.new"
		(cd "$target.new" && unpack_kernel_source "$suite" "$package" --wildcards '*/scripts/checkpatch.pl' '*/scripts/spelling.txt' \
			'*/scripts/const_structs.checkpatch' '*/scripts/coccinelle/*') ||
			{ say "no scripts of kernel $name: their checks are skipped ($cache/kernel-source.log)"; continue; }
		mv "$target.new" "$target"
	done <<-LIST
		6.1 bookworm 6[.]1
		6.12 trixie 6[.]12
		7 trixie-backports 7[.]
	LIST
	newer_sparse
	rm -rf "$work"
}

# Sparse of trixie cannot parse the headers of 7.x; forky's runs in the root directory with trixie's libc.
newer_sparse() {
	toolchain=$trees/$trixie_toolchain
	[ -e "$toolchain/usr/bin/gcc" ] && [ ! -e "$toolchain/usr/local/bin/sparse-newer" ] || return 0
	say "fetching sparse of forky"
	(
		cd "$work" && suite_update forky && suite_apt forky apt-get download sparse >>"$cache/kernel-source.log" 2>&1 &&
			dpkg-deb -x sparse_*.deb sparse && cp sparse/usr/bin/sparse "$toolchain/usr/local/bin/sparse-newer"
	) || say "no newer sparse: its check of kernel 7 is skipped ($cache/kernel-source.log)"
}
