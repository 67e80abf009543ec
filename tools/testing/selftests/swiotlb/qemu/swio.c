// SPDX-License-Identifier: GPL-2.0-only
/*
 * Direct I/O on a block device from several threads; every sector is verified.
 *
 *	swio [-e] [-b BYTES] [-j THREADS] [-m MIB] [-n OPERATIONS] [-s SEED]
 *	     [-t SECONDS] DEVICE
 *
 * Each thread uses MIB of the device exclusively. It writes and reads at any sector, up
 * to BYTES at once, from buffers at any multiple of 4 bytes that the device accepts. A
 * sector contains its number and how often it was written; the rest of its content is
 * computed from these two.
 *
 * With -e a read or write may fail with an error that a disk driver may return. After a
 * failed write, a sector must have either its old or its new content. Without -e, any
 * failure ends the program.
 *
 * Prints NAME=value lines. Exit status: 0, or 1 if there was an error.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECTOR		512
#define WORDS		(SECTOR / sizeof(uint64_t))
#define MAX_THREADS	64

/* The number of the last write known to have succeeded, and of the last one tried. */
struct written {
	uint32_t sure;
	uint32_t tried;
};

struct worker {
	pthread_t thread;
	uint64_t random;
	uint64_t first;
	struct written *sectors;
	char *buffer;
	unsigned long reads, writes, failed_reads, failed_writes;
};

static struct {
	const char *device;
	int fd;
	bool errors;
	unsigned int threads;
	unsigned long mib, max_bytes, operations, seconds, alignment, page;
	uint64_t seed;
} opt = {
	.threads = 8, .mib = 2, .max_bytes = 1 << 20, .operations = 200,
	.alignment = SECTOR, .seed = 1,
};

/* Set on an error: all threads stop. */
static atomic_bool wrong;
static struct timespec deadline;

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

static uint64_t below(struct worker *w, uint64_t limit)
{
	w->random = mix(w->random);
	return w->random % limit;
}

static void fill(uint64_t *words, uint64_t sector, uint64_t version)
{
	uint64_t value = mix(opt.seed ^ mix(sector) ^ (version << 32));
	unsigned int i;

	words[0] = sector;
	words[1] = version;
	for (i = 2; i < WORDS; i++)
		words[i] = value += 0x9e3779b97f4a7c15;
}

static void report(const char *what, uint64_t sector, const uint64_t *found,
		   const struct written *s)
{
	wrong = true;
	printf("error=%s: sector %llu written %u to %u times, found sector %llu written %llu times\n",
	       what, (unsigned long long)sector, s->sure, s->tried,
	       (unsigned long long)found[0], (unsigned long long)found[1]);
}

static void check(uint64_t *words, uint64_t sector, struct written *s)
{
	uint64_t expected[WORDS];
	uint64_t version = words[1];

	/* The content before the first write is unknown. */
	if (!s->sure)
		return;
	if (version < s->sure || version > s->tried) {
		report("old or foreign data", sector, words, s);
		return;
	}
	fill(expected, sector, version);
	if (memcmp(words, expected, SECTOR)) {
		report("damaged data", sector, words, s);
		return;
	}
	s->sure = version;
	s->tried = version;
}

/* Check for an error that a driver may return when it has no memory for a request. */
static void check_errno(const char *what, int err)
{
	if (opt.errors && (err == EIO || err == ENOMEM || err == EAGAIN))
		return;
	wrong = true;
	printf("error=%s: %s\n", what, strerror(err));
}

static void write_sectors(struct worker *w, char *buffer, uint64_t at, uint64_t n)
{
	struct written *s = w->sectors + at;
	ssize_t done;
	uint64_t i;

	for (i = 0; i < n; i++)
		fill((uint64_t *)(buffer + i * SECTOR), w->first + at + i,
		     ++s[i].tried);
	done = pwrite(opt.fd, buffer, n * SECTOR, (w->first + at) * SECTOR);
	if (done < 0)
		check_errno("write", errno);
	else if (done < n * SECTOR && !opt.errors)
		check_errno("short write", EIO);
	w->writes++;
	w->failed_writes += done < (ssize_t)(n * SECTOR);
	for (i = 0; done > 0 && i < done / SECTOR; i++)
		s[i].sure = s[i].tried;
}

static void read_sectors(struct worker *w, char *buffer, uint64_t at, uint64_t n)
{
	ssize_t done;
	uint64_t i;

	/* Sectors that are not read fail the check. */
	memset(buffer, 0xa5, n * SECTOR);
	done = pread(opt.fd, buffer, n * SECTOR, (w->first + at) * SECTOR);
	if (done < 0)
		check_errno("read", errno);
	else if (done < n * SECTOR && !opt.errors)
		check_errno("short read", EIO);
	w->reads++;
	w->failed_reads += done < (ssize_t)(n * SECTOR);
	for (i = 0; done > 0 && i < done / SECTOR; i++)
		check((uint64_t *)(buffer + i * SECTOR), w->first + at + i,
		      w->sectors + at + i);
}

static bool time_is_up(void)
{
	struct timespec now;

	if (!opt.seconds)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > deadline.tv_sec ||
	       (now.tv_sec == deadline.tv_sec && now.tv_nsec >= deadline.tv_nsec);
}

/* Draw the exponent of the size first, so that small sizes are as frequent as large ones. */
static void operate(struct worker *w)
{
	uint64_t total = (opt.mib << 20) / SECTOR;
	uint64_t most = opt.max_bytes / SECTOR, n, at;
	char *buffer = w->buffer + below(w, opt.page / opt.alignment) * opt.alignment;

	do
		n = 1 + below(w, 1ULL << below(w, 12));
	while (n > most || n > total);
	at = below(w, total - n + 1);
	if (below(w, 2))
		write_sectors(w, buffer, at, n);
	else
		read_sectors(w, buffer, at, n);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	uint64_t total = (opt.mib << 20) / SECTOR, n = opt.max_bytes / SECTOR, at;
	unsigned long i;

	for (i = 0; !wrong && !time_is_up(); i++) {
		if (!opt.seconds && i >= opt.operations)
			break;
		operate(w);
	}
	for (at = 0; !wrong && at < total; at += n)
		read_sectors(w, w->buffer, at, n < total - at ? n : total - at);
	return NULL;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void start(struct worker *w, unsigned int number)
{
	w->random = mix(opt.seed * MAX_THREADS + number);
	w->first = (uint64_t)number * (opt.mib << 20) / SECTOR;
	w->sectors = calloc((opt.mib << 20) / SECTOR, sizeof(*w->sectors));
	if (!w->sectors || posix_memalign((void **)&w->buffer, opt.page, opt.max_bytes + opt.page))
		die("memory");
	memset(w->buffer, 0, opt.max_bytes + opt.page);
	if (pthread_create(&w->thread, NULL, work, w))
		die("thread");
}

/* Read the alignment that the device requires for buffers, from sysfs. */
static void read_alignment(void)
{
	const char *name = strrchr(opt.device, '/');
	char path[128];
	unsigned long mask;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/block/%s/queue/dma_alignment",
		 name ? name + 1 : opt.device);
	f = fopen(path, "r");
	if (f && fscanf(f, "%lu", &mask) == 1 && mask < opt.page)
		opt.alignment = mask + 1 < 4 ? 4 : mask + 1;
	if (f)
		fclose(f);
}

static void usage(void)
{
	fprintf(stderr, "usage: swio [-e] [-b BYTES] [-j THREADS] [-m MIB] [-n OPERATIONS]\n"
		"            [-s SEED] [-t SECONDS] DEVICE\n");
	exit(2);
}

static void parse(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "eb:j:m:n:s:t:")) != -1) {
		unsigned long value = optarg ? strtoul(optarg, NULL, 0) : 0;

		switch (c) {
		case 'e':
			opt.errors = true;
			break;
		case 'b':
			opt.max_bytes = value / SECTOR * SECTOR;
			break;
		case 'j':
			opt.threads = value;
			break;
		case 'm':
			opt.mib = value;
			break;
		case 'n':
			opt.operations = value;
			break;
		case 's':
			opt.seed = value;
			break;
		case 't':
			opt.seconds = value;
			break;
		default:
			usage();
		}
	}
	if (optind != argc - 1 || !opt.threads || opt.threads > MAX_THREADS ||
	    !opt.mib || !opt.max_bytes)
		usage();
	opt.device = argv[optind];
}

int main(int argc, char **argv)
{
	static struct worker workers[MAX_THREADS];
	struct worker sum = {};
	unsigned int i;

	parse(argc, argv);
	opt.page = sysconf(_SC_PAGESIZE);
	read_alignment();
	opt.fd = open(opt.device, O_RDWR | O_DIRECT);
	if (opt.fd < 0)
		die(opt.device);
	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += opt.seconds;

	for (i = 0; i < opt.threads; i++)
		start(workers + i, i);
	for (i = 0; i < opt.threads; i++) {
		pthread_join(workers[i].thread, NULL);
		sum.reads += workers[i].reads;
		sum.writes += workers[i].writes;
		sum.failed_reads += workers[i].failed_reads;
		sum.failed_writes += workers[i].failed_writes;
	}
	printf("reads=%lu\nwrites=%lu\nfailed_reads=%lu\nfailed_writes=%lu\n",
	       sum.reads, sum.writes, sum.failed_reads, sum.failed_writes);
	return wrong;
}
