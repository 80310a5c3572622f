/* Writes down every change one process makes below one folder, and every promise it asks of the disk, in order.

   Loaded before libc (LD_PRELOAD). $RECORD_FOLDER is watched, $RECORD_LOG takes the record: outside the folder, one
   per process. The changes are made as well, so that the process lives on; only a sync is not passed on, since what a
   power cut leaves is worked out from the record (images.py). $RECORD_SYNC_US makes a sync slow, as disks are: whatever
   is told too early is then told visibly too early. What goes to standard output is written down in its place.
   While the file $RECORD_REFUSE exists, the disk is read-only: as a file system makes itself after an error. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { CREATE = 1, WRITE, CUT, RENAME, LINK, UNLINK, FOLDER, SYNC, SYNC_FOLDER, SAID };

struct entry {
    uint32_t kind;
    uint32_t name_bytes;
    uint64_t when_ns;
    uint64_t file;
    uint64_t offset;
    uint64_t data_bytes;
};

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static int record = -1;
static char folder[PATH_MAX];
static size_t folder_bytes;
static useconds_t sync_us;
static const char *refuse;

__attribute__((constructor)) static void begin(void) {
    const char *watched = getenv("RECORD_FOLDER"), *log = getenv("RECORD_LOG"), *slow = getenv("RECORD_SYNC_US");
    if (!watched || !log) return;
    folder_bytes = strlen(watched);
    if (folder_bytes >= sizeof folder) abort();
    memcpy(folder, watched, folder_bytes + 1);
    refuse = getenv("RECORD_REFUSE");
    sync_us = slow ? (useconds_t)atoi(slow) : 0;
    record = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (record < 0) abort();
}

#define REAL(name) ({ static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name); real; })
#define TURN pthread_mutex_lock(&turn)
#define OVER pthread_mutex_unlock(&turn)

static int is_read_only(void) {
    if (!refuse || syscall(SYS_faccessat, AT_FDCWD, refuse, F_OK)) return 0;
    errno = EROFS;
    return 1;
}

static void put(uint32_t kind, uint64_t file, uint64_t offset, const char *name, const void *data, size_t data_bytes) {
    int kept = errno;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    struct entry head = {kind, name ? strlen(name) : 0, now.tv_sec * 1000000000ull + now.tv_nsec, file, offset, data_bytes};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)name, head.name_bytes}, {(void *)data, data_bytes}};
    ssize_t whole = sizeof head + head.name_bytes + data_bytes;
    if (syscall(SYS_writev, record, parts, 3) != whole) abort(); /* a record with a hole proves nothing */
    errno = kept;
}

/* A path below the folder, relative to it; NULL for every other path. */
static const char *below(const char *path) {
    if (record < 0 || strncmp(path, folder, folder_bytes)) return NULL;
    if (path[folder_bytes] == 0) return path + folder_bytes;
    return path[folder_bytes] == '/' ? path + folder_bytes + 1 : NULL;
}

static const char *path_at(int place, const char *path, char *room) {
    if (record < 0 || !path) return NULL;
    if (path[0] != '/') {
        char link[64];
        if (place == AT_FDCWD) { if (!getcwd(room, PATH_MAX)) return NULL; }
        else {
            snprintf(link, sizeof link, "/proc/self/fd/%d", place);
            ssize_t count = readlink(link, room, PATH_MAX - 1);
            if (count < 0) return NULL;
            room[count] = 0;
        }
        size_t used = strlen(room);
        if (used + strlen(path) + 2 > PATH_MAX) abort();
        room[used] = '/';
        strcpy(room + used + 1, path);
        path = room;
    }
    return below(path);
}

/* The number of a watched file that is open; 0 for every other descriptor. */
static uint64_t file_of(int descriptor, int want_folder, const char **name, char *room) {
    struct stat found;
    char link[64];
    if (record < 0 || descriptor == record || fstat(descriptor, &found)) return 0;
    if (want_folder ? !S_ISDIR(found.st_mode) : !S_ISREG(found.st_mode)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t count = readlink(link, room, PATH_MAX - 1);
    if (count < 0) return 0;
    room[count] = 0;
    *name = below(room);
    return *name ? found.st_ino : 0;
}

/* ---- bytes ------------------------------------------------------------------------------------------------------ */

static ssize_t wrote(int descriptor, const struct iovec *parts, int count, off64_t offset) {
    char room[PATH_MAX];
    const char *name;
    if (record >= 0 && descriptor == STDOUT_FILENO) {
        TURN;
        for (int i = 0; i < count; i++) put(SAID, 0, 0, NULL, parts[i].iov_base, parts[i].iov_len);
        OVER;
    }
    TURN;
    uint64_t file = file_of(descriptor, 0, &name, room);
    if (!file) OVER;
    if (file && is_read_only()) { OVER; return -1; }
    off64_t at = offset;
    if (file && offset < 0) {
        struct stat found;
        int appends = fcntl(descriptor, F_GETFL) & O_APPEND;
        at = appends && !fstat(descriptor, &found) ? found.st_size : lseek64(descriptor, 0, SEEK_CUR);
    }
    ssize_t done = offset < 0 ? syscall(SYS_writev, descriptor, parts, count)
                              : syscall(SYS_pwritev, descriptor, parts, count, (long)offset, (long)0);
    if (file) {
        size_t left = done > 0 ? (size_t)done : 0;
        for (int i = 0; i < count && left; i++) {
            size_t some = parts[i].iov_len < left ? parts[i].iov_len : left;
            put(WRITE, file, at, name, parts[i].iov_base, some);
            at += some;
            left -= some;
        }
        OVER;
    }
    return done;
}

ssize_t write(int d, const void *b, size_t n) { return wrote(d, &(struct iovec){(void *)b, n}, 1, -1); }
ssize_t writev(int d, const struct iovec *p, int n) { return wrote(d, p, n, -1); }
ssize_t pwrite64(int d, const void *b, size_t n, off64_t o) { return wrote(d, &(struct iovec){(void *)b, n}, 1, o); }
ssize_t pwrite(int d, const void *b, size_t n, off_t o) { return pwrite64(d, b, n, o); }
ssize_t pwritev64(int d, const struct iovec *p, int n, off64_t o) { return wrote(d, p, n, o); }

/* Whoever asks for these is told to use write: nothing may go by unseen. */
ssize_t copy_file_range(int a, off64_t *b, int c, off64_t *d, size_t e, unsigned f) { errno = ENOSYS; return -1; }
int fallocate64(int d, int m, off64_t o, off64_t n) { errno = EOPNOTSUPP; return -1; }
int posix_fallocate64(int d, off64_t o, off64_t n) { return EOPNOTSUPP; }

int ftruncate64(int descriptor, off64_t size) {
    char room[PATH_MAX];
    const char *name;
    TURN;
    uint64_t file = file_of(descriptor, 0, &name, room);
    int done = file && is_read_only() ? -1 : REAL(ftruncate64)(descriptor, size);
    if (file && !done) put(CUT, file, size, name, NULL, 0);
    OVER;
    return done;
}
int ftruncate(int d, off_t n) { return ftruncate64(d, n); }

static int synced(int descriptor) {
    char room[PATH_MAX];
    const char *name;
    TURN;
    uint64_t file = file_of(descriptor, 0, &name, room);
    uint32_t kind = SYNC;
    if (!file) { file = file_of(descriptor, 1, &name, room); kind = SYNC_FOLDER; }
    if (file && is_read_only()) { OVER; return -1; }
    if (file) {
        if (sync_us) usleep(sync_us);
        put(kind, file, 0, name, NULL, 0);
    }
    OVER;
    return file ? 0 : (int)syscall(SYS_fsync, descriptor);
}
int fsync(int d) { return synced(d); }
int fdatasync(int d) { return synced(d); }

/* ---- names ------------------------------------------------------------------------------------------------------ */

static int opened(int place, const char *path, int flags, mode_t mode) {
    char room[PATH_MAX];
    struct stat before, after;
    const char *name = flags & (O_CREAT | O_TRUNC) ? path_at(place, path, room) : NULL;
    if (!name) return (int)syscall(SYS_openat, place, path, flags, mode);
    if (is_read_only()) return -1;
    TURN;
    int was_there = !fstatat(place, path, &before, 0);
    int descriptor = (int)syscall(SYS_openat, place, path, flags, mode);
    if (descriptor >= 0 && !fstat(descriptor, &after)) {
        if (!was_there) put(CREATE, after.st_ino, 0, name, NULL, 0);
        else if (flags & O_TRUNC) put(CUT, after.st_ino, 0, name, NULL, 0);
    }
    OVER;
    return descriptor;
}

#define MODE ({ va_list more; va_start(more, flags); mode_t m = flags & O_CREAT ? va_arg(more, mode_t) : 0; va_end(more); m; })
int open64(const char *path, int flags, ...) { return opened(AT_FDCWD, path, flags, MODE); }
int open(const char *path, int flags, ...) { return opened(AT_FDCWD, path, flags, MODE); }
int openat64(int place, const char *path, int flags, ...) { return opened(place, path, flags, MODE); }
int openat(int place, const char *path, int flags, ...) { return opened(place, path, flags, MODE); }

static int renamed(int from_place, const char *from, int to_place, const char *to, unsigned flags) {
    char first[PATH_MAX], second[PATH_MAX];
    const char *old = path_at(from_place, from, first), *new = path_at(to_place, to, second);
    if ((old || new) && is_read_only()) return -1;
    TURN;
    int done = (int)syscall(SYS_renameat2, from_place, from, to_place, to, flags);
    if (!done && old && new) put(RENAME, 0, 0, old, new, strlen(new));
    else if (!done && (old || new)) abort(); /* into or out of the folder: the record cannot say that */
    OVER;
    return done;
}
int rename(const char *f, const char *t) { return renamed(AT_FDCWD, f, AT_FDCWD, t, 0); }
int renameat(int a, const char *f, int b, const char *t) { return renamed(a, f, b, t, 0); }
int renameat2(int a, const char *f, int b, const char *t, unsigned x) { return renamed(a, f, b, t, x); }

int linkat(int from_place, const char *from, int to_place, const char *to, int flags) {
    char first[PATH_MAX], second[PATH_MAX];
    const char *old = path_at(from_place, from, first), *new = path_at(to_place, to, second);
    if ((old || new) && is_read_only()) return -1;
    TURN;
    int done = (int)syscall(SYS_linkat, from_place, from, to_place, to, flags);
    if (!done && old && new) put(LINK, 0, 0, old, new, strlen(new));
    OVER;
    return done;
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int unlinkat(int place, const char *path, int flags) {
    char room[PATH_MAX];
    const char *name = path_at(place, path, room);
    if (name && is_read_only()) return -1;
    TURN;
    int done = (int)syscall(SYS_unlinkat, place, path, flags);
    if (!done && name) put(UNLINK, 0, 0, name, NULL, 0);
    OVER;
    return done;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int place, const char *path, mode_t mode) {
    char room[PATH_MAX];
    const char *name = path_at(place, path, room);
    if (name && is_read_only()) return -1;
    TURN;
    int done = (int)syscall(SYS_mkdirat, place, path, mode);
    if (!done && name) put(FOLDER, 0, 0, name, NULL, 0);
    OVER;
    return done;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
