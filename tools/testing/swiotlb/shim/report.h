/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shim: printk, WARN and BUG. Reports are counted by kind; the runner fails a test with
 * a report that the test has not announced.
 */
#ifndef SHIM_REPORT_H
#define SHIM_REPORT_H

enum shim_kind {
	SHIM_INFO,	/* pr_info and below */
	SHIM_NOTE,	/* pr_warn, dev_warn: allowed, but countable */
	SHIM_WARN,	/* WARN*: a test must announce it */
	SHIM_BUG,	/* BUG_ON: ends the process */
	SHIM_MISUSE,	/* found by the shim: sleeping while atomic, ... */
	SHIM_NKINDS,
};

extern unsigned long shim_reports[SHIM_NKINDS];
extern bool shim_fatal[SHIM_NKINDS];
extern bool shim_verbose;

struct device;

void shim_report(enum shim_kind kind, const struct device *dev,
		 const char *fmt, ...);
bool shim_warn_if(bool cond, unsigned char *done, const struct device *dev,
		  const char *fmt, ...);
void shim_bug(const char *file, int line, const char *what)
	__attribute__((noreturn));
bool shim_log_has(const char *text);
unsigned int shim_log_count(const char *text);
void shim_log_clear(void);
void shim_grown(void);
void shim_once_reset(void);

/* A function, so that a file may define the macro of that name */
static inline const char *pr_fmt(const char *fmt)
{
	return fmt;
}

#define shim_pr(kind, dev, fmt, ...) shim_report(kind, dev, fmt, ##__VA_ARGS__)
#define pr_debug(fmt, ...) shim_pr(SHIM_INFO, NULL, pr_fmt(fmt), ##__VA_ARGS__)
#define pr_info(fmt, ...) shim_pr(SHIM_INFO, NULL, pr_fmt(fmt), ##__VA_ARGS__)
#define pr_notice(fmt, ...) shim_pr(SHIM_INFO, NULL, pr_fmt(fmt), ##__VA_ARGS__)
#define pr_warn(fmt, ...) shim_pr(SHIM_NOTE, NULL, pr_fmt(fmt), ##__VA_ARGS__)
#define pr_err(fmt, ...) shim_pr(SHIM_NOTE, NULL, pr_fmt(fmt), ##__VA_ARGS__)
#define pr_crit pr_err
#define pr_emerg pr_err
#define pr_cont pr_info
#define printk(fmt, ...) shim_pr(SHIM_INFO, NULL, fmt, ##__VA_ARGS__)
#define KERN_INFO
#define KERN_WARNING
#define KERN_ERR
#define dev_dbg(dev, fmt, ...) shim_pr(SHIM_INFO, dev, fmt, ##__VA_ARGS__)
#define dev_info(dev, fmt, ...) shim_pr(SHIM_INFO, dev, fmt, ##__VA_ARGS__)
#define dev_warn(dev, fmt, ...) shim_pr(SHIM_NOTE, dev, fmt, ##__VA_ARGS__)
#define dev_err(dev, fmt, ...) shim_pr(SHIM_NOTE, dev, fmt, ##__VA_ARGS__)

struct ratelimit_state { unsigned int n; };
/*
 * Most tests must see each message, so there is no limit unless a test sets
 * shim_limit_rate. The benchmark suppresses all messages.
 */
#ifdef SHIM_BENCH
#define __ratelimit(rs) ((void)(rs), false)
#else
#define SHIM_BURST 10
extern bool shim_limit_rate;
#define __ratelimit(rs) \
	(__atomic_fetch_add(&(rs)->n, 1, __ATOMIC_RELAXED) < SHIM_BURST || !shim_limit_rate)
#endif
#define pr_warn_ratelimited pr_warn
#define pr_info_ratelimited pr_info
#define pr_err_ratelimited pr_err
#define dev_warn_ratelimited(dev, fmt, ...)				\
	do {								\
		static struct ratelimit_state __rs;			\
		if (__ratelimit(&__rs))					\
			dev_warn(dev, fmt, ##__VA_ARGS__);		\
	} while (0)
#define DEFINE_RATELIMIT_STATE(name, interval, burst) \
	struct ratelimit_state name __attribute__((unused))
#define RATELIMIT_STATE_INIT(name, interval, burst) { 0 }
#define dev_err_ratelimited dev_err
#define dev_info_ratelimited dev_info

/* The flags of all "once" sites are in one section, so that a test can reset them */
#define shim_once(cond) ({						\
	static unsigned char __done					\
		__attribute__((section("shim_once"), used));		\
	(cond) && !__atomic_exchange_n(&__done, 1, __ATOMIC_RELAXED); })

#define pr_warn_once(fmt, ...) \
	do { if (shim_once(1)) pr_warn(fmt, ##__VA_ARGS__); } while (0)
#define pr_info_once(fmt, ...) \
	do { if (shim_once(1)) pr_info(fmt, ##__VA_ARGS__); } while (0)
#define pr_err_once(fmt, ...) \
	do { if (shim_once(1)) pr_err(fmt, ##__VA_ARGS__); } while (0)
#define dev_warn_once(dev, fmt, ...) \
	do { if (shim_once(1)) dev_warn(dev, fmt, ##__VA_ARGS__); } while (0)
#define dev_err_once(dev, fmt, ...) \
	do { if (shim_once(1)) dev_err(dev, fmt, ##__VA_ARGS__); } while (0)

#ifdef SHIM_COVERAGE
/* Without branches, which would count as branches of the engine: see coverage.py */
#define WARN(cond, fmt...) shim_warn_if(cond, NULL, NULL, fmt)
#define shim_warn_once_if(cond, dev, fmt...) ({				\
	static unsigned char __done					\
		__attribute__((section("shim_once"), used));		\
	shim_warn_if(cond, &__done, dev, fmt); })
#define WARN_ONCE(cond, fmt...) shim_warn_once_if(cond, NULL, fmt)
#define dev_WARN_ONCE(dev, cond, fmt...) shim_warn_once_if(cond, dev, fmt)
#else
#define WARN(cond, fmt...) ({						\
	bool __w = !!(cond);						\
	if (unlikely(__w))						\
		shim_report(SHIM_WARN, NULL, fmt);			\
	unlikely(__w); })
#define WARN_ONCE(cond, fmt...) ({					\
	bool __wo = !!(cond);						\
	if (unlikely(__wo) && shim_once(1))				\
		shim_report(SHIM_WARN, NULL, fmt);			\
	unlikely(__wo); })
#define dev_WARN_ONCE(dev, cond, fmt...) ({				\
	bool __wd = !!(cond);						\
	if (unlikely(__wd) && shim_once(1))				\
		shim_report(SHIM_WARN, dev, fmt);			\
	unlikely(__wd); })
#endif
#define WARN_ON(cond) \
	WARN(cond, "WARN_ON(%s) at %s:%d\n", #cond, __FILE__, __LINE__)
#define WARN_ON_ONCE(cond) \
	WARN_ONCE(cond, "WARN_ON_ONCE(%s) at %s:%d\n", #cond, __FILE__, __LINE__)
#define dev_WARN(dev, fmt...) shim_report(SHIM_WARN, dev, fmt)
#define VM_WARN_ON_ONCE(cond) WARN_ON_ONCE(cond)
#define VM_BUG_ON(cond) BUG_ON(cond)
#define BUG() shim_bug(__FILE__, __LINE__, "BUG()")
#define BUG_ON(cond) \
	do { if (unlikely(cond)) shim_bug(__FILE__, __LINE__, #cond); } while (0)
#define dump_stack() do { } while (0)

#endif
