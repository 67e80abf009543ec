// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compare the data that a CPU writes to a dma-buf with the data that a device reads from it.
 *
 *	dmabuf [-n FRAMES] EXPORTER:MIB:MODE...
 *
 * EXPORTER is heap, the system heap, or udmabuf-PAGES: a memfd in which runs of at most PAGES
 * pages are contiguous. The device is dmabuf_reader, with a DMA mask of 30 bits; swiotlb
 * must bounce all of the buffer. The CPU writes FRAMES frames, which differ in all words, and
 * the device must see each byte as expected. MODE is
 *
 *	kept	the device imports the buffer once; the CPU writes each frame between
 *		begin_cpu_access and end_cpu_access, as DMA_BUF_IOCTL_SYNC calls them
 *	again	the same, but the device imports the buffer again after each frame
 *	part	the CPU writes each frame without the exporter, and the driver of the
 *		device syncs a part of it: the device must see this part, and old bytes
 *		around it
 *
 * Prints KTAP, a line per case. Exit status: 0, or 1 if a case failed.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>

#define PAGE		4096UL
#define REACH_BITS	30
/* Parts are up to this long, so that they cross borders of chunks. */
#define MOST_PART	(4UL << 20)

/* The interface of drivers/dma-buf/dmabuf-reader.c */
struct dmabuf_reader_info {
	uint64_t bytes;
	uint64_t bounced;
	uint64_t last;
	uint32_t chunks;
	uint32_t largest;
};

struct dmabuf_reader_part {
	uint64_t offset;
	uint64_t bytes;
};

#define DMABUF_READER_IMPORT	_IOW('r', 0, int32_t)
#define DMABUF_READER_INFO	_IOR('r', 1, struct dmabuf_reader_info)
#define DMABUF_READER_SYNC	_IOW('r', 2, struct dmabuf_reader_part)
#define DMABUF_READER_RELEASE	_IO('r', 3)

struct buffer {
	size_t bytes;
	int fd;
	char *cpu;		/* the buffer, mapped by the CPU */
	char *expected;		/* what the device should see */
	char *seen;		/* what it sees */
};

static unsigned int frames = 60;
static int reader;

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

static void fill(char *data, size_t bytes, unsigned int frame)
{
	uint64_t *words = (uint64_t *)data;
	size_t i;

	for (i = 0; i < bytes / sizeof(*words); i++)
		words[i] = mix(((uint64_t)frame << 32) + i);
}

/* Print the reason why a case failed. */
static bool wrong(const char *what, unsigned int frame)
{
	printf("# frame %u: %s: %s\n", frame, what, strerror(errno));
	return false;
}

static int heap_buffer(size_t bytes)
{
	struct dma_heap_allocation_data data = { .len = bytes, .fd_flags = O_RDWR | O_CLOEXEC };
	int heap = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);
	int err = heap < 0 ? heap : ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data);

	if (heap >= 0)
		close(heap);
	return err ? -1 : (int)data.fd;
}

/*
 * Allocate the memory of a memfd. Pages that are allocated one after the other are often
 * contiguous, so begin each run of @pages far from the end of the run before.
 */
static bool scatter(int memfd, size_t bytes, unsigned long pages)
{
	unsigned long runs = bytes / PAGE / pages, i, page;
	const unsigned long step = 37;

	if (!pages || runs * pages * PAGE != bytes || runs % step == 0)
		return false;
	for (i = 0; i < runs; i++) {
		for (page = 0; page < pages; page++) {
			off_t at = (i * step % runs * pages + page) * PAGE;

			if (pwrite(memfd, "", 1, at) != 1)
				return false;
		}
	}
	return true;
}

static int udmabuf_buffer(size_t bytes, unsigned long pages)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = bytes };
	int memfd = memfd_create("frame", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	int udmabuf = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), fd = -1;

	create.memfd = memfd;
	if (memfd >= 0 && udmabuf >= 0 && !ftruncate(memfd, bytes) &&
	    scatter(memfd, bytes, pages) && !fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		fd = ioctl(udmabuf, UDMABUF_CREATE, &create);
	if (memfd >= 0)
		close(memfd);
	if (udmabuf >= 0)
		close(udmabuf);
	return fd;
}

static bool buffer_create(struct buffer *buffer, const char *exporter)
{
	unsigned int pages;

	if (!strcmp(exporter, "heap"))
		buffer->fd = heap_buffer(buffer->bytes);
	else if (sscanf(exporter, "udmabuf-%u", &pages) == 1)
		buffer->fd = udmabuf_buffer(buffer->bytes, pages);
	else
		return false;
	if (buffer->fd < 0)
		return wrong("no dma-buf", 0);
	buffer->cpu = mmap(NULL, buffer->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, buffer->fd, 0);
	buffer->expected = malloc(buffer->bytes);
	buffer->seen = malloc(buffer->bytes);
	if (buffer->cpu == MAP_FAILED || !buffer->expected || !buffer->seen)
		return wrong("no memory", 0);
	return true;
}

static void buffer_free(struct buffer *buffer)
{
	if (buffer->cpu && buffer->cpu != MAP_FAILED)
		munmap(buffer->cpu, buffer->bytes);
	if (buffer->fd >= 0)
		close(buffer->fd);
	free(buffer->expected);
	free(buffer->seen);
}

static bool sync_cpu(const struct buffer *buffer, uint64_t flags, unsigned int frame)
{
	struct dma_buf_sync sync = { .flags = flags | DMA_BUF_SYNC_WRITE };

	return !ioctl(buffer->fd, DMA_BUF_IOCTL_SYNC, &sync) || wrong("sync for the CPU", frame);
}

/* Write a frame as a user of the dma-buf must. */
static bool draw(struct buffer *buffer, unsigned int frame)
{
	if (!sync_cpu(buffer, DMA_BUF_SYNC_START, frame))
		return false;
	fill(buffer->cpu, buffer->bytes, frame);
	fill(buffer->expected, buffer->bytes, frame);
	return sync_cpu(buffer, DMA_BUF_SYNC_END, frame);
}

/* Import the buffer, and check that all of it is bounced, in reach of the device. */
static bool import(const struct buffer *buffer, unsigned int frame)
{
	struct dmabuf_reader_info info;
	int32_t fd = buffer->fd;

	if (ioctl(reader, DMABUF_READER_IMPORT, &fd) || ioctl(reader, DMABUF_READER_INFO, &info))
		return wrong("import", frame);
	if (frame <= 1)
		printf("# %u chunks of up to %u KiB, %llu of %zu KiB bounced, last address 0x%llx\n",
		       info.chunks, info.largest >> 10, (unsigned long long)info.bounced >> 10,
		       buffer->bytes >> 10, (unsigned long long)info.last);
	errno = 0;
	if (info.bytes != buffer->bytes)
		return wrong("not all is mapped", frame);
	if (info.bounced != info.bytes)
		return wrong("not all is bounced", frame);
	if (info.last >> REACH_BITS)
		return wrong("out of reach", frame);
	return true;
}

/* Compare all data that the device sees. */
static bool look(const struct buffer *buffer, unsigned int frame)
{
	size_t i, first = buffer->bytes, bytes = 0;

	memset(buffer->seen, 0, buffer->bytes);
	if (pread(reader, buffer->seen, buffer->bytes, 0) != (ssize_t)buffer->bytes)
		return wrong("read", frame);
	if (!memcmp(buffer->seen, buffer->expected, buffer->bytes))
		return true;
	for (i = 0; i < buffer->bytes; i++) {
		if (buffer->seen[i] == buffer->expected[i])
			continue;
		if (!bytes++)
			first = i;
	}
	printf("# frame %u: %zu bytes are wrong, the first at 0x%zx\n", frame, bytes, first);
	return false;
}

static bool run_kept(struct buffer *buffer)
{
	unsigned int frame;

	if (!import(buffer, 0))
		return false;
	for (frame = 1; frame <= frames; frame++) {
		if (!draw(buffer, frame) || !look(buffer, frame))
			return false;
	}
	return true;
}

static bool run_again(struct buffer *buffer)
{
	unsigned int frame;

	for (frame = 1; frame <= frames; frame++) {
		if (!draw(buffer, frame) || !import(buffer, frame) || !look(buffer, frame))
			return false;
		if (ioctl(reader, DMABUF_READER_RELEASE))
			return wrong("release", frame);
	}
	return true;
}

static bool run_part(struct buffer *buffer)
{
	unsigned int frame;

	fill(buffer->cpu, buffer->bytes, 0);
	fill(buffer->expected, buffer->bytes, 0);
	if (!import(buffer, 0) || !look(buffer, 0))
		return false;
	for (frame = 1; frame <= frames; frame++) {
		struct dmabuf_reader_part part;
		uint64_t left;

		part.offset = mix(frame) % buffer->bytes;
		left = buffer->bytes - part.offset;
		part.bytes = 1 + mix(part.offset) % (left < MOST_PART ? left : MOST_PART);
		fill(buffer->cpu, buffer->bytes, frame);
		memcpy(buffer->expected + part.offset, buffer->cpu + part.offset, part.bytes);
		if (ioctl(reader, DMABUF_READER_SYNC, &part))
			return wrong("sync of a part", frame);
		if (!look(buffer, frame))
			return false;
	}
	return true;
}

static bool run(struct buffer *buffer, const char *mode)
{
	if (!strcmp(mode, "kept"))
		return run_kept(buffer);
	if (!strcmp(mode, "again"))
		return run_again(buffer);
	return !strcmp(mode, "part") && run_part(buffer);
}

static bool run_case(const char *name)
{
	struct buffer buffer = { .fd = -1 };
	char exporter[32], mode[32];
	unsigned int mib;
	bool right = false;

	if (sscanf(name, "%31[^:]:%u:%31s", exporter, &mib, mode) != 3) {
		printf("# not EXPORTER:MIB:MODE\n");
		return false;
	}
	buffer.bytes = (size_t)mib << 20;
	reader = open("/dev/dmabuf_reader", O_RDWR | O_CLOEXEC);
	if (reader < 0)
		return wrong("no dmabuf_reader", 0);
	if (buffer_create(&buffer, exporter))
		right = run(&buffer, mode);
	/* Closing the file releases the imported buffer. */
	close(reader);
	buffer_free(&buffer);
	return right;
}

int main(int argc, char **argv)
{
	int option, i, failed = 0;

	while ((option = getopt(argc, argv, "n:")) != -1) {
		if (option != 'n')
			return 2;
		frames = strtoul(optarg, NULL, 0);
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("KTAP version 1\n1..%d\n", argc - optind);
	for (i = optind; i < argc; i++) {
		bool right = run_case(argv[i]);

		printf("%s %d %s\n", right ? "ok" : "not ok", i - optind + 1, argv[i]);
		failed += !right;
	}
	return failed ? 1 : 0;
}
