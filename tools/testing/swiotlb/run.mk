# SPDX-License-Identifier: GPL-2.0-only
#
# Targets for users.

# check: the quick set. 2 million operations of the oracle, half a second per stress test
OPS ?= 2000000
SECONDS_EACH ?= 0.5
JOBS ?= 2
TEST ?=
# y: a defect of the base that a test knows counts as a failure, until the base is fixed
FIXED ?=
SEED ?=
FAMILY ?=
GCOV ?= gcov
RUN := $(HERE)/run.sh
# A separate build, which excludes other sanitizers
COUNT := $(if $(and $(HAVE_COUNT),$(filter 64,$(BITS)),$(filter ours-none,$(ENGINE)-$(SAN))),$(OUTPUT)/ours-count-$(CONFIGS)/count/count)

# Fewer operations, because AddressSanitizer slows down by a factor of 5
OPS_ASAN ?= 300000
OPS_LONG ?= 100000000

# Use the number of jobs given to make, if any
PARALLEL = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(JOBS))
# Start time of the build in ns
STARTED := $(if $(filter run-%,$(MAKECMDGOALS)),$(shell date +%s%N))

# Two runs of one variant build in the same directory, so one of them waits
LOCKED = +$(Q)mkdir -p $(OUTPUT) && { flock -n $(O).lock true || \
	echo '  WAIT    for another run of $(VARIANT)'; } && \
	flock $(O).lock $(MAKE) --no-print-directory $(PARALLEL) -f $(HERE)/Makefile run-$@

.PHONY: run-check run-check-long run-check-threads run-build
check check-long check-threads build:
	$(LOCKED)

run-build: $(PROGS)
	@:

# Run the litmus tests for one variant only: they do not run the engine
CHECK_LITMUS := $(filter ours-none-yyy,$(VARIANT))
LITMUS := python3 -B $(HERE)/litmus/litmus.py --engine $(ENGINE_SRC) --base $(BASE_SRC)

.PHONY: count-for-check
count-for-check:
	+$(Q)$(MAKE) --no-print-directory -C $(HERE) SAN=count count-build

# The longest programs first, so that no single one is left at the end
run-check: $(PROGS) $(if $(COUNT),count-for-check)
	$(Q)OPS=$(OPS) SECONDS_EACH=$(SECONDS_EACH) JOBS=$(JOBS) V=$(V) SEED=$(SEED) \
		COUNT='$(COUNT)' LITMUS='$(LITMUS)' STARTED=$(STARTED) \
		$(RUN) '$(O)' basic $(if $(COUNT),count) oracle stress \
			$(if $(CHECK_LITMUS),litmus) $(HAVE_FUZZ)

run-check-long: $(PROGS)
	$(Q)OPS=$(OPS_LONG) SECONDS_EACH=60 JOBS=$(JOBS) V=$(V) SEED=$(SEED) \
		STARTED=$(STARTED) $(RUN) '$(O)' oracle stress basic $(HAVE_FUZZ)

check-asan:
	+$(Q)$(MAKE) --no-print-directory -C $(HERE) SAN=address \
		OPS=$(OPS_ASAN) check

# Only the programs with several threads matter for this sanitizer
check-tsan:
	+$(Q)$(MAKE) --no-print-directory -C $(HERE) SAN=thread SECONDS_EACH=1 check-threads

.PHONY: check-threads check-configs oracle stress basic giveback guests guest-lines
run-check-threads: $(O)/stress
	$(Q)SECONDS_EACH=$(SECONDS_EACH) JOBS=1 V=$(V) STARTED=$(STARTED) \
		$(RUN) '$(O)' stress

# Run all configurations that Kconfig allows
check-configs:
	+$(Q)for d in y n; do for g in y n; do for r in y n; do \
		$(MAKE) --no-print-directory -C $(HERE) DYNAMIC=$$d DEBUGFS=$$g \
			RESTRICTED=$$r OPS=200000 check || exit 1; \
	done; done; done

# Coverage of lines and branches, in all configurations together
COVERED := yyy nyy yyn
# Most operations are run in the first configuration: the others only differ in stubs
OPS_COVERAGE ?= 300000
.PHONY: check-coverage run-coverage-programs coverage-programs
check-coverage:
	+$(Q)for c in $(COVERED); do \
		$(MAKE) --no-print-directory -C $(HERE) SAN=coverage \
			DYNAMIC=$$(echo $$c | cut -c1) DEBUGFS=$$(echo $$c | cut -c2) \
			RESTRICTED=$$(echo $$c | cut -c3) OPS=$(OPS_COVERAGE) \
			coverage-programs || exit 1; \
	done
	$(Q)python3 -B $(HERE)/coverage.py --engine '$(ENGINE_SRC)' \
		--gcov '$(GCOV)' $(COVERED:%='$(OUTPUT)/ours-coverage-%')

coverage-programs:
	$(LOCKED)

run-coverage-programs: $(PROGS)
	$(Q)find '$(O)' -name '*.gcda' -delete
	$(Q)OPS=$(OPS) SECONDS_EACH=$(SECONDS_EACH) JOBS=$(JOBS) V=$(V) SEED=$(SEED) \
		STARTED=$(STARTED) $(RUN) '$(O)' basic oracle stress $(HAVE_FUZZ)

# Each fault of mutants.list must be found; MUTANT=regexp runs those of that name
MUTANT ?=
# ... WITH is a prefix for each command, such as nice
WITH ?=
.PHONY: check-mutants mutant-test_basic mutant-oracle mutant-stress mutant-count
check-mutants:
	$(Q)python3 -B $(HERE)/mutants.py --engine '$(ENGINE_SRC)' \
		--work '$(OUTPUT)/mutants' --only '$(MUTANT)' --jobs $(JOBS) --prefix '$(WITH)' \
		BASE_SRC='$(BASE_SRC)'

# Run libFuzzer for SECONDS (60), starting from the saved corpus; fuzz-corpus saves the
# result. The engine is built with AddressSanitizer and UndefinedBehaviorSanitizer.
FUZZ_SECONDS = $(if $(SECONDS),$(SECONDS),60)
CORPUS := $(HERE)/fuzz/corpus
.PHONY: check-fuzz fuzz-corpus fuzz-program run-fuzz-program
check-fuzz fuzz-corpus:
	+$(Q)command -v clang > /dev/null || { echo "no clang: install the packages \
clang and libclang-rt-dev" >&2; exit 1; }; \
	$(MAKE) --no-print-directory -C $(HERE) SAN=fuzz fuzz-program
	$(Q)python3 -B $(HERE)/fuzz/fuzz.py --corpus '$(CORPUS)' \
		--program '$(OUTPUT)/$(ENGINE)-fuzz-$(CONFIGS)/fuzz/fuzz' \
		--work '$(OUTPUT)/fuzz' --seconds $(FUZZ_SECONDS) \
		$(if $(SEED),--seed $(SEED)) $(if $(filter fuzz-corpus,$@),--keep)

fuzz-program:
	$(LOCKED)

run-fuzz-program: $(O)/fuzz/fuzz
	@:

# Check that each known defect has a test that fails: see the file ledger
.PHONY: check-ledger
check-ledger:
	$(Q)python3 -B $(HERE)/ledger.py --engine '$(ENGINE_SRC)' \
		--work '$(OUTPUT)/ledger' --prefix '$(WITH)' BASE_SRC='$(BASE_SRC)'

# Check each barrier with the kernel's memory model, because tests that run cannot do it
# on x86
.PHONY: check-litmus
check-litmus:
	$(Q)$(LITMUS)

# One program of a variant, for mutants.py; no lock, because no other run builds there
mutant-test_basic mutant-oracle mutant-stress: mutant-%: $(O)/%

mutant-count:
	+$(Q)$(MAKE) --no-print-directory -C $(HERE) SAN=count mutant-count-itself

.PHONY: mutant-count-itself
mutant-count-itself: $(O)/count/count

# Scaling, measured without a clock: see count/count.h
.PHONY: count count-build run-count-build
count:
	+$(Q)$(MAKE) --no-print-directory -C $(HERE) SAN=count count-build
	$(Q)$(COUNT) -j $(JOBS) -v $(TEST)

count-build cpus-build:
	$(LOCKED)

run-count-build: $(O)/count/count
	@:

run-cpus-build: $(O)/count/cpus
	@:

# One load on both engines, on 1 to 512 CPUs; some minutes with callgrind
.PHONY: count-cpus cpus-build run-cpus-build
CPUS_MAKE = $(MAKE) --no-print-directory -f $(HERE)/Makefile DYNAMIC=y DEBUGFS=y RESTRICTED=y BASE_SRC='$(BASE_SRC)'
count-cpus:
	$(if $(HAVE_BASE),,$(error the table compares with the base, where scripts/base.sh is))
	+$(Q)for how in SAN=count BENCH=nocopy; do \
		$(CPUS_MAKE) ENGINE=base ENGINE_SRC='$(BASE_SRC)' $$how cpus-build && \
		$(CPUS_MAKE) ENGINE=ours $$how cpus-build || exit 1; \
	done
	$(Q)python3 -B $(HERE)/count/cpus.py --programs '$(OUTPUT)'

basic: $(O)/test_basic
	$(Q)$(O)/test_basic -j $(JOBS) $(if $(filter 1,$(V)),-v) \
		$(if $(filter y,$(FIXED)),-d) $(TEST)

# Print figures of a thousand cycles of growing and freeing, as lines of
# "# giveback: name=number"
giveback: $(O)/test_basic
	$(Q)$(O)/test_basic -v thousand_cycles

# Write the memory that confidential guests share, with both engines, to results/guests.csv
GUESTS := $(TOP)/results/guests.csv
guests:
	$(Q)mkdir -p $(dir $(GUESTS)) && \
	echo "engine,guest GiB,MiB at boot,MiB under load,MiB 60 s later,maps failed" > $(GUESTS)
	$(Q)for engine in base ours; do \
		$(MAKE) --no-print-directory -C $(HERE) ENGINE=$$engine guest-lines || exit 1; \
	done
	$(Q)cat $(GUESTS)

guest-lines: $(O)/test_basic
	$(Q)$(O)/test_basic -v guest_shares_little | \
		sed -n 's/^# guest: /$(ENGINE),/p' >> $(GUESTS)

stress: $(O)/stress
	$(Q)SECONDS_EACH=$(SECONDS_EACH) $(O)/stress -j 1 -v $(TEST)

oracle: $(O)/oracle
	$(Q)$(O)/oracle -n $(OPS) -j $(JOBS) $(if $(FAMILY),-f $(FAMILY)) \
		$(if $(SEED),-r $(SEED))

help:
	@echo 'Tests:'
	@echo '  check          build and run the quick set, in less than half a minute each'
	@echo '  check-long     the same with $(OPS_LONG) operations of the oracle, a minute a'
	@echo '                 stress: about a quarter of an hour; SEED=n'
	@echo '  count          locks and cache lines of up to 512 CPUs: the table'
	@echo '  count-cpus     the same of one load, of the base and ours, and instructions'
	@echo '  check-asan     with AddressSanitizer and UndefinedBehaviorSanitizer'
	@echo '  check-tsan     with ThreadSanitizer'
	@echo '  check-fuzz     libFuzzer on the oracle; SECONDS=n (60), fuzz-corpus keeps inputs'
	@echo '  check-ledger   each known defect: its test fails where the defect is'
	@echo '  check-mutants  plant faults in a copy of the engine: each must be found;'
	@echo '                 MUTANT=regexp: those of that name'
	@echo '  check-litmus   barriers of the engine, by the memory model of the kernel'
	@echo '  check-coverage lines and branches of the engine that the tests run, by gcov'
	@echo '  check-configs  with each of DYNAMIC, DEBUGFS and RESTRICTED y and n'
	@echo 'Measure:'
	@echo '  guests         what confidential guests share at boot, under load and later: a csv'
	@echo '  bench          base and ours in turn, all rows; ROWS=text runs some'
	@echo '  bench-program  one engine, BENCH=copy or nocopy: lines of what was timed'
	@echo '  bench-profile  what is in the rows that miss their limit (needs valgrind)'
	@echo '  bench-hog      maps of two devices beside a disk that fills all pools'
	@echo '  check-bench    every row for an instant: is any missing?'
	@echo 'One program:'
	@echo '  basic          the named tests; TEST="words" runs those that contain one'
	@echo '                 FIXED=y: a defect of the base that its test knows is "not ok",'
	@echo '                 and "ok" once it is fixed'
	@echo '  giveback       a thousand cycles of growing and giving back: what is left'
	@echo '  oracle         random sequences; SEED=n FAMILY=f OPS=n replays one case'
	@echo '  stress         threads; SECONDS_EACH=n'
	@echo 'Variables:'
	@echo '  ENGINE=base    the base kernel'\''s swiotlb.c instead of ours'
	@echo '  ENGINE_SRC=    tree that the engine is taken from'
	@echo '  BASE_SRC=      unpacked Linux 7.3 tree'
	@echo '  DYNAMIC= DEBUGFS= RESTRICTED=   configuration, y (default) or n'
	@echo '  PAGE_SHIFT=    12 (default), 14 or 16: pages of 4, 16 or 64 KiB'
	@echo '  BITS=          64 (default) or 32: i386 with PAE (needs gcc-i686-linux-gnu)'
	@echo '  SAN=           none (default), address, thread, coverage'
	@echo '  CC=clang       another compiler'
	@echo '  V=1            show commands, the kernel log and what tests print'
