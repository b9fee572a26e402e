// EAL start and stop, and DPDK's log lines.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_version.h>

#include "fp_internal.h"
#include "vnet.h"

int fp_fail(struct fp_err *err, int rc, const char *fmt, ...)
{
	if (err) {
		va_list ap;

		va_start(ap, fmt);
		vsnprintf(err->text, sizeof(err->text), fmt, ap);
		va_end(ap);
	}
	return rc;
}

// Writes one of DPDK's lines with its level in front: "<4>EAL: text". Threads that
// are not DPDK's lcores have no level of their own, their lines stay as they are.
// The pipe never blocks: a line that finds it full is lost.
static ssize_t log_write(void *cookie, const char *buf, size_t n)
{
	int fd = (int)(intptr_t)cookie;
	char line[1024];
	int len = 0;

	if (rte_lcore_id() != LCORE_ID_ANY)
		len = snprintf(line, sizeof(line), "<%d>", rte_log_cur_msg_loglevel());
	size_t room = sizeof(line) - (size_t)len, used = n < room ? n : room;

	memcpy(line + len, buf, used);
	line[(size_t)len + used - 1] = '\n'; // also where the line was too long
	if (write(fd, line, (size_t)len + used) < 0)
		return 0;
	return (ssize_t)n;
}

static int log_close(void *cookie)
{
	return close((int)(intptr_t)cookie);
}

int fp_log_open(int fd, struct fp_err *err)
{
	static const cookie_io_functions_t io = { .write = log_write, .close = log_close };
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	FILE *f = own < 0 ? NULL : fopencookie((void *)(intptr_t)own, "w", io);

	if (!f) {
		int rc = -errno;

		if (own >= 0)
			close(own);
		return fp_fail(err, rc, "DPDK log to descriptor %d: %s", fd, strerror(-rc));
	}
	setlinebuf(f);
	if (rte_openlog_stream(f) < 0) {
		fclose(f);
		return fp_fail(err, -EINVAL, "DPDK log: rte_openlog_stream refused descriptor %d",
			       fd);
	}
	return 0;
}

int fp_log_level(const char *pattern, uint32_t level)
{
	if (strcmp(pattern, "*") == 0) {
		rte_log_set_global_level(level);
		return 0;
	}
	return rte_log_set_level_pattern(pattern, level) < 0 ? -EINVAL : 0;
}

// EAL makes a folder for its files and leaves it behind.
static void remove_runtime_dir(void)
{
	const char *dir = rte_eal_get_runtime_dir();

	if (dir && dir[0])
		rmdir(dir);
}

int fp_eal_init(int argc, char **argv, struct fp_err *err)
{
	rte_errno = 0;
	if (rte_eal_init(argc, argv) < 0) {
		int rc = rte_errno ? rte_errno : EINVAL;

		remove_runtime_dir();
		return fp_fail(err, -rc,
			       "rte_eal_init refused its arguments or the machine: %s (DPDK's own "
			       "lines in the log say more)",
			       rte_strerror(rc));
	}
	int rc = fp_vnet_register();

	if (rc < 0) {
		rte_eal_cleanup();
		return fp_fail(err, rc, "mbuf field for offloads: %s", rte_strerror(-rc));
	}
	return 0;
}

int fp_eal_cleanup(void)
{
	int rc = rte_eal_cleanup();

	remove_runtime_dir();
	return rc;
}

int fp_eal_sockets(void)
{
	return (int)rte_socket_count();
}

uint64_t fp_tsc_hz(void)
{
	return rte_get_tsc_hz();
}

uint64_t fp_tsc(void)
{
	return rte_rdtsc();
}

const char *fp_dpdk_version(void)
{
	return rte_version();
}
