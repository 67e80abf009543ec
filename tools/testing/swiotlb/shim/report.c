// SPDX-License-Identifier: GPL-2.0-only
/* Shim: the kernel log, its format extensions, counted reports. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "private.h"

unsigned long shim_reports[SHIM_NKINDS];
#ifndef SHIM_BENCH
bool shim_limit_rate;
#endif
bool shim_fatal[SHIM_NKINDS];
bool shim_verbose;

static const char *const kind_name[SHIM_NKINDS] = {
	[SHIM_INFO] = "info", [SHIM_NOTE] = "warn", [SHIM_WARN] = "WARNING",
	[SHIM_BUG] = "BUG", [SHIM_MISUSE] = "MISUSE",
};

#define LOG_SIZE 65536
static char log_buf[LOG_SIZE];
static size_t log_len;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

extern unsigned char __start_shim_once[], __stop_shim_once[];
/* Makes the section exist even if there is no other "once" report */
static unsigned char once_anchor __attribute__((section("shim_once"), used));

void shim_once_reset(void)
{
	unsigned char *p;

	for (p = __start_shim_once; p < __stop_shim_once; p++)
		__atomic_store_n(p, 0, __ATOMIC_RELAXED);
}

/* Format one conversion, from its % to its last letter; @ap moves past its argument */
static int format_one(char *out, size_t size, const char **fmt, va_list *ap)
{
	const char *p = *fmt + 1;
	char spec[32];
	int star[2], nstars = 0;
	size_t n;

	while (*p && strchr("-+ #0123456789.*", *p))
		if (*p++ == '*' && nstars < 2)
			star[nstars++] = va_arg(*ap, int);
	bool ll = p[0] == 'l' && p[1] == 'l', l = p[0] == 'l' || p[0] == 'z' || p[0] == 't';

	while (*p && strchr("lhzt", *p))
		p++;
	n = p + 1 - *fmt;
	if (n >= sizeof(spec))
		n = sizeof(spec) - 1;
	memcpy(spec, *fmt, n);
	spec[n] = 0;
	*fmt = p + 1;
#define OUT(v) (nstars == 2 ? snprintf(out, size, spec, star[0], star[1], v) : \
		nstars == 1 ? snprintf(out, size, spec, star[0], v) : \
		snprintf(out, size, spec, v))
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	switch (*p) {
	case '%':
		return snprintf(out, size, "%%");
	case 's': {
		const char *s = va_arg(*ap, const char *);

		return OUT(s ? s : "(null)");
	}
	case 'p': {
		void *v = va_arg(*ap, void *);

		if (p[1] == 'a') {	/* %pa, %pap, %pad: by reference */
			*fmt += p[2] == 'p' || p[2] == 'd' ? 2 : 1;
			return snprintf(out, size, "0x%016llx", *(u64 *)v);
		}
		while (**fmt && strchr("xKesSfFBOd", **fmt) && **fmt)
			(*fmt)++;
		return snprintf(out, size, "%p", v);
	}
	case 'c':
		return OUT(va_arg(*ap, int));
	default:
		if (ll)
			return OUT(va_arg(*ap, long long));
		if (l)
			return OUT(va_arg(*ap, long));
		return OUT(va_arg(*ap, int));
	}
#pragma GCC diagnostic pop
#undef OUT
}

int shim_vformat(char *buf, size_t size, const char *fmt, va_list ap_in)
{
	size_t len = 0;
	va_list ap;

	va_copy(ap, ap_in);
	while (*fmt) {
		size_t room = len < size ? size - len : 0;

		if (*fmt == '%') {
			len += format_one(room ? buf + len : NULL, room, &fmt, &ap);
		} else {
			if (room > 1)
				buf[len] = *fmt;
			len++;
			fmt++;
		}
	}
	va_end(ap);
	if (size)
		buf[min_t(size_t, len, size - 1)] = 0;
	return len;
}

static void shim_vreport(enum shim_kind kind, const struct device *dev,
			 const char *fmt, va_list ap)
{
	char line[1024];
	size_t n;
	int at = 0;

	if (dev)
		at = snprintf(line, sizeof(line), "%s: ", dev_name(dev));
	shim_vformat(line + at, sizeof(line) - at - 1, fmt, ap);
	n = strlen(line);
	if (!n || line[n - 1] != '\n')
		strcpy(line + n, "\n");

	__atomic_fetch_add(&shim_reports[kind], 1, __ATOMIC_RELAXED);
	pthread_mutex_lock(&log_lock);
	n = strlen(line);
	if (log_len + n + 1 < LOG_SIZE) {
		memcpy(log_buf + log_len, line, n + 1);
		log_len += n;
	}
	pthread_mutex_unlock(&log_lock);
	if (shim_verbose || (kind >= SHIM_MISUSE)) {
		printf("# %s: %s", kind_name[kind], line);
		fflush(stdout);
	}
	if (shim_fatal[kind])
		abort();
}

void shim_report(enum shim_kind kind, const struct device *dev,
		 const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	shim_vreport(kind, dev, fmt, ap);
	va_end(ap);
}

bool shim_warn_if(bool cond, unsigned char *done, const struct device *dev,
		  const char *fmt, ...)
{
	va_list ap;

	if (cond && (!done || !__atomic_exchange_n(done, 1, __ATOMIC_RELAXED))) {
		va_start(ap, fmt);
		shim_vreport(SHIM_WARN, dev, fmt, ap);
		va_end(ap);
	}
	return cond;
}

void shim_bug(const char *file, int line, const char *what)
{
	shim_report(SHIM_BUG, NULL, "BUG_ON(%s) at %s:%d\n", what, file, line);
	printf("# BUG: BUG_ON(%s) at %s:%d\n", what, file, line);
	fflush(stdout);
	abort();
}

bool shim_log_has(const char *text)
{
	return shim_log_count(text) > 0;
}

unsigned int shim_log_count(const char *text)
{
	const char *p = log_buf;
	unsigned int n = 0;

	pthread_mutex_lock(&log_lock);
	while ((p = strstr(p, text))) {
		p += strlen(text);
		n++;
	}
	pthread_mutex_unlock(&log_lock);
	return n;
}

void shim_log_clear(void)
{
	pthread_mutex_lock(&log_lock);
	log_len = 0;
	log_buf[0] = 0;
	pthread_mutex_unlock(&log_lock);
}

void (*shim_on_grow)(void);

void shim_grown(void)
{
	void (*hook)(void) = shim_on_grow;

	shim_on_grow = NULL;
	if (hook)
		hook();
}
