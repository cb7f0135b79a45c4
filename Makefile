# Everything a developer does, by name; `make help` lists it.
.PHONY: help setup setup-test setup-kernels setup-external external build install uninstall codegen demo demo-kernel check golden test soak test-kernels check-kernel debug-kernel vm lint format bench bench-fuse bench-kernel clean
.DEFAULT_GOAL := help

NODE := build/node
BIN := node_modules/.bin
export DESTDIR PREFIX
export PUZZLEFS_CACHE ?= $(shell setup/setup.sh cache)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install all that building and the demo need (idempotent; root for Debian packages)
	@setup/setup.sh run

setup-test: setup ## what the tests and benchmarks also need
	@setup/setup.sh test

setup-kernels: setup ## three kernels to boot in QEMU, and what builds their modules (about three minutes, 1 GB)
	@setup/setup.sh kernels

build: setup ## bundle the command line into build/
	@cd packages/chunker && ../../$(NODE) node_modules/assemblyscript/bin/asc.js assembly/cut.ts --config assembly/asconfig.json --target release
	@$(NODE) packages/cli/build.ts

install: build ## [DESTDIR=] [PREFIX=/usr/local]: the program, with a Node of its own, and mount(8)'s helper
	@$(NODE) packages/cli/install.ts

uninstall: ## what `make install` put there, with the same DESTDIR and PREFIX
	@$(NODE) packages/cli/install.ts uninstall

codegen: setup ## compile schema/ into Cap'n Proto, TypeScript and C
	@$(NODE) packages/codegen/src/main.ts

demo: build ## a Debian root becomes an image, is changed, built again, mounted and compared
	@$(NODE) demo/demo.ts $(PUZZLEFS_CACHE)

demo-kernel: setup-kernels ## the image of `make demo`, mounted by the kernel driver in a virtual machine
	@[ -e $(PUZZLEFS_CACHE)/demo-store ] || $(MAKE) --no-print-directory demo
	@$(NODE) demo/kernel.ts $(PUZZLEFS_CACHE)

lint: setup ## types, lint and format
	@$(NODE) test/run.ts lint

format: setup ## rewrite what is not formatted
	@$(NODE) $(BIN)/../prettier/bin/prettier.cjs --write --log-level warn .

check: setup ## quick (under three minutes): lint, and the tests that mount nothing and start no machine
	@$(NODE) test/run.ts check

golden: setup ## record the digests of the golden images anew, after an intended change of the format's bytes (needs root)
	@PUZZLEFS_GOLDEN=write $(NODE) test/run.ts test/golden/golden.test.ts

test: setup-test setup-kernels build ## every test; the last line counts them
	@$(NODE) test/run.ts

soak: setup-test setup-kernels build ## FUSE mounts for long: 64 processes read for a minute, and are checked; 300 mounts of each kind; 200 containers (fifteen minutes)
	@PUZZLEFS_SOAK_SECONDS=60 PUZZLEFS_CYCLES=300 PUZZLEFS_STARTS=200 PUZZLEFS_NEIGHBOUR_SECONDS=120 \
		$(NODE) test/run.ts --concurrency=1 'test/soak/*.test.ts' 'test/security/*.test.ts'

check-kernel: setup-kernels build ## the driver's sources under all checkers of three kernels: W=1, sparse, checkpatch, Coccinelle
	@setup/setup.sh kernel-scripts
	@PUZZLEFS_CHECKS=all $(NODE) test/run.ts test/kernel-static/static.test.ts

# Not dumps: hundreds of megabytes to hash, which under KASAN takes hours.
DEBUGGED := mounting posix programs verification hostile

debug-kernel: setup-test build ## the driver in a kernel that checks itself, and in which every allocation fails once (an hour)
	@setup/setup.sh debug-kernel
	@PUZZLEFS_DEBUG_KERNEL=1 PUZZLEFS_KERNELS=debug PUZZLEFS_HOSTILE=300 $(NODE) test/run.ts test/kernel-debug/*.test.ts \
		$(DEBUGGED:%=test/kernel/%.test.ts)

test-kernels: setup-test setup-kernels build ## the driver's tests, all of them on each of the three kernels
	@for kernel in 6.1 6.12 7; do PUZZLEFS_KERNELS=$$kernel $(NODE) test/run.ts 'test/kernel/*.test.ts' 'test/mounting/*.test.ts' || exit 1; done

vm: setup-kernels ## KERNEL=6.1|6.12|7|debug [IMAGE=OCI_DIR:TAG] CMD='…': runs CMD in a virtual machine, the image on /mnt
	@$(NODE) qemu/src/vm.ts

setup-external: setup-kernels ## a root directory with Debian's userland, for the suites of others
	@setup/setup.sh external

external: setup-external build ## suites of others on mounted images, where their sources are at hand (test/external/README.md)
	@$(NODE) test/external/run.ts

bench: setup-test build ## builds by this tool and by the Rust tool, of the same tree
	@$(NODE) bench/run.ts $(PUZZLEFS_CACHE)

bench-fuse: setup build ## our FUSE beside that of others [TREE=debian|big|DIR] [ROWS=find,tar] [RUNS=3] [PEERS=puzzlefs,erofsfuse] [JSON=FILE]
	@setup/setup.sh bench-fuse
	@$(NODE) bench/fuse.ts $(PUZZLEFS_CACHE)

bench-kernel: setup-kernels build ## the driver beside erofs and squashfs [KERNEL=6.12] [ROWS=find,mmap] [RUNS=3] [MACHINES=counted,timed]
	@setup/setup.sh bench-kernel
	@$(NODE) bench/kernel.ts

clean: ## remove what was built (the cache stays: setup/setup.sh cache)
	rm -rf build packages/chunker/dist
