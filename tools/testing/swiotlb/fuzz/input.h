/* SPDX-License-Identifier: GPL-2.0-only */
/* Bytes as a case of the oracle and its operations. */
#ifndef SWIOTLB_FUZZ_INPUT_H
#define SWIOTLB_FUZZ_INPUT_H

#include "oracle.h"

/* Inputs that are longer are cut off */
#define FUZZ_MAX_BYTES 4096

/*
 * One boot of the engine, in a process of its own. @at_end is called in it when all
 * is done. Returns the status of that process, 0 if the oracle has found nothing.
 */
int fuzz_run(const u8 *data, size_t size, void (*at_end)(void));

#endif
