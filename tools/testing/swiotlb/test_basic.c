// SPDX-License-Identifier: GPL-2.0-only
/* The named tests; they are in tests/, by topic. */
#include "harness.h"

int main(int argc, char **argv)
{
	return harness_main(argc, argv);
}
