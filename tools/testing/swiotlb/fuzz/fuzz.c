// SPDX-License-Identifier: GPL-2.0-only
/*
 * The libFuzzer target. Each input boots a separate engine in a child; the edge counters of
 * the child are copied to this process, where libFuzzer reads them.
 */
#include <sys/mman.h>
#include "input.h"

extern u8 __start___sancov_cntrs[], __stop___sancov_cntrs[];
static u8 *counted;

static size_t ncounters(void)
{
	return __stop___sancov_cntrs - __start___sancov_cntrs;
}

static void carry_over(void)
{
	memcpy(counted, __start___sancov_cntrs, ncounters());
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	counted = mmap(NULL, ncounters(), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	BUG_ON(counted == MAP_FAILED);
	shim_init();
	return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	memset(counted, 0, ncounters());
	if (fuzz_run(data, size, carry_over))
		abort();
	memcpy(__start___sancov_cntrs, counted, ncounters());
	return 0;
}
