/* Kills one process at a chosen step: just before or just after one of the calls by which it changes its disk or speaks.

   Loaded before libc (LD_PRELOAD). $KILL_AT is the step, counted from 1; 0 kills nobody. Every call below is two steps:
   one before it is made and one after. $KILL_TALLY is a file of eight bytes that always holds how many there were. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static _Atomic uint64_t *tally;
static uint64_t kill_at;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("KILL_TALLY"), *at = getenv("KILL_AT");
    if (!path || !at) return;
    unsetenv("LD_PRELOAD"); /* a child of this process has steps of its own */
    kill_at = strtoull(at, NULL, 10);
    int descriptor = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (descriptor < 0 || syscall(SYS_ftruncate, descriptor, (long)sizeof *tally)) abort();
    void *shared = mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (shared == MAP_FAILED) abort();
    tally = shared;
}

static void step(void) {
    if (tally && atomic_fetch_add(tally, 1) + 1 == kill_at) kill(getpid(), SIGKILL);
}

#define REAL(name) ({ static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name); real; })
#define STEPS(type, call) ({ step(); type made = (call); step(); made; })
#define TALK(descriptor) ((descriptor) <= STDERR_FILENO)

ssize_t write(int d, const void *b, size_t n) {
    return TALK(d) ? REAL(write)(d, b, n) : STEPS(ssize_t, REAL(write)(d, b, n));
}
ssize_t writev(int d, const struct iovec *p, int n) {
    return TALK(d) ? REAL(writev)(d, p, n) : STEPS(ssize_t, REAL(writev)(d, p, n));
}
ssize_t pwrite64(int d, const void *b, size_t n, off64_t o) { return STEPS(ssize_t, REAL(pwrite64)(d, b, n, o)); }
ssize_t pwrite(int d, const void *b, size_t n, off_t o) { return STEPS(ssize_t, REAL(pwrite)(d, b, n, o)); }
ssize_t send(int d, const void *b, size_t n, int f) { return STEPS(ssize_t, REAL(send)(d, b, n, f)); }
ssize_t sendmsg(int d, const struct msghdr *m, int f) { return STEPS(ssize_t, REAL(sendmsg)(d, m, f)); }
int fsync(int d) { return STEPS(int, REAL(fsync)(d)); }
int fdatasync(int d) { return STEPS(int, REAL(fdatasync)(d)); }
int ftruncate64(int d, off64_t n) { return STEPS(int, REAL(ftruncate64)(d, n)); }
int ftruncate(int d, off_t n) { return STEPS(int, REAL(ftruncate)(d, n)); }
int rename(const char *f, const char *t) { return STEPS(int, REAL(rename)(f, t)); }
int renameat(int a, const char *f, int b, const char *t) { return STEPS(int, REAL(renameat)(a, f, b, t)); }
int link(const char *f, const char *t) { return STEPS(int, REAL(link)(f, t)); }
int linkat(int a, const char *f, int b, const char *t, int x) { return STEPS(int, REAL(linkat)(a, f, b, t, x)); }
int unlink(const char *p) { return STEPS(int, REAL(unlink)(p)); }
int unlinkat(int a, const char *p, int f) { return STEPS(int, REAL(unlinkat)(a, p, f)); }
int mkdir(const char *p, mode_t m) { return STEPS(int, REAL(mkdir)(p, m)); }
int chmod(const char *p, mode_t m) { return STEPS(int, REAL(chmod)(p, m)); }

static int opened(int place, const char *path, int flags, mode_t mode) {
    if (!(flags & (O_CREAT | O_TRUNC))) return (int)syscall(SYS_openat, place, path, flags, mode);
    return STEPS(int, (int)syscall(SYS_openat, place, path, flags, mode));
}
#define MODE ({ va_list more; va_start(more, flags); mode_t m = flags & O_CREAT ? va_arg(more, mode_t) : 0; va_end(more); m; })
int open64(const char *path, int flags, ...) { return opened(AT_FDCWD, path, flags, MODE); }
int open(const char *path, int flags, ...) { return opened(AT_FDCWD, path, flags, MODE); }
int openat64(int place, const char *path, int flags, ...) { return opened(place, path, flags, MODE); }
int openat(int place, const char *path, int flags, ...) { return opened(place, path, flags, MODE); }
