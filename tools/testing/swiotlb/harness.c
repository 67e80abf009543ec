// SPDX-License-Identifier: GPL-2.0-only
/* The runner: runs each test in a process, several at a time, and prints KTAP. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "harness.h"

/* Weak, because programs without named tests do not have this section */
extern const struct test __start_harness_tests[] __weak;
extern const struct test __stop_harness_tests[] __weak;

enum outcome { RUNNING, PASSED, FAILED, SKIPPED };
#define EXIT_SKIP 77
#define MAX_MESSAGES 20

struct job {
	const struct test *test;
	pid_t pid;
	int out;
	enum outcome outcome;
	char why[128];
	const char *known_fault;	/* reason why it is expected to fail, or NULL */
};

/* Path of the list of tests that are expected to fail, NULL if there is none */
const char *harness_known_faults;

/* Tests may end with live mappings and pools. Tests that look for leaks use shim_usage(). */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0:detect_stack_use_after_return=0";
}

const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
	return "print_stacktrace=1";
}

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "history_size=4";
}

/* Factor for time limits: coverage and sanitizers make a build slower */
#if defined(SHIM_COVERAGE) || defined(SHIM_ASAN) || defined(SHIM_TSAN)
#define SLOWER 5
#else
#define SLOWER 1
#endif

static unsigned int failures, limit = UINT_MAX;
static bool no_difference;
static unsigned long warns_expected, misuse_expected;

void check_failed(const char *file, int line, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	va_list ap;

	if (__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED) >= MAX_MESSAGES)
		return;
	printf("# %s:%d: ", base ? base + 1 : file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
}

unsigned int check_failures(void)
{
	return __atomic_load_n(&failures, __ATOMIC_RELAXED);
}

/* Skip exit handlers, except for writing the coverage data */
void end_process(int status)
{
	fflush(stdout);
#ifdef SHIM_COVERAGE
	extern void __gcov_dump(void);

	__gcov_dump();
#endif
	_exit(status);
}

void skip_test(const char *why)
{
	printf("%s\n", why);
	end_process(EXIT_SKIP);
}

void needs_pools_above(void)
{
	if (BITS_PER_LONG == 32)
		skip_test("no pool lies above 4 GiB with 32 bits");
}

void expect_warns(unsigned long n)
{
	warns_expected = n;
}

void expect_misuse(unsigned long n)
{
	misuse_expected = n;
}

static int verdict(void)
{
	if (shim_reports[SHIM_WARN] != warns_expected)
		CHECK_EQ(shim_reports[SHIM_WARN], warns_expected);
	if (shim_reports[SHIM_MISUSE] != misuse_expected)
		CHECK_EQ(shim_reports[SHIM_MISUSE], misuse_expected);
	return check_failures() ? EXIT_FAILURE : EXIT_SUCCESS;
}

static const char *describe_status(int status, char *buf, size_t size)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		snprintf(buf, size, "timed out");
	else if (WIFSIGNALED(status))
		snprintf(buf, size, "killed by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(buf, size, "exit status %d", WEXITSTATUS(status));
	return buf;
}

void in_child(void (*fn)(const void *), const void *arg, const char *what)
{
	char buf[128];
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		/* An alarm kills only the parent, so the child must die with it */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		failures = 0;
		fn(arg);
		end_process(verdict());
	}
	BUG_ON(pid < 0 || waitpid(pid, &status, 0) != pid);
	if (status)
		check_failed(__FILE__, __LINE__, "case \"%s\": %s", what,
			     describe_status(status, buf, sizeof(buf)));
}

#define MOST_FAULTS 200
static struct known_fault { const char *name, *why; } known_faults[MOST_FAULTS];
static unsigned int nknown_faults;

static char *next_word(char **line)
{
	char *word = strsep(line, " \t");

	*line = *line ? skip_spaces(*line) : "";
	return word;
}

/*
 * Each line has the name of a test and its fault. A line that begins with "DYNAMIC=y" counts
 * only with SWIOTLB_DYNAMIC.
 */
static void read_known_faults(void)
{
	FILE *list = harness_known_faults ? fopen(harness_known_faults, "r") : NULL;
	char line[256], *name, *why;

	while (list && fgets(line, sizeof(line), list)) {
		why = strim(line);
		name = next_word(&why);
		if (!*name || *name == '#')
			continue;
		if (!strcmp(name, "DYNAMIC=y")) {
			if (!IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC))
				continue;
			name = next_word(&why);
		}
		BUG_ON(nknown_faults == MOST_FAULTS);
		known_faults[nknown_faults++] = (struct known_fault){
			strdup(name), strdup(why) };
	}
	if (list)
		fclose(list);
}

const char *harness_known_fault(const char *name)
{
	unsigned int i;

	if (!nknown_faults)
		read_known_faults();
	for (i = 0; i < nknown_faults; i++)
		if (!strcmp(known_faults[i].name, name))
			return known_faults[i].why;
	return NULL;
}

static const struct test *find_test(const char *name)
{
	const struct test *t;

	for (t = __start_harness_tests; t < __stop_harness_tests; t++)
		if (!strcmp(t->name, name))
			return t;
	return NULL;
}

/* The list may also name families of the oracle */
static bool known_faults_are_tests(void)
{
	bool all = true;
	unsigned int i;

	for (i = 0; i < nknown_faults; i++) {
		const char *name = known_faults[i].name;

		if (strncmp(name, "oracle_", 7) && !find_test(name)) {
			printf("# %s: no test has the name %s\n", harness_known_faults,
			       name);
			all = false;
		}
	}
	return all;
}

static void start(struct job *job)
{
	int status;

	fflush(stdout);
	job->out = memfd_create("test", 0);
	BUG_ON(job->out < 0);
	job->pid = fork();
	BUG_ON(job->pid < 0);
	if (job->pid)
		return;

	dup2(job->out, STDOUT_FILENO);
	dup2(job->out, STDERR_FILENO);
	alarm(min(SLOWER * job->test->seconds, limit));
	job->test->fn();
	status = verdict();
	fflush(stdout);
	exit(status);
}

static void read_back(struct job *job, char *buf, size_t size)
{
	ssize_t n = pread(job->out, buf, size - 1, 0);

	buf[n < 0 ? 0 : n] = 0;
}

static void finish(struct job *job, int status)
{
	char *nl;

	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIP) {
		job->outcome = SKIPPED;
		read_back(job, job->why, sizeof(job->why));
		nl = strchr(job->why, '\n');
		if (nl)
			*nl = 0;
		return;
	}
	job->outcome = status ? FAILED : PASSED;
	if (status)
		describe_status(status, job->why, sizeof(job->why));
}

static void print_output(struct job *job)
{
	size_t size = lseek(job->out, 0, SEEK_END) + 1;
	char *buf = malloc(size), *line, *next;

	read_back(job, buf, size);
	for (line = buf; *line; line = next) {
		next = strchrnul(line, '\n');
		if (*next)
			*next++ = 0;
		printf("%s%s\n", *line == '#' ? "" : "# ", line);
	}
	free(buf);
}

/* Print one result line; returns true if it counts as passed */
static bool print_result(struct job *job, unsigned int nr, bool verbose)
{
	const char *differs = NULL;
	bool ok = job->outcome != FAILED;

#ifdef ENGINE_base
	differs = no_difference ? NULL : job->test->base_differs;
#endif
	if (job->outcome == SKIPPED) {
		printf("ok %u %s # SKIP %s\n", nr, job->test->name, job->why);
		return true;
	}
	if (differs && !ok) {
		if (verbose)
			print_output(job);
		printf("ok %u %s # XFAIL %s\n", nr, job->test->name, differs);
		return true;
	}
	if (job->known_fault && !ok) {
		if (verbose)
			print_output(job);
		printf("not ok %u %s # TODO %s\n", nr, job->test->name,
		       job->known_fault);
		return true;
	}
	if (!ok || verbose)
		print_output(job);
	if (job->known_fault)
		printf("# %s: passes, remove it from %s\n", job->test->name,
		       harness_known_faults);
	if (!ok)
		printf("# %s: %s\n", job->test->name, job->why);
	if (differs && ok)
		printf("# %s: passes, although \"%s\"\n", job->test->name, differs);
	ok = ok && !differs && !job->known_fault;
	printf("%s %u %s\n", ok ? "ok" : "not ok", nr, job->test->name);
	return ok;
}

static void stop_running(struct job *jobs, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (jobs[i].pid && jobs[i].outcome == RUNNING)
			kill(jobs[i].pid, SIGKILL);
}

static bool is_failure(const struct job *job)
{
	return job->outcome == FAILED && !job->known_fault;
}

static unsigned int first_failure(const struct job *jobs, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n && !is_failure(&jobs[i]); i++)
		;
	return i;
}

/* Returns the number of jobs that pass. With @stop_early, stop at a failure and return 0 */
static unsigned int run_jobs(struct job *jobs, unsigned int n,
			     unsigned int parallel, bool verbose, bool stop_early)
{
	unsigned int started = 0, running = 0, printed = 0, passed = 0, failed, i;
	int status;
	pid_t pid;

	while (printed < n) {
		while (started < n && running < parallel) {
			start(&jobs[started++]);
			running++;
		}
		pid = wait(&status);
		BUG_ON(pid < 0);
		for (i = 0; i < started; i++)
			if (jobs[i].pid == pid && jobs[i].outcome == RUNNING)
				finish(&jobs[i], status);
		running--;
		failed = first_failure(jobs, started);
		if (stop_early && failed < started) {
			for (i = failed; i < started; i++)
				if (is_failure(&jobs[i]))
					printf("# %s failed: %s\n",
					       jobs[i].test->name, jobs[i].why);
			stop_running(jobs, started);
			return 0;
		}
		while (printed < started && jobs[printed].outcome != RUNNING) {
			passed += print_result(&jobs[printed], printed + 1, verbose);
			close(jobs[printed].out);
			printed++;
		}
		fflush(stdout);
	}
	return passed;
}

static void usage(const char *prog)
{
	printf("usage: %s [-v] [-l] [-x] [-d] [-j jobs] [-t seconds] [name ...]\n"
	       "  -v  show what tests print, and the kernel log\n"
	       "  -l  list the tests\n"
	       "  -x  stop at the first failure\n"
	       "  -d  a known defect of the base fails, and passes once fixed\n"
	       "  -j  run so many at a time (default: 2)\n"
	       "  -t  let no test run longer than this\n"
	       "  A name runs the tests whose names contain it, =name only that one.\n",
	       prog);
}

static bool selected(const struct test *t, char **names, int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (*names[i] == '=' ? !strcmp(t->name, names[i] + 1) :
				       !!strstr(t->name, names[i]))
			return true;
	return !n;
}

int harness_main(int argc, char **argv)
{
	size_t total = __stop_harness_tests - __start_harness_tests;
	struct job *jobs = calloc(total, sizeof(*jobs));
	unsigned int n = 0, passed, parallel = 2, i;
	const struct test *t;
	bool verbose = false, list = false, stop_early = false, good_list;
	int opt;

	while ((opt = getopt(argc, argv, "vlxdj:t:h")) != -1) {
		switch (opt) {
		case 'v': verbose = shim_verbose = true; break;
		case 'l': list = true; break;
		case 'x': stop_early = true; break;
		case 'd': no_difference = true; break;
		case 'j': parallel = max_t(int, atoi(optarg), 1); break;
		case 't': limit = max_t(int, atoi(optarg), 1); break;
		default: usage(argv[0]); return opt == 'h' ? 0 : 2;
		}
	}
	for (t = __start_harness_tests; t < __stop_harness_tests; t++)
		if (selected(t, argv + optind, argc - optind))
			jobs[n++].test = t;
	if (list) {
		for (parallel = 0; parallel < n; parallel++)
			printf("%s\n", jobs[parallel].test->name);
		return 0;
	}
	if (!n) {
		fprintf(stderr, "no test of that name; -l lists them\n");
		return 2;
	}
	for (i = 0; i < n; i++)
		jobs[i].known_fault = harness_known_fault(jobs[i].test->name);
	good_list = known_faults_are_tests();
	/* Once, before all forks: the tests share all pages that they do not write */
	shim_init();
	printf("KTAP version 1\n1..%u\n", n);
	passed = run_jobs(jobs, n, parallel, verbose, stop_early);
	printf("# %u passed, %u failed\n", passed, n - passed);
	free(jobs);
	return passed == n && good_list ? 0 : 1;
}

static u64 next_on_tape(struct rng *r)
{
	u64 v;

	if (r->left < 2)
		return 0;
	v = r->tape[0] | r->tape[1] << 8;
	r->tape += 2;
	r->left -= 2;
	return v << 48 | v << 16 | v;
}

/* splitmix64 */
u64 rng_next(struct rng *r)
{
	u64 z;

	if (r->tape)
		return next_on_tape(r);
	z = r->s += 0x9e3779b97f4a7c15ULL;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

u32 rng_below(struct rng *r, u32 n)
{
	return (u32)(((u64)(u32)rng_next(r) * n) >> 32);
}
