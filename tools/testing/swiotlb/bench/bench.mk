# SPDX-License-Identifier: GPL-2.0-only
#
# The benchmark variant: the lean form of the shim, with code generation as in the kernel.
# There are two programs per engine: with the copies of the engine, and without.

BENCH_C := main timing load pairs flight mixed pools threads meta parts failing pinned hog

ifneq ($(BENCH),)
  ifneq ($(filter-out copy nocopy,$(BENCH)),)
    $(error BENCH is "$(BENCH)": it may be copy or nocopy)
  endif
  ifneq ($(SAN),none)
    $(error a sanitizer would be measured, too: BENCH takes SAN=none)
  endif
  # As on x86-64 without PIE: a thread-local variable is one load from %fs, and pushes of
  # the irq macros do not overwrite a red zone
  BENCH_CFLAGS := -DSHIM_BENCH=1 -fno-pie -ftls-model=local-exec -mno-red-zone \
	$(if $(filter nocopy,$(BENCH)),-DSHIM_NO_COPY=1)
  BENCH_LDFLAGS := -no-pie
  # The flags of the kernel that affect code. __NO_INLINE__ hides an inline function of
  # glibc that uses a double: these flags leave no register for it
  BENCH_KERNEL_CFLAGS := -mno-mmx -mno-sse -mno-sse2 -mno-3dnow -mno-avx -mno-80387 \
	-D__NO_INLINE__ -fno-common -funsigned-char -fno-jump-tables \
	-fcf-protection=branch -fno-asynchronous-unwind-tables \
	-fno-delete-null-pointer-checks -fno-allow-store-data-races \
	-fno-strict-overflow -fno-stack-check -fconserve-stack -fno-stack-protector \
	-fno-optimize-sibling-calls -falign-functions=16 -mskip-rax-setup -mtune=generic
  BENCH_ENGINE_CFLAGS := -DSHIM_ENGINE=1
endif

# Run only rows with this string in their names
ROWS ?=
BENCH_PY := $(HERE)/bench/bench.py
# Without a base to compare with, the bench cannot run
HAVE_BASE := $(wildcard $(TOP)/scripts/swbench)
BENCH_MAKE = $(MAKE) --no-print-directory -f $(HERE)/Makefile SAN=none \
	DYNAMIC=y DEBUGFS=y RESTRICTED=y BASE_SRC='$(BASE_SRC)'

.PHONY: bench bench-profile bench-programs bench-without bench-hog check-bench run-bench-program
bench: bench-programs
	$(Q)python3 -B $(BENCH_PY) --programs '$(OUTPUT)' $(if $(ROWS),--rows '$(ROWS)')

bench-programs:
	$(if $(HAVE_BASE),,$(error the table compares with the base, where \
	scripts/base.sh is; make bench-program BENCH=nocopy is this engine alone))
	+$(Q)for copy in copy nocopy; do \
		$(BENCH_MAKE) ENGINE=base ENGINE_SRC='$(BASE_SRC)' BENCH=$$copy \
			bench-program && \
		$(BENCH_MAKE) ENGINE=ours BENCH=$$copy bench-program || exit 1; \
	done

bench-program:
	$(LOCKED)

run-bench-program: $(O)/bench/bench
	@:

# Profile the rows that miss their limit
bench-profile: bench-programs
	$(Q)python3 -B $(HERE)/bench/profile.py --programs '$(OUTPUT)' $(if $(ROWS),--rows '$(ROWS)')

# The gain from each mechanism; takes about two minutes
bench-without:
	$(Q)python3 -B $(HERE)/bench/without.py --engine '$(ENGINE_SRC)' --base '$(BASE_SRC)' \
		--work '$(OUTPUT)/without'

# Maps beside a disk that fills all pools; takes about three minutes
bench-hog: bench-programs
	$(Q)python3 -B $(HERE)/bench/hog.py --programs '$(OUTPUT)'

# All rows of both engines, each only for an instant: nothing may be missing
check-bench: bench-programs
	$(Q)python3 -B $(BENCH_PY) --programs '$(OUTPUT)' --check
	$(Q)python3 -B $(HERE)/bench/hog.py --programs '$(OUTPUT)' --check
