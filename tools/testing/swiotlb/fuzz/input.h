/* SPDX-License-Identifier: GPL-2.0-only */
/* Interpret bytes as a case of the oracle and its operations. */
#ifndef SWIOTLB_FUZZ_INPUT_H
#define SWIOTLB_FUZZ_INPUT_H

#include "oracle.h"

/* Longer inputs are truncated */
#define FUZZ_MAX_BYTES 4096

/*
 * Run an input in a child process, with one boot of the engine. The child calls @at_end
 * at the end. Returns the status of the child, 0 if the oracle has found no error.
 */
int fuzz_run(const u8 *data, size_t size, void (*at_end)(void));

#endif
