// SPDX-License-Identifier: GPL-2.0-only
/*
 * Replay a corpus file: a line of hexadecimal digits for each input, and comments. The
 * whole file is one test.
 */
#include "input.h"

/* Returns the number of bytes, 0 if the line is not an input */
static size_t decode(const char *line, u8 *data)
{
	unsigned int byte;
	size_t n;

	for (n = 0; n < FUZZ_MAX_BYTES && sscanf(line + 2 * n, "%2x", &byte) == 1; n++)
		data[n] = byte;
	return n;
}

int main(int argc, char **argv)
{
	static char line[2 * FUZZ_MAX_BYTES + 2];
	static u8 data[FUZZ_MAX_BYTES];
	unsigned int nr = 0, failed = 0, at = 0;
	FILE *f = argc == 2 ? fopen(argv[1], "r") : NULL;
	size_t n;

	if (!f) {
		fprintf(stderr, "usage: %s <corpus>\n", argv[0]);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	shim_init();
	printf("KTAP version 1\n1..1\n");
	while (fgets(line, sizeof(line), f)) {
		at++;
		n = *line == '#' ? 0 : decode(line, data);
		if (!n)
			continue;
		nr++;
		if (fuzz_run(data, n, NULL)) {
			printf("# line %u of %s fails\n", at, argv[1]);
			failed++;
		}
	}
	printf("# %u inputs, %u fail\n", nr, failed);
	printf("%sok 1 fuzz_corpus\n", failed || !nr ? "not " : "");
	return failed || !nr;
}
