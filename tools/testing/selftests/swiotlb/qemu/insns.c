// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plugin of QEMU's TCG that counts the instructions that a guest executes, CPU by
 * CPU, in a file that others can read meanwhile: counts=PATH. Time on a host that others
 * use comes and goes; this does not.
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

/* A cache line a CPU: each is written by the thread of that CPU alone. */
static struct {
	unsigned long long insns;
	unsigned long long pad[7];
} *counts;

static void executed(unsigned int vcpu, void *data)
{
	counts[vcpu % MAX_CPUS].insns += (uintptr_t)data;
}

static void translated(unsigned long long id, struct qemu_plugin_tb *tb)
{
	qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, QEMU_PLUGIN_CB_NO_REGS,
					     (void *)(uintptr_t)qemu_plugin_tb_n_insns(tb));
}

__attribute__((visibility("default")))
int qemu_plugin_install(unsigned long long id, const struct qemu_info *info,
			int argc, char **argv)
{
	size_t bytes = MAX_CPUS * sizeof(*counts);
	int fd;

	if (argc != 1 || strncmp(argv[0], "counts=", 7)) {
		fprintf(stderr, "insns: wants counts=PATH\n");
		return -1;
	}
	fd = open(argv[0] + 7, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, bytes)) {
		perror(argv[0] + 7);
		return -1;
	}
	counts = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (counts == MAP_FAILED) {
		perror(argv[0] + 7);
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
