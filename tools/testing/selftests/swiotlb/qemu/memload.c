// SPDX-License-Identifier: GPL-2.0-only
/*
 * A load for instances of memcached on ports of this host: keys of 64 bytes, values of
 * 1 KiB, nine of ten requests are a get. Each instance has some connections, each with one
 * request at a time. The content of each value is checked.
 *
 *	memload fill PORT...		set all keys
 *	memload count N PORT...		N requests
 *	memload time SECONDS PORT...
 *
 * Prints "requests", "seconds" and "errors", each with a number.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS	4	/* of an instance */
#define KEYS		128	/* of an instance */
#define KEY		64
#define VALUE		1024
#define MOST		64	/* instances */
#define PATIENCE	20000	/* milliseconds without an answer */

struct connection {
	int fd;
	unsigned int key;
	unsigned int left;	/* keys to set, in a fill */
	int get;
	size_t got;
	char answer[VALUE + KEY + 64];
};

static struct connection connections[MOST * CONNECTIONS];
static unsigned int nr;
static unsigned long requests, errors, wanted = -1UL;
static int filling;
static double until;
static uint64_t state = 1;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static unsigned int below(unsigned int n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % n;
}

static void die(const char *what)
{
	fprintf(stderr, "memload: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void key_of(char *key, unsigned int nr)
{
	snprintf(key, KEY + 1, "%0*u", KEY, nr);
}

static void value_of(char *value, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < VALUE; i++)
		value[i] = 'a' + (nr + i) % 26;
}

static int connect_to(int port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

/* A get or a set fits in the socket's buffer, so one write is enough */
static void request(struct connection *c)
{
	char text[VALUE + KEY + 64], key[KEY + 1];
	int len;

	c->got = 0;
	c->get = !filling && below(10);
	c->key = filling ? c->left : below(KEYS);
	key_of(key, c->key);
	if (c->get) {
		len = sprintf(text, "get %s\r\n", key);
	} else {
		len = sprintf(text, "set %s 0 0 %d\r\n", key, VALUE);
		value_of(text + len, c->key);
		len += VALUE;
		len += sprintf(text + len, "\r\n");
	}
	if (write(c->fd, text, len) != len)
		die("write");
}

/* Write the answer to the request; returns its length */
static size_t expected(const struct connection *c, char *text)
{
	char key[KEY + 1];
	size_t len;

	if (!c->get)
		return sprintf(text, "STORED\r\n");
	key_of(key, c->key);
	len = sprintf(text, "VALUE %s 0 %d\r\n", key, VALUE);
	value_of(text + len, c->key);
	len += VALUE;
	return len + sprintf(text + len, "\r\nEND\r\n");
}

/* Returns 1 if this was the last answer of the connection */
static int answered(struct connection *c)
{
	char text[VALUE + KEY + 64];
	size_t len = expected(c, text);
	ssize_t n = read(c->fd, c->answer + c->got, sizeof(c->answer) - c->got);

	if (n <= 0) {
		errno = n ? errno : ECONNRESET;
		die("read");
	}
	c->got += n;
	if (memcmp(c->answer, text, c->got < len ? c->got : len) || c->got > len) {
		fprintf(stderr, "memload: not the answer: %.40s\n", c->answer);
		errors++;
		return 1;
	}
	if (c->got < len)
		return 0;
	requests++;
	if (filling ? !c->left-- : requests >= wanted || (until && now() >= until))
		return 1;
	request(c);
	return 0;
}

static void run(void)
{
	static struct pollfd fds[MOST * CONNECTIONS];
	unsigned int i, busy = nr;
	int n;

	for (i = 0; i < nr; i++) {
		fds[i] = (struct pollfd){ .fd = connections[i].fd, .events = POLLIN };
		request(&connections[i]);
	}
	while (busy && !errors) {
		n = poll(fds, nr, PATIENCE);
		if (!n)
			errno = ETIMEDOUT;
		if (n <= 0)
			die("no answer");
		for (i = 0; i < nr; i++) {
			if (!fds[i].revents)
				continue;
			if (answered(&connections[i])) {
				fds[i].fd = -1;
				busy--;
			}
		}
	}
}

int main(int argc, char **argv)
{
	int port = 3, i, j, each = CONNECTIONS;
	double start, seconds = 0;

	if (argc > 2 && !strcmp(argv[1], "fill")) {
		filling = 1;
		each = 1;
		port = 2;
	} else if (argc > 3 && !strcmp(argv[1], "count")) {
		wanted = strtoul(argv[2], NULL, 10);
	} else if (argc > 3 && !strcmp(argv[1], "time")) {
		seconds = strtod(argv[2], NULL);
	}
	if ((!filling && !(seconds > 0) && (!wanted || wanted == -1UL)) ||
	    argc - port < 1 || argc - port > MOST) {
		fprintf(stderr, "usage: memload fill|count N|time SECONDS PORT... (up to %d)\n",
			MOST);
		return 2;
	}
	for (i = port; i < argc; i++)
		for (j = 0; j < each; j++)
			connections[nr++] = (struct connection){
				.fd = connect_to(atoi(argv[i])), .left = KEYS - 1 };
	start = now();
	if (seconds)
		until = start + seconds;
	run();
	printf("requests %lu\nseconds %.6f\nerrors %lu\n", requests, now() - start, errors);
	return errors != 0;
}
