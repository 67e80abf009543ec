// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plugin for QEMU's TCG that counts the instructions that a guest executes, by CPU and
 * by the kernel address at which their block begins, in a file that other processes can
 * read meanwhile: counts=PATH. Unlike time, the count does not depend on the load of the
 * host.
 *
 * The file has PLACES addresses, rounded down to a multiple of 16, then as many counters
 * for each CPU. The first place, without an address, is for user space, the second for
 * blocks that found no free place.
 */

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "insns.h"

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

#define MAX_CPUS	64
#define PLACES_SHIFT	18	/* log2 of PLACES */
#define PLACES		((uint64_t)1 << PLACES_SHIFT)
#define TRIES		64
#define USER		0
#define NOWHERE		1

/* Up to MAX_CPUS CPUs, only the thread of a CPU writes its counters. */
static struct {
	uint64_t addresses[PLACES];
	uint64_t insns[MAX_CPUS][PLACES];
} *counts;

/*
 * A block of code as one word: its place and its number of instructions. A block does not
 * cross a page.
 */
#define BLOCK(place, insns)	((void *)(uintptr_t)((place) << 16 | (insns)))
#define PLACE(block)		((uintptr_t)(block) >> 16)
#define INSNS(block)		((uintptr_t)(block) & 0xffff)

/* Threads translate concurrently, so a free place is claimed atomically. */
static uint64_t place_of(uint64_t address)
{
	uint64_t at, there, i;

	if (!(address >> 63))
		return USER;
	address &= ~15ull;
	at = (address >> 4) * 0x9e3779b97f4a7c15 >> (64 - PLACES_SHIFT);
	for (i = 0; i < TRIES; i++, at = (at + 1) % PLACES) {
		if (at <= NOWHERE)
			continue;
		there = 0;
		if (__atomic_compare_exchange_n(&counts->addresses[at], &there, address, 0,
						__ATOMIC_RELAXED, __ATOMIC_RELAXED) ||
		    there == address)
			return at;
	}
	return NOWHERE;
}

static void executed(unsigned int vcpu, void *block)
{
	counts->insns[vcpu % MAX_CPUS][PLACE(block)] += INSNS(block);
}

static void translated(unsigned long long id, struct qemu_plugin_tb *tb)
{
	uint64_t place = place_of(qemu_plugin_tb_vaddr(tb));

	qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, QEMU_PLUGIN_CB_NO_REGS,
					     BLOCK(place, qemu_plugin_tb_n_insns(tb)));
}

__attribute__((visibility("default")))
int qemu_plugin_install(unsigned long long id, const struct qemu_info *info,
			int argc, char **argv)
{
	int fd;

	if (argc != 1 || strncmp(argv[0], "counts=", 7)) {
		fprintf(stderr, "insns: wants counts=PATH\n");
		return -1;
	}
	fd = open(argv[0] + 7, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(*counts))) {
		perror(argv[0] + 7);
		return -1;
	}
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (counts == MAP_FAILED) {
		perror(argv[0] + 7);
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
