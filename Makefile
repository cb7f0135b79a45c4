# The developers' commands; `make help` lists them.
.PHONY: help setup setup-test setup-kernels setup-external setup-browser external build install uninstall codegen demo demo-kernel check golden npm docs test soak test-kernels check-kernel debug-kernel vm lint format bench bench-documents bench-fleet bench-fuse bench-mounts bench-registry bench-kernel clean
.DEFAULT_GOAL := help

NODE := build/node
BIN := node_modules/.bin
CHUNKER := packages/chunker
export DESTDIR PREFIX
export PUZZLEFS_CACHE ?= $(shell setup/setup.sh cache)

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what building and the demo need (idempotent; Debian packages need root)
	@setup/setup.sh run

setup-test: setup ## install what the tests and benchmarks also need
	@setup/setup.sh test

setup-kernels: setup ## fetch three kernels to boot in QEMU, and the compiler of their modules (about three minutes, 1 GB)
	@setup/setup.sh kernels

build: setup $(CHUNKER)/dist/cut.wasm ## bundle the program into build/
	@$(NODE) packaging/build.ts

# Renamed, as builds that run from the sources read it.
$(CHUNKER)/dist/cut.wasm: $(addprefix $(CHUNKER)/,assembly/cut.ts assembly/asconfig.json package.json) | setup
	@cd $(CHUNKER) && ../../$(NODE) node_modules/assemblyscript/bin/asc.js assembly/cut.ts --config assembly/asconfig.json --target release
	@mv $@.new $@

install: build ## [DESTDIR=] [PREFIX=/usr/local]: install the program with a Node of its own, mount(8)'s helper, man pages, completions
	@$(NODE) packaging/install.ts

uninstall: ## remove what `make install` installed, with the same DESTDIR and PREFIX
	@$(NODE) packaging/install.ts uninstall

codegen: setup ## compile schema/ into Cap'n Proto, TypeScript and C, and the commands into docs/cli.md
	@$(NODE) packages/codegen/src/main.ts
	@$(NODE) packaging/documents.ts

demo: build ## build an image of a Debian root, change the root, build again, mount and compare
	@$(NODE) demo/demo.ts $(PUZZLEFS_CACHE)

demo-kernel: setup-kernels ## mount the image of `make demo` with the kernel driver in a virtual machine
	@[ -e $(PUZZLEFS_CACHE)/demo-store ] || $(MAKE) --no-print-directory demo
	@$(NODE) demo/kernel.ts $(PUZZLEFS_CACHE)

lint: setup ## check types, style, format, and that generated files are up to date
	@$(NODE) test/run.ts lint

format: setup ## format the sources
	@$(NODE) $(BIN)/../prettier/bin/prettier.cjs --write --log-level warn .

check: setup-test ## lint and quick tests: no mounts, no virtual machines (under three minutes)
	@$(NODE) test/run.ts check

npm: build ## make the packages for npm in build/npm
	@$(NODE) packaging/npm.ts

docs: setup ## make the pages of the packages' functions in build/api
	@cd packaging && ../$(NODE) node_modules/typedoc/bin/typedoc --options typedoc.json
	@echo "build/api/index.html: the pages of the packages"

golden: setup ## record the digests of the golden images, after an intended change of their bytes (root)
	@PUZZLEFS_GOLDEN=write $(NODE) test/run.ts test/golden/golden.test.ts

test: setup-test setup-kernels build ## run every test; the last line counts them
	@PUZZLEFS_BUNDLE=1 $(NODE) test/run.ts

soak: setup-test setup-kernels build ## long tests of FUSE: 64 processes read for a minute, 300 mounts of each kind, 200 containers (fifteen minutes)
	@PUZZLEFS_SOAK_SECONDS=60 PUZZLEFS_CYCLES=300 PUZZLEFS_STARTS=200 PUZZLEFS_NEIGHBOUR_SECONDS=120 \
		$(NODE) test/run.ts --concurrency=1 'test/soak/*.test.ts' 'test/security/*.test.ts'

check-kernel: setup-kernels build ## check the driver's sources against three kernels: W=1, sparse, checkpatch, Coccinelle
	@setup/setup.sh kernel-scripts
	@PUZZLEFS_CHECKS=all $(NODE) test/run.ts test/kernel-static/static.test.ts

# Not dumps: hundreds of megabytes to hash, which under KASAN takes hours.
DEBUGGED := readahead errors first-use packed mounting posix programs verification hostile observation extents selftest

debug-kernel: setup-test build ## test the driver in a kernel with KASAN, lockdep and kmemleak, and with failing allocations (an hour)
	@setup/setup.sh debug-kernel
	@PUZZLEFS_DEBUG_KERNEL=1 PUZZLEFS_KERNELS=debug PUZZLEFS_HOSTILE=300 $(NODE) test/run.ts test/kernel-debug/*.test.ts \
		$(DEBUGGED:%=test/kernel/%.test.ts)

test-kernels: setup-test setup-kernels build ## run all tests of the driver on each of the three kernels
	@for kernel in 6.1 6.12 7; do PUZZLEFS_KERNELS=$$kernel $(NODE) test/run.ts 'test/kernel/*.test.ts' 'test/mounting/*.test.ts' || exit 1; done

vm: setup-kernels ## KERNEL=6.1|6.12|7|debug [IMAGE=OCI_DIR:TAG] CMD='…': run CMD in a virtual machine, with the image on /mnt
	@$(NODE) qemu/src/vm.ts

setup-browser: ## install Chromium, in which `make test` then opens the page of `puzzlefs report`
	@setup/setup.sh browser

setup-external: setup-kernels ## make a root directory with Debian's userland, for test suites of other projects, and build containerd 2
	@setup/setup.sh external

external: setup-external build ## run test suites of other projects on mounted images, if their sources are there (test/external/README.md)
	@$(NODE) test/external/run.ts
	@$(NODE) test/run.ts test/containerd/containerd-2.test.ts

bench: setup-test build ## measure stores and builds beside others [PARTS=sizes,rebuild,large,memory] [ROUNDS=5] [SERIES=DIR] [BIG=DIR] [NOTE=TEXT]
	@setup/setup.sh bench-store
	@$(NODE) bench/run.ts $(PUZZLEFS_CACHE)

bench-documents: setup ## make tables and charts from bench/results again
	@$(NODE) bench/run.ts documents

bench-fleet: setup-test build ## simulate nodes that follow versions of an image in a registry [NODES=10000] [VERSIONS=1000] [SEED=1] [SERIES=DIR] [NOTE=TEXT]
	@$(NODE) bench/fleet.ts $(PUZZLEFS_CACHE)

bench-fuse: setup build ## measure this FUSE server and others [TREE=debian|big|DIR] [ROWS=find,tar] [RUNS=3] [PEERS=puzzlefs,erofsfuse] [JSON=FILE]
	@setup/setup.sh bench-fuse
	@$(NODE) bench/fuse.ts $(PUZZLEFS_CACHE)

bench-mounts: setup build ## measure many FUSE mounts, with one server and with one each [MOUNTS=1,10,100]
	@unshare --mount $(NODE) bench/mounts.ts $(PUZZLEFS_CACHE)

bench-registry: setup-test build ## push and pull ten versions and a large image, by several registries [SERIES=DIR] [BIG=DIR] [REGISTRIES=docker-registry,zot,crane]
	@$(NODE) bench/registry.ts $(PUZZLEFS_CACHE)

bench-kernel: setup-kernels build ## measure the driver, erofs and squashfs [KERNEL=6.12] [ROWS=find,mmap] [RUNS=3] [MACHINES=counted,timed]
	@setup/setup.sh bench-kernel
	@$(NODE) bench/kernel.ts

clean: ## remove what was built; the cache stays (setup/setup.sh cache)
	rm -rf build $(CHUNKER)/dist
