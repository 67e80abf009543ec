// SPDX-License-Identifier: GPL-2.0-only
/* Runs the named tests, which are in tests/, by topic. */
#include "harness.h"

int main(int argc, char **argv)
{
#ifdef KNOWN_FAULTS
	harness_known_faults = KNOWN_FAULTS;
#endif
	return harness_main(argc, argv);
}
