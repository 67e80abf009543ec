# SPDX-License-Identifier: GPL-2.0-only
#
# All commands of this repository; scripts/ has the programs that they run.

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

V ?=
export V
Q := $(if $(filter 1,$(V)),,@)
PYTHON := python3 -B
GUEST := tools/testing/selftests/swiotlb/qemu

.PHONY: help packages
.PHONY: base compose kernels
.PHONY: run native native-next native-map native-profile native-wait quick bench bench-profile bench-without bench-hog bench-guest count-guest count-cpus count-numa count-coco net count-net bench-dynamic
.PHONY: test test-full kunit kunit-qemu
.PHONY: figures series check-series check-fixes check-figures check-docs
.PHONY: clean distclean

#! Try it:     make compose, then build your own kernel of build/src-ours: README.md
#! Measure:    make run (guests, half an hour), make bench (the allocator alone, five minutes)
#! Change it:  make check after an edit: the allocator in user space, half a minute
#!             make test before a commit: also scripts, KUnit and guests, ten minutes
#!             make test-full rarely: also other architectures, Xen, a confidential guest, KCSAN, mutants, hours

##@ Try
compose:		## Make the patched source, build/src-ours, to build with your own configuration
	$(Q)base=$$(scripts/base.sh) && $(PYTHON) scripts/compose.py --base "$$base" ours

kernels:		## Build both guest kernels: build/kernels/{base,ours}.bzImage
	$(Q)scripts/kernel.sh base ours

base:			## Fetch Linux 7.3 (KSRC=<tree or tarball>: use that), print where it is
	$(Q)scripts/base.sh

##@ Measure
run: packages	## Compare base, patched and no bouncing, natively and in QEMU, half an hour: results/run/latest
	$(Q)scripts/packages.sh um
	$(Q)scripts/kernel.sh base-mapbench-um ours-um base ours
	$(Q)$(PYTHON) scripts/compare.py

native: packages	## The native part alone, with all rows, until each interval is short: results/native/latest (ROWS=text: some)
	$(Q)scripts/packages.sh um
	$(Q)scripts/kernel.sh base-mapbench-um ours-um
	$(Q)$(PYTHON) scripts/compare.py --native

native-next: packages	## Which buffer is best next, natively: results/next/latest (needs tools/testing/swiotlb/bench/next.patch)
	$(Q)grep -q swiotlb_next_setup kernel/dma/swiotlb/magazine.c || { \
		echo "error: first git apply tools/testing/swiotlb/bench/next.patch" >&2; exit 1; }
	$(Q)scripts/packages.sh um
	$(Q)scripts/kernel.sh base-mapbench-um ours-um
	$(Q)$(PYTHON) scripts/compare.py --next

native-map: packages	## Time map and unmap natively, in User Mode Linux, and say what the time is spent on: results/{native-map,map-profile}/latest
	$(Q)scripts/packages.sh perf
	$(Q)scripts/kernel.sh base-mapbench-um ours-um
	$(Q)$(PYTHON) scripts/bench_guest.py --native
	$(Q)$(PYTHON) scripts/native_profile.py --map

native-profile: packages	## Say what the time of an I/O is spent on, natively, by perf: results/native-profile/latest
	$(Q)scripts/packages.sh perf
	$(Q)scripts/kernel.sh base-mapbench-um ours-um
	$(Q)$(PYTHON) scripts/native_profile.py

native-wait: packages	## 64 threads that need 256 MiB, from 8 MiB: do maps fail or wait? In User Mode Linux: results/wait/latest
	$(Q)scripts/packages.sh um
	$(Q)scripts/kernel.sh base-mapbench-um base-mapbench-nodynamic-um ours-um
	$(Q)$(PYTHON) scripts/wait_guest.py

quick: packages kernels	## The part in QEMU in three minutes, for a developer
	$(Q)$(PYTHON) scripts/compare.py --quick

bench:			## Compare base and patched natively, in five minutes: results/bench/latest (ROWS=text: some)
	$(Q)$(MAKE) -C tools/testing/swiotlb bench

bench-profile:		## Say by instructions and times what is in the rows of bench that miss their limit
	$(Q)$(MAKE) -C tools/testing/swiotlb bench-profile

bench-without:		## Say what each mechanism of the engine buys, by taking it out: results/without/latest
	$(Q)$(MAKE) -C tools/testing/swiotlb bench-without

bench-hog:		## Time the maps of two devices beside a disk that fills all pools: results/hog/latest
	$(Q)$(MAKE) -C tools/testing/swiotlb bench-hog

bench-guest: packages	## Time map, unmap and fio in QEMU, base and patched: results/bench-guest/latest
	$(Q)scripts/kernel.sh base-mapbench ours
	$(Q)$(PYTHON) scripts/bench_guest.py

count-cpus:		## Count locks, cache lines and instructions on 1 to 512 CPUs, base and patched: results/cpus/latest
	$(Q)$(MAKE) -C tools/testing/swiotlb count-cpus

count-numa:		## Count the bounces on the node of the device, on 2 and 4 NUMA nodes in QEMU: results/numa/latest
	$(Q)scripts/packages.sh pc
	$(Q)scripts/kernel.sh base-pc ours-pc
	$(Q)$(PYTHON) scripts/numa_guest.py

count-coco:		## The memory that confidential guests of 2, 16 and 64 GiB share, in QEMU: results/coco/latest
	$(Q)scripts/packages.sh
	$(Q)scripts/kernel.sh base-coco ours-coco
	$(Q)$(PYTHON) scripts/coco_guest.py

count-guest: packages kernels	## Count the instructions of an I/O in QEMU: results/count-guest/latest
	$(Q)$(PYTHON) scripts/count_guest.py

net:			## Requests a second of memcached, and iperf3, in QEMU over virtio-net: results/net/latest
	$(Q)scripts/packages.sh net
	$(Q)scripts/kernel.sh base-net ours-net
	$(Q)$(PYTHON) scripts/net_guest.py

count-net:		## Count the instructions of a request instead: results/count-net/latest
	$(Q)scripts/packages.sh net
	$(Q)scripts/kernel.sh base-net ours-net
	$(Q)$(PYTHON) scripts/net_guest.py --count

bench-dynamic: packages	## Measure growing and freeing, in QEMU: results/dynamic/latest
	$(Q)scripts/kernel.sh base-mapbench ours ours-leak
	$(Q)$(PYTHON) scripts/bench_dynamic.py

figures:		## Put the figures of measured/*.csv into README, RESULTS.md, the mails and the pictures
	$(Q)$(PYTHON) scripts/figures.py

##@ Change
test:			## All but what takes hours; ends with "N passed, N failed", reports in build/test
	$(Q)scripts/test.sh

test-full:		## test, then KCSAN, Xen, coco (a confidential guest), IOMMUs and other callers, i386, arm64 (also with pages of 16 and of 64 KiB, and a confidential guest), riscv, User Mode Linux, the harness with larger pages and 32 bits, the long oracle, mutants (GROUP=xen: these guests alone; RESUME=1: only what has not passed yet)
	$(Q)scripts/test.sh --full $(GROUP)

kunit:			## Run the KUnit suites by the kernel's kunit.py in User Mode Linux (KUNIT=glob: some; KUNIT_ARGS=--smp: on 2 CPUs, =--kasan: also with KASAN)
	$(Q)scripts/kunit.sh $(KUNIT_ARGS) $(if $(KUNIT),'$(KUNIT)')

kunit-qemu: packages	## The same in QEMU (KUNIT=swiotlb_pool: one; =swiotlb_pool.*lookup*: some)
	$(Q)scripts/kernel.sh ours-kunit
	$(Q)$(PYTHON) $(GUEST)/kunit_guest.py --kernel build/kernels/ours-kunit.bzImage $(if $(KUNIT),--filter '$(KUNIT)')

check-series: packages	## Apply, compile and read each patch of the series, boot kernels at each step
	$(Q)scripts/check_series.sh

check-fixes: packages	## Show each patch of patches/fixes-7.3 by a test, boot the fixed base (BOOT=0: do not)
	$(Q)scripts/check_fixes.sh

check-figures:		## Compare the figures in README, RESULTS.md and the mails with measured/*.csv
	$(Q)$(PYTHON) scripts/figures.py --check

check-docs:		## Build our pages with sphinx (Debian's python3-sphinx), without a warning
	$(Q)scripts/check_docs.sh

check check-long check-coverage check-fuzz check-ledger check-mutants:
	$(Q)$(MAKE) -C tools/testing/swiotlb $@

check:			## Tests of the allocator in user space (part of test)
check-long:		## check with 100 million operations
check-coverage:		## Lines and branches of the engine that they run
check-fuzz:		## libFuzzer on the oracle (SECONDS=60)
check-ledger:		## Each known defect: its test fails where the defect is
check-mutants:		## Plant faults in the engine: each must be found (MUTANT=regexp: some)

##@ Send
series:			## Export the series as mails for git am: build/series (REPO=https://...: where this can be had)
	$(Q)base=$$(scripts/base.sh) && $(PYTHON) scripts/mails.py --base "$$base"

##@ Clean
clean:			## Remove build/
	$(Q)rm -rf build

distclean: clean	## Remove results/ too; downloads and finished builds stay in the cache
	$(Q)rm -rf results

packages:
	$(Q)scripts/packages.sh

help:
	@awk -f scripts/help.awk $(MAKEFILE_LIST)
	@echo
	@echo 'V=1 shows every command and its output. SWIOTLB_CACHE= moves the cache'
	@echo '(~/.cache/swiotlb), REPEATS= is how often run measures each kernel.'
