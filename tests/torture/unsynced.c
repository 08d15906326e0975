/* A disk that forgets what was not synced, fails on demand, and is slow on demand.
 *
 * Loaded with LD_PRELOAD. It watches the files in one folder (UNSYNCED_FOLDER): every change of
 * them goes to the real file system, and into a log (UNSYNCED_LOG) from which unsynced.py makes
 * what a power cut would have left at any moment. Faults come from a small file that is mapped
 * (UNSYNCED_CONTROL), so that a test turns them on and off while the program runs.
 *
 * Not watched: writes through mmap (SQLite's -shm, which a power cut is allowed to lose) and the
 * calls that Python and SQLite do not use for files.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { OPEN = 1, WRITE = 2, SYNC = 4, TRUNCATE = 8, NAME = 16, READ = 32 };

/* unsynced.py writes this struct. */
struct control {
    int32_t error;       /* errno of failing calls; 0: none fail */
    uint32_t error_ops;  /* which calls fail */
    uint32_t per_mille;  /* how many of them */
    uint32_t delay_ms;
    uint32_t delay_ops;
    char match[108];     /* only paths that contain this */
};

struct record {
    uint8_t op;          /* o(pen) w(rite) t(runcate) s(ync) r(ename) u(nlink) m(kdir) d(irectory) */
    uint8_t pad[3];
    uint32_t size;       /* of what follows: data, or a path, or two paths with a NUL between */
    uint64_t inode;
    uint64_t at;         /* offset of a write, length of a truncation, 1 for a new file */
} __attribute__((packed));

#define FILES 65536
static char *paths[FILES];
static char folder[PATH_MAX];
static size_t folder_length;
static int log_fd = -1;
static struct control *control;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned seed = 1;

static int (*real_open)(const char *, int, ...);
static int (*real_openat)(int, const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static ssize_t (*real_read)(int, void *, size_t);
static ssize_t (*real_pread)(int, void *, size_t, off64_t);
static int (*real_ftruncate)(int, off64_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_rename)(const char *, const char *);
static int (*real_unlink)(const char *);
static int (*real_unlinkat)(int, const char *, int);
static int (*real_mkdir)(const char *, mode_t);

static void begin(void) {
    static int begun;
    if (begun)
        return;
    begun = 1;
    real_open = dlsym(RTLD_NEXT, "open64");
    real_openat = dlsym(RTLD_NEXT, "openat64");
    real_close = dlsym(RTLD_NEXT, "close");
    real_write = dlsym(RTLD_NEXT, "write");
    real_writev = dlsym(RTLD_NEXT, "writev");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_read = dlsym(RTLD_NEXT, "read");
    real_pread = dlsym(RTLD_NEXT, "pread64");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_rename = dlsym(RTLD_NEXT, "rename");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    real_unlinkat = dlsym(RTLD_NEXT, "unlinkat");
    real_mkdir = dlsym(RTLD_NEXT, "mkdir");
    const char *watched = getenv("UNSYNCED_FOLDER");
    const char *log = getenv("UNSYNCED_LOG");
    const char *faults = getenv("UNSYNCED_CONTROL");
    if (watched == NULL || strlen(watched) >= sizeof folder)
        return;
    strcpy(folder, watched);
    folder_length = strlen(folder);
    if (log != NULL)
        log_fd = real_open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (faults != NULL) {
        int fd = real_open(faults, O_RDWR | O_CLOEXEC);
        if (fd >= 0) {
            void *map = mmap(NULL, sizeof *control, PROT_READ, MAP_SHARED, fd, 0);
            if (map != MAP_FAILED)
                control = map;
            real_close(fd);
        }
    }
}

__attribute__((constructor)) static void constructed(void) { begin(); }

static int watched(const char *path) {
    return folder_length > 0 && path != NULL && strncmp(path, folder, folder_length) == 0 &&
           (path[folder_length] == '/' || path[folder_length] == 0);
}

static const char *path_of(int fd) { return fd >= 0 && fd < FILES ? paths[fd] : NULL; }

/* Waits and fails as the control file says; 0: go on. */
static int fault(const char *path, uint32_t op) {
    if (control == NULL || path == NULL)
        return 0;
    if (control->match[0] != 0 && strstr(path, control->match) == NULL)
        return 0;
    if (control->delay_ops & op && control->delay_ms > 0) {
        /* In short steps, so that a test can end a stall. */
        struct timespec begun, now, step = {0, 5 * 1000 * 1000};
        clock_gettime(CLOCK_MONOTONIC, &begun);
        do {
            nanosleep(&step, NULL);
            clock_gettime(CLOCK_MONOTONIC, &now);
        } while (control->delay_ops & op &&
                 (now.tv_sec - begun.tv_sec) * 1000 + (now.tv_nsec - begun.tv_nsec) / 1000000 <
                     (long)control->delay_ms);
    }
    if (control->error != 0 && control->error_ops & op &&
        (uint32_t)(rand_r(&seed) % 1000) < control->per_mille) {
        errno = control->error;
        return -1;
    }
    return 0;
}

static void put(char op, uint64_t inode, uint64_t at, const void *data, size_t size) {
    if (log_fd < 0)
        return;
    struct record record = {.op = (uint8_t)op, .size = (uint32_t)size, .inode = inode, .at = at};
    struct iovec parts[2] = {{&record, sizeof record}, {(void *)data, size}};
    (void)!real_writev(log_fd, parts, 2);
}

static uint64_t inode_of(int fd) {
    struct stat64 status;
    return fstat64(fd, &status) == 0 ? (uint64_t)status.st_ino : 0;
}

static void enter(void) { pthread_mutex_lock(&lock); }
static void leave(void) {
    int saved = errno;
    pthread_mutex_unlock(&lock);
    errno = saved;
}

static int do_open(const char *path, int flags, mode_t mode) {
    begin();
    if (!watched(path))
        return real_open(path, flags, mode);
    int changes = (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC);
    if (fault(path, changes ? OPEN : READ))
        return -1;
    enter();
    struct stat64 before;
    int is_new = stat64(path, &before) != 0;
    int fd = real_open(path, flags, mode);
    if (fd >= 0 && fd < FILES) {
        struct stat64 status;
        fstat64(fd, &status);
        free(paths[fd]);
        paths[fd] = strdup(path);
        put(S_ISDIR(status.st_mode) ? 'd' : 'o', status.st_ino, is_new, path, strlen(path));
        if (flags & O_TRUNC && !is_new)
            put('t', status.st_ino, 0, "", 0);
    }
    leave();
    return fd;
}

#define MODE(flags)                                                                                \
    mode_t mode = 0;                                                                               \
    if (flags & (O_CREAT | O_TMPFILE)) {                                                           \
        va_list list;                                                                              \
        va_start(list, flags);                                                                     \
        mode = va_arg(list, mode_t);                                                               \
        va_end(list);                                                                              \
    }

int open64(const char *path, int flags, ...) { MODE(flags) return do_open(path, flags, mode); }
int open(const char *path, int flags, ...) { MODE(flags) return do_open(path, flags, mode); }
int creat64(const char *path, mode_t mode) {
    return do_open(path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
int creat(const char *path, mode_t mode) { return creat64(path, mode); }

int openat64(int at, const char *path, int flags, ...) {
    MODE(flags)
    begin();
    if (path[0] == '/')
        return do_open(path, flags, mode);
    const char *base = path_of(at);
    if (base == NULL)
        return real_openat(at, path, flags, mode);
    char whole[PATH_MAX * 2];
    strcpy(whole, base);
    strcat(whole, "/");
    strncat(whole, path, PATH_MAX - 1);
    return do_open(whole, flags, mode);
}
int openat(int at, const char *path, int flags, ...) {
    MODE(flags)
    return openat64(at, path, flags, mode);
}

int close(int fd) {
    begin();
    if (fd >= 0 && fd == log_fd) { /* a program that closes all it does not know */
        errno = EBADF;
        return -1;
    }
    if (path_of(fd) != NULL) {
        enter();
        free(paths[fd]);
        paths[fd] = NULL;
        leave();
    }
    return real_close(fd);
}

ssize_t write(int fd, const void *data, size_t size) {
    begin();
    const char *path = path_of(fd);
    if (path == NULL)
        return real_write(fd, data, size);
    if (fault(path, WRITE))
        return -1;
    enter();
    ssize_t done = real_write(fd, data, size);
    if (done > 0)
        put('w', inode_of(fd), (uint64_t)(lseek64(fd, 0, SEEK_CUR) - done), data, (size_t)done);
    leave();
    return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    begin();
    if (path_of(fd) == NULL)
        return real_writev(fd, parts, count);
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        ssize_t done = write(fd, parts[i].iov_base, parts[i].iov_len);
        if (done < 0)
            return total > 0 ? total : -1;
        total += done;
    }
    return total;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    begin();
    const char *path = path_of(fd);
    if (path == NULL)
        return real_pwrite(fd, data, size, at);
    if (fault(path, WRITE))
        return -1;
    enter();
    ssize_t done = real_pwrite(fd, data, size, at);
    if (done > 0)
        put('w', inode_of(fd), (uint64_t)at, data, (size_t)done);
    leave();
    return done;
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    return pwrite64(fd, data, size, at);
}

ssize_t read(int fd, void *data, size_t size) {
    begin();
    return fault(path_of(fd), READ) ? -1 : real_read(fd, data, size);
}
ssize_t pread64(int fd, void *data, size_t size, off64_t at) {
    begin();
    return fault(path_of(fd), READ) ? -1 : real_pread(fd, data, size, at);
}
ssize_t pread(int fd, void *data, size_t size, off_t at) { return pread64(fd, data, size, at); }

/* Copies within the kernel are not seen: they are refused, and the caller reads and writes. */
ssize_t sendfile64(int to, int from, off64_t *at, size_t size) {
    (void)from, (void)at, (void)size, (void)to;
    errno = EINVAL;
    return -1;
}
ssize_t sendfile(int to, int from, off_t *at, size_t size) {
    return sendfile64(to, from, (off64_t *)at, size);
}

int ftruncate64(int fd, off64_t size) {
    begin();
    const char *path = path_of(fd);
    if (path == NULL)
        return real_ftruncate(fd, size);
    if (fault(path, TRUNCATE))
        return -1;
    enter();
    int failed = real_ftruncate(fd, size);
    if (!failed)
        put('t', inode_of(fd), (uint64_t)size, "", 0);
    leave();
    return failed;
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

static int do_sync(int fd, int (*real)(int)) {
    const char *path = path_of(fd);
    if (path == NULL)
        return real(fd);
    if (fault(path, SYNC))
        return -1;
    enter(); /* nothing is written meanwhile, so all that was written before is synced */
    put('s', inode_of(fd), 0, "", 0);
    leave();
    return 0; /* the log remembers; the real disk need not be troubled */
}
int fsync(int fd) {
    begin();
    return do_sync(fd, real_fsync);
}
int fdatasync(int fd) {
    begin();
    return do_sync(fd, real_fdatasync);
}

int rename(const char *from, const char *to) {
    begin();
    if (!watched(from) && !watched(to))
        return real_rename(from, to);
    if (fault(to, NAME))
        return -1;
    enter();
    int failed = real_rename(from, to);
    if (!failed) {
        char both[PATH_MAX * 2];
        size_t length = strlen(from);
        memcpy(both, from, length + 1);
        strcpy(both + length + 1, to);
        put('r', 0, 0, both, length + 1 + strlen(to));
    }
    leave();
    return failed;
}

int unlink(const char *path) {
    begin();
    if (!watched(path))
        return real_unlink(path);
    if (fault(path, NAME))
        return -1;
    enter();
    int failed = real_unlink(path);
    if (!failed)
        put('u', 0, 0, path, strlen(path));
    leave();
    return failed;
}
int unlinkat(int at, const char *path, int flags) {
    begin();
    if (at == AT_FDCWD && flags == 0)
        return unlink(path);
    return real_unlinkat(at, path, flags);
}

int mkdir(const char *path, mode_t mode) {
    begin();
    if (!watched(path))
        return real_mkdir(path, mode);
    if (fault(path, NAME))
        return -1;
    enter();
    int failed = real_mkdir(path, mode);
    if (!failed)
        put('m', 0, 0, path, strlen(path));
    leave();
    return failed;
}
