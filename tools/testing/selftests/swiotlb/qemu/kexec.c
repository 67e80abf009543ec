// SPDX-License-Identifier: GPL-2.0-only
/*
 * Load a kernel, and start it:
 *
 *	kexec KERNEL INITRD COMMAND_LINE	now, after a shutdown of all devices
 *	kexec -p KERNEL INITRD COMMAND_LINE	when this kernel crashes
 *
 * "kexec -s" does the same, but its package, kexec-tools, changes how a host reboots.
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int open_image(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die(path);
	return fd;
}

int main(int argc, char **argv)
{
	int crash = argc > 1 && !strcmp(argv[1], "-p");

	argv += crash;
	if (argc != 4 + crash) {
		fprintf(stderr, "usage: kexec [-p] KERNEL INITRD COMMAND_LINE\n");
		return 2;
	}
	if (syscall(SYS_kexec_file_load, open_image(argv[1]), open_image(argv[2]),
		    strlen(argv[3]) + 1, argv[3], crash ? KEXEC_FILE_ON_CRASH : 0))
		die("kexec_file_load");
	if (crash)
		return 0;
	sync();
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
		LINUX_REBOOT_CMD_KEXEC, NULL);
	die("reboot");
}
