/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CALLS_MAX = 128 };

#define S(name) SCMP_SYS(name)

/* What every role needs: to compute, allocate, read and write what it holds, and end. */
static const int common_calls[] = {S(read), S(write), S(readv), S(writev), S(close), S(mmap),
    S(munmap), S(mremap), S(madvise), S(brk), S(mprotect), S(futex), S(exit), S(exit_group),
    S(rt_sigreturn), S(rt_sigprocmask), S(rt_sigaction), S(clock_gettime), S(gettimeofday),
    S(epoll_wait), S(epoll_ctl), S(epoll_pwait), S(poll), S(ppoll), S(fstat), S(newfstatat),
    S(lseek), S(getrandom), S(timerfd_settime), S(timerfd_create), S(getpid), S(gettid), S(tgkill),
    S(restart_syscall), S(sigaltstack), S(rseq), S(fcntl), S(getrusage), S(prlimit64),
    S(sched_yield), S(clock_nanosleep), S(nanosleep)};

static const int sensor_calls[] = {S(getsockopt), S(getsockname), S(ioctl), S(recvfrom)};

/* socket besides, for TCP only: see seccomp_enter(). */
static const int gate_calls[] = {S(connect), S(accept4), S(getsockopt), S(setsockopt), S(recvfrom),
    S(recvmsg), S(sendto), S(sendmsg), S(shutdown), S(getpeername), S(getsockname), S(ioctl)};

static const int keys_calls[] = {S(recvmsg), S(sendmsg), S(recvfrom), S(sendto)};

static const int store_calls[] = {S(openat), S(open), S(unlink), S(unlinkat), S(rename),
    S(renameat), S(renameat2), S(mkdir), S(mkdirat), S(rmdir), S(ftruncate), S(fallocate), S(fsync),
    S(fdatasync), S(pread64), S(pwrite64), S(stat), S(lstat), S(statx), S(access), S(faccessat),
    S(faccessat2), S(flock), S(getdents64), S(getcwd), S(readlink), S(readlinkat), S(fchmod),
    S(fchmodat), S(fchown), S(utimensat), S(geteuid), S(getuid), S(getgid), S(getegid), S(ioctl),
    S(uname), S(statfs), S(fstatfs), S(sysinfo), S(sendfile), S(copy_file_range), S(pipe2), S(dup),
    S(dup2), S(linkat), S(link), S(umask), S(getsockopt), S(recvfrom), S(recvmsg), S(sendmsg),
    S(sendto), S(signalfd4)};

static const int web_calls[] = {S(accept4), S(socketpair), S(sendto), S(recvfrom), S(sendmsg),
    S(recvmsg), S(setsockopt), S(getsockopt), S(getsockname), S(shutdown), S(pread64), S(stat),
    S(lstat), S(access), S(faccessat2), S(ioctl), S(geteuid), S(getuid), S(sendfile)};

/* openat besides, for reading only: see seccomp_enter(). */
static const int reader_calls[] = {
    S(pread64), S(stat), S(statx), S(ioctl), S(getdents64), S(getcwd), S(readlink)};

/* Never part of any role: the process ends at once. */
static const int deadly_calls[] = {S(execve), S(execveat), S(ptrace), S(process_vm_readv),
    S(process_vm_writev), S(init_module), S(finit_module), S(kexec_load), S(bpf), S(mount),
    S(pivot_root), S(setns), S(unshare), S(open_by_handle_at), S(userfaultfd), S(perf_event_open)};

struct profile {
	const int *calls;
	size_t n;
	uint64_t landlock_allowed; /* file rights below the directory */
	bool has_dir;
};

static const uint64_t landlock_all =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |
    LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
    LANDLOCK_ACCESS_FS_MAKE_SYM;

static const struct profile profiles[] = {
    [SANDBOX_SENSOR] = {sensor_calls, ARRAY_LEN(sensor_calls), 0, false},
    [SANDBOX_STORE] = {store_calls, ARRAY_LEN(store_calls),
	LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
	    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
	    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG,
	true},
    [SANDBOX_WEB] = {web_calls, ARRAY_LEN(web_calls), 0, false},
    [SANDBOX_GATE] = {gate_calls, ARRAY_LEN(gate_calls), 0, false},
    [SANDBOX_KEYS] = {keys_calls, ARRAY_LEN(keys_calls), 0, false},
    [SANDBOX_READER] = {reader_calls, ARRAY_LEN(reader_calls), 0, false},
};

static enum err
landlock_enter(const struct profile *p, int dir_fd, bool *on, struct why *why)
{
	struct landlock_ruleset_attr attr = {.handled_access_fs = landlock_all};
	struct landlock_path_beneath_attr rule = {p->landlock_allowed, dir_fd};
	int fd;
	long r;

	*on = false;
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (fd == -1)
		return errno == ENOSYS || errno == EOPNOTSUPP ? ERR_OK : FAIL_SYS(why, "Landlock");
	r = p->has_dir ? syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0)
		       : 0;
	if (r == 0)
		r = syscall(SYS_landlock_restrict_self, fd, 0);
	(void)close(fd);
	if (r != 0)
		return FAIL_SYS(why, "Landlock");
	*on = true;
	return ERR_OK;
}

static enum err
seccomp_enter(enum sandbox_profile which, const struct profile *p, struct why *why)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = ctx == NULL ? -ENOMEM : 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(common_calls); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, common_calls[i], 0);
	for (size_t i = 0; r == 0 && i < p->n; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, p->calls[i], 0);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(deadly_calls); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, deadly_calls[i], 0);
	if (which == SANDBOX_GATE) {
		static const int families[] = {AF_INET, AF_INET6};

		for (size_t i = 0; r == 0 && i < ARRAY_LEN(families); i++)
			r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, S(socket), 2,
			    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0),
			    SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_STREAM));
	}
	if (r == 0 && which == SANDBOX_READER)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, S(openat), 1,
		    SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY));
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	errno = -r;
	return r == 0 ? ERR_OK : FAIL_SYS(why, "seccomp");
}

enum err
sandbox_enter(enum sandbox_profile which, int dir_fd, bool *landlocked, struct why *why)
{
	const struct profile *p = &profiles[which];
	struct rlimit none = {0, 0};
	enum err e;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return FAIL_SYS(why, "no new privileges");
	/* Without CAP_SETPCAP the bounding set stays, which no_new_privs makes harmless. */
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_apply(CAPNG_SELECT_CAPS) != 0)
		return FAIL(why, ERR_SYSTEM, "capabilities could not be dropped");
	(void)setrlimit(RLIMIT_CORE, &none);
	if (which != SANDBOX_STORE)
		(void)setrlimit(RLIMIT_NPROC, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (which == SANDBOX_READER)
		*landlocked = false;
	else if ((e = landlock_enter(p, dir_fd, landlocked, why)) != ERR_OK)
		return e;
	return seccomp_enter(which, p, why);
}

/* --- tried from inside --- */

static bool
refused_open(int flags)
{
	int fd = open(flags & O_CREAT ? "/tmp/hemostat-sandbox-try" : "/etc/passwd", flags, 0600);

	if (fd == -1)
		return true;
	(void)close(fd);
	return false;
}

static bool
refused_socket(int family, int type)
{
	int fd = socket(family, type, 0);

	if (fd == -1)
		return true;
	(void)close(fd);
	return false;
}

/* Making the socket is allowed where this is asked. */
static bool
refused_listen(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	bool refused =
	    fd != -1 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == -1 && listen(fd, 1) == -1;

	if (fd != -1)
		(void)close(fd);
	return refused;
}

static bool
refused_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
	return pid == -1;
}

size_t
sandbox_self_test(enum sandbox_profile p, struct sandbox_try out[SANDBOX_TRIES_MAX])
{
	size_t n = 0;

	if (p != SANDBOX_READER)
		out[n++] = (struct sandbox_try){
		    "read a file outside its directory", refused_open(O_RDONLY)};
	out[n++] = (struct sandbox_try){
	    "create a file outside its directory", refused_open(O_WRONLY | O_CREAT)};
	if (p == SANDBOX_GATE)
		out[n++] = (struct sandbox_try){"listen on a port of its own", refused_listen()};
	else
		out[n++] =
		    (struct sandbox_try){"open a TCP socket", refused_socket(AF_INET, SOCK_STREAM)};
	out[n++] = (struct sandbox_try){"open a UDP socket", refused_socket(AF_INET, SOCK_DGRAM)};
	out[n++] =
	    (struct sandbox_try){"open a raw packet socket", refused_socket(AF_PACKET, SOCK_RAW)};
	out[n++] =
	    (struct sandbox_try){"open a local socket", refused_socket(AF_UNIX, SOCK_STREAM)};
	out[n++] = (struct sandbox_try){"start another process", refused_fork()};
	out[n++] = (struct sandbox_try){"signal its parent", kill(getppid(), 0) == -1};
	out[n++] = (struct sandbox_try){"change its user", setuid(65534) == -1};
	out[n++] = (struct sandbox_try){"change the host name", sethostname("x", 1) == -1};
	return n;
}
