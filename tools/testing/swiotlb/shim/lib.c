// SPDX-License-Identifier: GPL-2.0-only
/* Shim: the kernel's string and number helpers, seq_file. */
#include <stdio.h>
#include <stdlib.h>
#include "private.h"

unsigned long simple_strtoul(const char *s, char **end, unsigned int base)
{
	return simple_strtoull(s, end, base);
}

/* Unlike strtoull() of the C library, accepts no blanks and no sign */
unsigned long long simple_strtoull(const char *s, char **end, unsigned int base)
{
	char *stop = (char *)s;
	unsigned long long v = 0;

	if (isdigit(*s) || (base == 16 && strchr("abcdefABCDEF", *s) && *s))
		v = strtoull(s, &stop, base);
	if (end)
		*end = stop;
	return v;
}

unsigned long long memparse(const char *s, char **end)
{
	char *stop;
	unsigned long long v = simple_strtoull(s, &stop, 0);
	static const char suffix[] = "KMGTPE";
	const char *p = *stop ? strchr(suffix, *stop & ~0x20) : NULL;

	if (p) {
		v <<= 10 * (p - suffix + 1);
		stop++;
	}
	if (end)
		*end = stop;
	return v;
}

int kstrtoull(const char *s, unsigned int base, u64 *res)
{
	char *end;
	u64 v;

	if (!isdigit(*s))
		return -EINVAL;
	errno = 0;
	v = strtoull(s, &end, base);
	if (errno)
		return -ERANGE;
	if (*end == '\n')
		end++;
	if (*end)
		return -EINVAL;
	*res = v;
	return 0;
}

int kstrtoul(const char *s, unsigned int base, unsigned long *res)
{
	u64 v;
	int ret = kstrtoull(s, base, &v);

	if (!ret && v > ULONG_MAX)
		ret = -ERANGE;
	if (!ret)
		*res = v;
	return ret;
}

int kstrtouint(const char *s, unsigned int base, unsigned int *res)
{
	unsigned long v;
	int ret = kstrtoul(s, base, &v);

	if (!ret && v > UINT_MAX)
		ret = -ERANGE;
	if (!ret)
		*res = v;
	return ret;
}

int kstrtobool(const char *s, bool *res)
{
	if (strchr("yYtT1", *s) && *s)
		*res = true;
	else if (strchr("nNfF0", *s) && *s)
		*res = false;
	else
		return -EINVAL;
	return 0;
}

bool sysfs_streq(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (!*a && !*b) || (!*a && *b == '\n' && !b[1]) ||
	       (*a == '\n' && !a[1] && !*b);
}

int match_string(const char *const *array, size_t n, const char *string)
{
	size_t i;

	for (i = 0; i < n && array[i]; i++)
		if (!strcmp(array[i], string))
			return i;
	return -EINVAL;
}

ssize_t shim_strscpy(char *dst, const char *src, size_t size)
{
	size_t n = strnlen(src, size);

	if (n == size) {
		memcpy(dst, src, size - 1);
		dst[size - 1] = 0;
		return -E2BIG;
	}
	memcpy(dst, src, n + 1);
	return n;
}

char *skip_spaces(const char *s)
{
	while (isspace(*s))
		s++;
	return (char *)s;
}

char *strim(char *s)
{
	size_t n;

	s = skip_spaces(s);
	n = strlen(s);
	while (n && isspace(s[n - 1]))
		s[--n] = 0;
	return s;
}

size_t str_has_prefix(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(s, prefix, n) ? 0 : n;
}

int scnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = shim_vformat(buf, size, fmt, ap);
	va_end(ap);
	return size ? min_t(int, n, size - 1) : 0;
}

void seq_printf(struct seq_file *m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	m->len += shim_vformat(m->buf + m->len, m->size - m->len, fmt, ap);
	va_end(ap);
	if (m->len >= m->size)
		m->len = m->size - 1;
}

void seq_puts(struct seq_file *m, const char *s)
{
	seq_printf(m, "%s", s);
}

void seq_putc(struct seq_file *m, char c)
{
	seq_printf(m, "%c", c);
}
