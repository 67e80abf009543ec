// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first byte is the family, all others are a tape: the oracle reads its choices from
 * the tape, not from a random number generator. Two bytes are a choice, so changing one byte
 * changes one choice and possibly those after it.
 */
#include <sys/wait.h>
#include <unistd.h>
#include "input.h"

/* Minimum number of bytes for an operation */
#define BYTES_PER_OP 20

static void run(const u8 *data, size_t size)
{
	static struct op ops[FUZZ_MAX_BYTES / BYTES_PER_OP + 1];
	struct rng tape = { .tape = data + 1, .left = size - 1 };
	unsigned int i, n;
	struct oracle_case c;

	oracle_draw_case(&c, data[0] % ORACLE_NFAMILIES, &tape);
	n = tape.left / BYTES_PER_OP;
	oracle_draw_ops(&c, ops, n, &tape);
	oracle_begin(&c);
	for (i = 0; i < n && !check_failures(); i++)
		oracle_step(&ops[i]);
	if (!check_failures()) {
		oracle_end();
		return;
	}
	printf("# %s\n", c.describe);
	for (n = 0; n < i; n++)
		oracle_print_op(&ops[n]);
}

int fuzz_run(const u8 *data, size_t size, void (*at_end)(void))
{
	int status;
	pid_t pid;

	if (!size || !oracle_has_family(data[0] % ORACLE_NFAMILIES))
		return 0;
	fflush(stdout);
	pid = fork();
	BUG_ON(pid < 0);
	if (!pid) {
		alarm(300);
		run(data, min_t(size_t, size, FUZZ_MAX_BYTES));
		if (at_end)
			at_end();
		end_process(check_failures() != 0);
	}
	BUG_ON(waitpid(pid, &status, 0) != pid);
	if (status)
		printf("# the child ends with status 0x%x\n", status);
	fflush(stdout);
	return status;
}
