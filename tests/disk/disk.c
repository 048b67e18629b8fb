/* Stands between a process and its disk, for all files below one folder: records what is written and synced, makes
 * syncs slow, and lets the disk be full, read-only or broken. Knows nothing of Leadline.
 *
 *   cc -shared -fPIC -O2 -o disk.so disk.c -ldl
 *   LD_PRELOAD=disk.so LEADLINE_DISK_FOLDER=data … leadline --data data serve
 *
 * LEADLINE_DISK_FOLDER            the folder; what is not below it goes by untouched. Has to exist
 * LEADLINE_DISK_TRACE             file outside of the folder that everything is appended to, in order. For one process
 *                                 after the other; a process that forks is not recorded rightly
 * LEADLINE_DISK_SYNC_MICROS       how long each fsync and fdatasync takes more than it does
 * LEADLINE_DISK_FULL_AFTER_BYTES  after so many written bytes there is no room (ENOSPC)
 * LEADLINE_DISK_SYNC_FAILS_AT     the sync of this number, counted from 1, fails (EIO); those after it do not
 * LEADLINE_DISK_SYNC_OF           only syncs of files whose path ends like this are counted, and can fail
 * LEADLINE_DISK_SWITCHES          a folder in which files switch things on, for as long as they are there:
 *     full         no room for any write (ENOSPC)
 *     read-only    nothing can be written, made, renamed or removed (EROFS)
 *     sync-fails   each sync fails (EIO)
 *
 * What reaches the disk without a call of the C library goes by: memory maps, raw system calls, stdio.
 *
 * The trace is records of `struct record`, each followed by `length` bytes. A process appends a record while nothing
 * else of it below the folder is under way, but for syncs: those note where they begin, and when they return. What
 * was written before the beginning is on the disk after the return. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind {
    MAKE = 1,       /* a file was made: its path */
    FOLDER = 2,     /* a folder was made: its path */
    WRITE = 3,      /* at `at`: the bytes */
    CUT = 4,        /* the file is now `at` bytes long, if it was longer; grown to it, if it was shorter */
    SYNC = 5,       /* a sync began; of a folder: its path */
    SYNCED = 6,     /* the sync returned that began at the place `at` of the trace */
    RENAME = 7,     /* two paths, with a NUL between them */
    REMOVE = 8,     /* a path */
};

struct record {
    uint32_t kind;
    uint32_t length;
    uint64_t file; /* its inode; it may be used again after MAKE */
    uint64_t at;
};

#define FILES 65536
static _Atomic unsigned char below[FILES]; /* whether an open file is in the folder */
static char folder[PATH_MAX];
static size_t folder_length;
static char switches[PATH_MAX - 16];
static const char *sync_of;
static useconds_t sync_micros;
static long long full_after = -1, fails_at = -1;
static _Atomic long long written, syncs;
static int trace = -1;
static uint64_t traced; /* bytes in the trace */
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static int real_open(const char *path, int flags, mode_t mode) {
    static int (*real)(const char *, int, ...);
    if (!real) real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64");
    return real(path, flags, mode);
}

static ssize_t real_write(int fd, const void *bytes, size_t length) {
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    return real(fd, bytes, length);
}

static long long number(const char *name, long long otherwise) {
    const char *text = getenv(name);
    return text && *text ? atoll(text) : otherwise;
}

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("LEADLINE_DISK_FOLDER");
    if (!text || !realpath(text, folder)) return;
    folder_length = strlen(folder);
    if ((text = getenv("LEADLINE_DISK_SWITCHES"))) snprintf(switches, sizeof switches, "%s", text);
    sync_micros = (useconds_t)number("LEADLINE_DISK_SYNC_MICROS", 0);
    full_after = number("LEADLINE_DISK_FULL_AFTER_BYTES", -1);
    fails_at = number("LEADLINE_DISK_SYNC_FAILS_AT", -1);
    sync_of = getenv("LEADLINE_DISK_SYNC_OF");
    if ((text = getenv("LEADLINE_DISK_TRACE"))) {
        struct stat status;
        trace = real_open(text, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        if (trace < 0 || fstat(trace, &status)) abort();
        traced = (uint64_t)status.st_size;
    }
}

static int is_below(const char *path) {
    return folder_length && !strncmp(path, folder, folder_length) && (path[folder_length] == '/' || !path[folder_length]);
}

static int is_ours(int fd) { return fd >= 0 && fd < FILES && below[fd]; }

static int is_on(const char *name) {
    char path[PATH_MAX];
    if (!*switches) return 0;
    int kept = errno;
    snprintf(path, sizeof path, "%s/%s", switches, name);
    int on = !access(path, F_OK);
    errno = kept;
    return on;
}

static int refuse(int error) {
    errno = error;
    return -1;
}

/* The path of an open file; empty where it cannot be told. */
static void path_of(int fd, char path[PATH_MAX]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
}

/* The full path of a name that need not exist; empty where it cannot be told. */
static void full_path(int at, const char *name, char path[PATH_MAX]) {
    char parent[PATH_MAX], start[PATH_MAX];
    const char *slash = strrchr(name, '/');
    *path = 0;
    if (*name == '/' || at == AT_FDCWD) {
        snprintf(start, sizeof start, "%.*s", slash ? (int)(slash - name + 1) : 1, slash ? name : ".");
    } else {
        char from[PATH_MAX];
        path_of(at, from);
        if (snprintf(start, sizeof start, "%s/%.*s", from, slash ? (int)(slash - name) : 0, name) >= PATH_MAX) return;
    }
    if (!realpath(start, parent)) return;
    if (snprintf(path, PATH_MAX, "%s/%s", parent, slash ? slash + 1 : name) >= PATH_MAX) *path = 0;
}

static uint64_t inode(int fd) {
    struct stat status;
    return fstat(fd, &status) ? 0 : (uint64_t)status.st_ino;
}

/* Appends a record, and says where. Only who has `order` may call it. */
static uint64_t note(enum kind kind, uint64_t file, uint64_t at, const void *bytes, size_t length) {
    if (trace < 0) return 0;
    struct record record = {kind, (uint32_t)length, file, at};
    struct iovec parts[2] = {{&record, sizeof record}, {(void *)bytes, length}};
    REAL(writev);
    uint64_t place = traced;
    ssize_t whole = (ssize_t)(sizeof record + length);
    int kept = errno;
    if (real(trace, parts, 2) != whole) abort(); /* a trace with a hole proves nothing */
    errno = kept;
    traced += (uint64_t)whole;
    return place;
}

static void note_path(enum kind kind, uint64_t file, const char *path) { note(kind, file, 0, path, strlen(path)); }

static void enter(void) { pthread_mutex_lock(&order); }
static void leave(void) { pthread_mutex_unlock(&order); }

/* How many of `length` bytes may be written now: none, or all. Zero bytes fit anywhere. */
static int may_write(size_t length) {
    if (is_on("read-only")) return refuse(EROFS);
    if (is_on("full")) return refuse(ENOSPC);
    if (full_after >= 0 && written + (long long)length > full_after) return refuse(ENOSPC);
    written += (long long)length;
    return 0;
}

/* --- open and close --- */

static int watch(int fd, const char *path, int made, int flags) {
    if (fd < 0 || fd >= FILES) return fd;
    below[fd] = 1;
    if (made) note_path(MAKE, inode(fd), path);
    else if (flags & O_TRUNC) note(CUT, inode(fd), 0, NULL, 0);
    return fd;
}

static int open_at(int at, const char *name, int flags, mode_t mode) {
    static int (*real)(int, const char *, int, ...);
    if (!real) real = (int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, "openat64");
    char path[PATH_MAX];
    if (!folder_length || (full_path(at, name, path), !is_below(path))) {
        int fd = real(at, name, flags, mode);
        if (fd >= 0 && fd < FILES) below[fd] = 0;
        return fd;
    }
    int writes = (flags & O_ACCMODE) != O_RDONLY;
    if ((writes || flags & (O_CREAT | O_TRUNC)) && is_on("read-only")) return refuse(EROFS);
    enter();
    int made = (flags & O_CREAT) && access(path, F_OK);
    if (made && is_on("full")) {
        leave();
        return refuse(ENOSPC);
    }
    int fd = watch(real(at, name, flags, mode), path, made, flags);
    leave();
    return fd;
}

#define MODE_OF(flags, mode) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | __O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

int open(const char *path, int flags, ...) { MODE_OF(flags, mode) return open_at(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE_OF(flags, mode) return open_at(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE_OF(flags, mode) return open_at(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE_OF(flags, mode) return open_at(at, path, flags, mode); }
int creat(const char *path, mode_t mode) { return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }
/* What a program calls that was built with _FORTIFY_SOURCE. */
int __open_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
int __openat_2(int at, const char *path, int flags) { return open_at(at, path, flags, 0); }
int __openat64_2(int at, const char *path, int flags) { return open_at(at, path, flags, 0); }

int close(int fd) {
    REAL(close);
    if (fd >= 0 && fd < FILES) below[fd] = 0;
    return real(fd);
}

/* --- what is written --- */

/* A write at a place, or (`at` < 0) where the file stands. */
static ssize_t write_at(int fd, const void *bytes, size_t length, off64_t at) {
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (!real) real = (ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    if (!is_ours(fd)) return at < 0 ? real_write(fd, bytes, length) : real(fd, bytes, length, at);
    if (may_write(length)) return -1;
    enter();
    ssize_t done = at < 0 ? real_write(fd, bytes, length) : real(fd, bytes, length, at);
    if (done > 0) {
        /* After an append too, the file stands where the write ended. */
        off64_t place = at < 0 ? lseek64(fd, 0, SEEK_CUR) - done : at;
        note(WRITE, inode(fd), (uint64_t)place, bytes, (size_t)done);
    }
    leave();
    return done;
}

/* Many pieces, as one write after the other: fewer at once is what every caller has to expect anyway. */
static ssize_t write_pieces(int fd, const struct iovec *pieces, int count, off64_t at) {
    ssize_t whole = 0;
    for (int i = 0; i < count; i++) {
        if (!pieces[i].iov_len) continue;
        ssize_t done = write_at(fd, pieces[i].iov_base, pieces[i].iov_len, at < 0 ? at : at + whole);
        if (done < 0) return whole ? whole : -1;
        whole += done;
        if ((size_t)done < pieces[i].iov_len) break;
    }
    return whole;
}

ssize_t write(int fd, const void *bytes, size_t length) { return write_at(fd, bytes, length, -1); }
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return write_at(fd, bytes, length, at); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) { return write_at(fd, bytes, length, at); }

ssize_t writev(int fd, const struct iovec *pieces, int count) {
    REAL(writev);
    return is_ours(fd) ? write_pieces(fd, pieces, count, -1) : real(fd, pieces, count);
}
ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t at) {
    REAL(pwritev);
    return is_ours(fd) ? write_pieces(fd, pieces, count, at) : real(fd, pieces, count, at);
}
ssize_t pwritev64(int fd, const struct iovec *pieces, int count, off64_t at) {
    REAL(pwritev64);
    return is_ours(fd) ? write_pieces(fd, pieces, count, at) : real(fd, pieces, count, at);
}
ssize_t pwritev2(int fd, const struct iovec *pieces, int count, off_t at, int flags) {
    REAL(pwritev2);
    return is_ours(fd) ? write_pieces(fd, pieces, count, at) : real(fd, pieces, count, at, flags);
}
ssize_t pwritev64v2(int fd, const struct iovec *pieces, int count, off64_t at, int flags) {
    REAL(pwritev64v2);
    return is_ours(fd) ? write_pieces(fd, pieces, count, at) : real(fd, pieces, count, at, flags);
}

static int cut(int fd, off64_t length) {
    REAL(ftruncate64);
    if (!is_ours(fd)) return real(fd, length);
    if (is_on("read-only")) return refuse(EROFS);
    enter();
    int done = real(fd, length);
    if (!done) note(CUT, inode(fd), (uint64_t)length, NULL, 0);
    leave();
    return done;
}
int ftruncate(int fd, off_t length) { return cut(fd, length); }
int ftruncate64(int fd, off64_t length) { return cut(fd, length); }

/* Room that is set aside. Only a longer file shows; to dig holes changes bytes, and is refused. */
static int set_aside(int fd, int mode, off64_t at, off64_t length) {
    REAL(fallocate64);
    if (!is_ours(fd)) return real(fd, mode, at, length);
    if (mode & ~FALLOC_FL_KEEP_SIZE) return refuse(EOPNOTSUPP);
    if (may_write(0)) return -1;
    enter();
    int done = real(fd, mode, at, length);
    struct stat status;
    if (!done && !mode && !fstat(fd, &status)) note(CUT, inode(fd), (uint64_t)status.st_size, NULL, 0);
    leave();
    return done;
}
int fallocate(int fd, int mode, off_t at, off_t length) { return set_aside(fd, mode, at, length); }
int fallocate64(int fd, int mode, off64_t at, off64_t length) { return set_aside(fd, mode, at, length); }
int posix_fallocate(int fd, off_t at, off_t length) { return set_aside(fd, 0, at, length) ? errno : 0; }
int posix_fallocate64(int fd, off64_t at, off64_t length) { return set_aside(fd, 0, at, length) ? errno : 0; }

/* --- syncs --- */

static int counts(const char *path) {
    size_t length = strlen(path), ending = sync_of ? strlen(sync_of) : 0;
    return length >= ending && !strcmp(path + length - ending, sync_of ? sync_of : "");
}

static int sync_with(int fd, int (*real)(int)) {
    if (!is_ours(fd)) return real(fd);
    char path[PATH_MAX];
    struct stat status;
    int is_folder = !fstat(fd, &status) && S_ISDIR(status.st_mode);
    path_of(fd, path);
    enter();
    uint64_t file = (uint64_t)status.st_ino;
    uint64_t began = is_folder ? note(SYNC, file, 0, path, strlen(path)) : note(SYNC, file, 0, NULL, 0);
    leave();
    int fails = counts(path) && (is_on("sync-fails") | (++syncs == fails_at));
    int done = real(fd);
    if (sync_micros) {
        struct timespec rest = {sync_micros / 1000000, (long)(sync_micros % 1000000) * 1000};
        while (nanosleep(&rest, &rest) && errno == EINTR) {
        }
    }
    if (fails) return refuse(EIO);
    if (done) return done;
    enter();
    note(SYNCED, file, began, NULL, 0);
    leave();
    return 0;
}
int fsync(int fd) {
    REAL(fsync);
    return sync_with(fd, real);
}
int fdatasync(int fd) {
    REAL(fdatasync);
    return sync_with(fd, real);
}

/* --- names --- */

static int rename_at(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
    static int (*real)(int, const char *, int, const char *, unsigned);
    if (!real) real = (int (*)(int, const char *, int, const char *, unsigned))dlsym(RTLD_NEXT, "renameat2");
    char paths[2 * PATH_MAX], second[PATH_MAX];
    if (!folder_length) return real(from_at, from, to_at, to, flags);
    full_path(from_at, from, paths);
    full_path(to_at, to, second);
    if (!is_below(paths) && !is_below(second)) return real(from_at, from, to_at, to, flags);
    if (is_on("read-only")) return refuse(EROFS);
    enter();
    int done = real(from_at, from, to_at, to, flags);
    if (!done) {
        size_t length = strlen(paths) + 1;
        strcpy(paths + length, second);
        note(RENAME, 0, 0, paths, length + strlen(second));
    }
    leave();
    return done;
}
int rename(const char *from, const char *to) { return rename_at(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int from_at, const char *from, int to_at, const char *to) { return rename_at(from_at, from, to_at, to, 0); }
int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
    return rename_at(from_at, from, to_at, to, flags);
}

static int remove_at(int at, const char *name, int flags) {
    static int (*real)(int, const char *, int);
    if (!real) real = (int (*)(int, const char *, int))dlsym(RTLD_NEXT, "unlinkat");
    char path[PATH_MAX];
    if (!folder_length || (full_path(at, name, path), !is_below(path))) return real(at, name, flags);
    if (is_on("read-only")) return refuse(EROFS);
    enter();
    int done = real(at, name, flags);
    if (!done) note_path(REMOVE, 0, path);
    leave();
    return done;
}
int unlink(const char *path) { return remove_at(AT_FDCWD, path, 0); }
int unlinkat(int at, const char *path, int flags) { return remove_at(at, path, flags); }
int rmdir(const char *path) { return remove_at(AT_FDCWD, path, AT_REMOVEDIR); }

static int make_folder(int at, const char *name, mode_t mode) {
    static int (*real)(int, const char *, mode_t);
    if (!real) real = (int (*)(int, const char *, mode_t))dlsym(RTLD_NEXT, "mkdirat");
    char path[PATH_MAX];
    if (!folder_length || (full_path(at, name, path), !is_below(path))) return real(at, name, mode);
    if (is_on("read-only") && access(path, F_OK)) return refuse(EROFS);
    enter();
    int done = real(at, name, mode);
    if (!done) note_path(FOLDER, 0, path);
    leave();
    return done;
}
int mkdir(const char *path, mode_t mode) { return make_folder(AT_FDCWD, path, mode); }
int mkdirat(int at, const char *path, mode_t mode) { return make_folder(at, path, mode); }
