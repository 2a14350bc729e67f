/* Preloaded into a traced run: notes which files are opened, and keeps what is about to be overwritten.
 *
 * The Python audit hook (hook.py) sees what Python opens; this sees what C and C++ libraries and other programs
 * open. Both append the same records to <spool>/trace, one write each, so that any number of processes share it:
 *
 *     kind TAB monotonic ns TAB pid TAB size TAB mtime ns TAB inode TAB absolute path NUL
 *
 * kind: r read, w written from empty, a opened to read and write, p appended to or overwritten in place without being
 * read, m arrived by rename, u left by rename,
 * d folder made, l symbolic link made, g gone: removed although it stood there before the run; x a program started that
 * can't be watched, being static or kept from this library (n, a network address, comes from the hook alone).
 * e a program executed or a library loaded that is not the system's: compiled code that the run is made of.
 * Before the first write to a file that exists, and before it is removed, its content is copied to <spool>/pre/<fnv-1a of the path>; for
 * one that does not, an empty <fnv>.new stands there. So an input that a run overwrites is still an input.
 *
 * What is read from the pipe that is the run's standard input (ANEW_STDIN=<device>:<inode>) is copied to <spool>/stdin:
 * a pipe can't be read twice. Where that fails, <spool>/stdin.lost says so.
 *
 * With ANEW_MAP_FROM and ANEW_MAP_TO (a path a line, in pairs) what is asked for at or below the one is had from the
 * other: a script that names its project, or a file beside it, by an absolute path finds the recreated one in a
 * reproduction, and leaves the user's files alone.
 *
 * The one variable of ours is $ANEW_CAPTURE, the spool: what else is named ANEW_… here stands in <spool>/variables. A
 * script is not to see it, nor us in LD_PRELOAD: both are taken out as its interpreter starts, and put back for each
 * child, with the folder on PYTHONPATH that begins capture in a Python (which takes that out itself). So a script finds
 * the variables that it would find without us, and its children are watched whatever environment it gives them.
 *
 * With ANEW_CLOCK=<seconds> the wall clock starts there and moves a microsecond a reading: the test for "time" as
 * the cause of a difference. With ANEW_CLOCK=<seconds>x<pace> it runs so many times as fast from there on: the test for
 * what is a duration. Nothing here may fail loudly: every error leaves the call as if we were not there.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <alloca.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef FICLONE
#define FICLONE _IOW(0x94, 9, int)
#endif
#define SEEN_SLOTS (1u << 15)
#define MOST_PRE_BYTES (256ll << 20)
#define MOST_MAPPED 256

static char spool[PATH_MAX], root[PATH_MAX], store[PATH_MAX];
static char skip[16][PATH_MAX];
static char *map_from[MOST_MAPPED], *map_to[MOST_MAPPED];
static int maps;
static char boot[PATH_MAX];             /* what stands first on PYTHONPATH for a Python to begin capture */
static char library[PATH_MAX];          /* this very file, as LD_PRELOAD names it */
static char capture[PATH_MAX + 16];     /* ANEW_CAPTURE=<spool> */
static char *variables;                 /* NAME=value, each ended by a NUL, the last by two */
static int skips, active;
static unsigned long long stdin_device, stdin_inode; /* 0: it is no pipe, or none of ours */
static _Atomic int stdin_alias = -1; /* the descriptor that /dev/stdin was opened as */
static int64_t clock_base_ns = -1;
static double clock_pace;  /* 0: it is held still */
static _Atomic uint64_t clock_reads;
static _Atomic uint64_t seen[SEEN_SLOTS];

static const char *setting(const char *name) {
    size_t length = strlen(name);
    for (const char *at = variables; at && *at; at += strlen(at) + 1)
        if (!strncmp(at, name, length) && at[length] == '=') return at + length + 1;
    return NULL;
}

static void copy_setting(char *to, const char *name) {
    const char *value = setting(name);
    snprintf(to, PATH_MAX, "%s", value ? value : "");
}

/* The lines of a setting, each a string of its own. */
static int lines(const char *name, char **out) {
    const char *value = setting(name);
    char *rest = value ? strdup(value) : NULL;
    int found = 0;
    for (char *line; rest && *rest && found < MOST_MAPPED && (line = strsep(&rest, "\n"));) out[found++] = line;
    return found;
}

/* Read <spool>/variables, whole; it stays for as long as the process. */
static int read_variables(const char *folder) {
    char path[PATH_MAX + 16];
    struct stat info;
    snprintf(path, sizeof path, "%s/variables", folder);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) return 0;
    ssize_t got = -1;
    if (!fstat(fd, &info) && (variables = calloc(1, (size_t)info.st_size + 2)))
        got = syscall(SYS_pread64, fd, variables, (size_t)info.st_size, 0);
    syscall(SYS_close, fd);
    return got >= 0 && got == info.st_size;
}

/* Whether this process runs a script, which may look at its variables. A launcher (srun, mpirun) hands all of them on to
 * where no call of ours sees it: there they stay. */
static int runs_script(void) {
    static const char *const names[] = {"python", "pypy", "perl", "ruby", "julia"};
    static const char *const whole[] = {"sh", "bash", "dash", "zsh", "ksh", "fish", "env", "printenv", "R", "node"};
    char path[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
    path[size > 0 ? size : 0] = 0;
    const char *name = strrchr(path, '/');
    for (size_t i = 0; name && i < sizeof names / sizeof *names; i++)
        if (!strncmp(name + 1, names[i], strlen(names[i]))) return 1;
    for (size_t i = 0; name && i < sizeof whole / sizeof *whole; i++)
        if (!strcmp(name + 1, whole[i])) return 1;
    return 0;
}

/* Leave the script the variables that it would have without us. */
static void make_way(void) {
    const char *value = getenv("LD_PRELOAD");
    unsetenv("ANEW_CAPTURE");
    size_t length = strlen(library);
    if (!value || strncmp(value, library, length)) return;
    if (!value[length]) {
        unsetenv("LD_PRELOAD");
    } else if (value[length] == ':') {
        char *rest = strdup(value + length + 1);
        if (rest) setenv("LD_PRELOAD", rest, 1);
        free(rest);
    }
}

static void note_loaded(void);

__attribute__((constructor)) static void start(void) {
    const char *folder = getenv("ANEW_CAPTURE");
    Dl_info own;
    if (!folder || strlen(folder) >= PATH_MAX || !read_variables(folder) || !dladdr((void *)&capture, &own)) return;
    snprintf(library, sizeof library, "%s", own.dli_fname);
    snprintf(capture, sizeof capture, "ANEW_CAPTURE=%s", folder);
    snprintf(spool, sizeof spool, "%s", folder);
    maps = lines("ANEW_MAP_FROM", map_from);
    if (lines("ANEW_MAP_TO", map_to) != maps) maps = 0;
    copy_setting(root, "ANEW_ROOT");
    copy_setting(store, "ANEW_STORE_PATH");
    copy_setting(boot, "ANEW_BOOT");
    const char *clock = setting("ANEW_CLOCK");
    if (clock && *clock) {
        char *rest;
        clock_base_ns = (int64_t)(strtod(clock, &rest) * 1e9);
        if (*rest == 'x') clock_pace = atof(rest + 1);
    }
    const char *in = setting("ANEW_STDIN");
    if (in && sscanf(in, "%llu:%llu", &stdin_device, &stdin_inode) != 2) stdin_inode = 0;
    const char *list = setting("ANEW_SKIP");
    while (list && *list && skips < 16) {
        size_t length = strcspn(list, ":");
        if (length && length < PATH_MAX) {
            memcpy(skip[skips], list, length);
            skip[skips++][length] = 0;
        }
        list += length + (list[length] == ':');
    }
    if (runs_script()) make_way();
    active = 1;
    note_loaded();
}

static int below(const char *path, const char *folder) {
    size_t length = strlen(folder);
    return length && !strncmp(path, folder, length) && (path[length] == '/' || !path[length]);
}

static int ends(const char *path, const char *tail) {
    size_t a = strlen(path), b = strlen(tail);
    return a >= b && !strcmp(path + a - b, tail);
}

/* `path`, or what stands for it in a recreated project, written to `other` (PATH_MAX bytes). */
static const char *mapped(const char *path, char *other) {
    if (!maps || !path || path[0] != '/' || below(path, store) || below(path, spool)) return path;
    if (strstr(path, "/.git/")) return path; /* a recreated repository borrows the objects of the one there */
    for (int i = 0; i < maps; i++) {
        if (!below(path, map_from[i])) continue;
        int size = snprintf(other, PATH_MAX, "%s%s", map_to[i], path + strlen(map_from[i]));
        return size > 0 && size < PATH_MAX ? other : path;
    }
    return path;
}

/* Installed packages, the interpreters' own, the store itself: neither data nor the run's code. */
static int installed(const char *path) {
    if (below(path, store) || below(path, spool)) return 1;
    if (strstr(path, "/site-packages/") || strstr(path, "/dist-packages/") || strstr(path, "/.git/")) return 1;
    for (int i = 0; i < skips; i++)
        if (below(path, skip[i]) && !below(root, skip[i])) return 1;
    return 0;
}

static int of_system(const char *path) {
    static const char *const system[] = {"/proc", "/sys", "/dev", "/etc", "/usr", "/lib", "/lib64", "/bin", "/sbin", "/run"};
    if (below(path, root)) return 0;
    if (below(path, "/dev/shm")) { /* a disk like others, but for what processes share there */
        static const char *const shared[] = {"sem.", "psm_", "torch_", "joblib_memmapping", "__KMP_", "pymp-", "nccl-",
                                             "cuda.shm.", "vader_segment", "PostgreSQL."};
        for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
            if (!strncmp(path + 9, shared[i], strlen(shared[i]))) return 1;
        return 0;
    }
    for (size_t i = 0; i < sizeof system / sizeof *system; i++)
        if (below(path, system[i])) return 1;
    return 0;
}

/* What is never data. */
static int ignored(const char *path) {
    return installed(path) || of_system(path) || (ends(path, ".pyc") && !below(path, root));
}

/* `path` as seen from `folder` (a descriptor or AT_FDCWD), made absolute, with . and .. taken out; 0 if it can't be. */
static int absolute(int folder, const char *path, char *out) {
    char whole[2 * PATH_MAX];
    if (path[0] == '/') {
        if (snprintf(whole, sizeof whole, "%s", path) >= PATH_MAX) return 0;
    } else {
        char base[PATH_MAX];
        if (folder == AT_FDCWD) {
            if (syscall(SYS_getcwd, base, sizeof base) < 0) return 0;
        } else {
            char link[64];
            snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
            ssize_t size = readlink(link, base, sizeof base - 1);
            if (size <= 0) return 0;
            base[size] = 0;
        }
        if (snprintf(whole, sizeof whole, "%s/%s", base, path) >= PATH_MAX) return 0;
    }
    size_t used = 0;
    for (char *part = whole; *part;) {
        while (*part == '/') part++;
        size_t length = strcspn(part, "/");
        if (!length) break;
        if (length == 2 && part[0] == '.' && part[1] == '.') {
            while (used && out[--used] != '/') {}
        } else if (!(length == 1 && part[0] == '.')) {
            out[used++] = '/';
            memcpy(out + used, part, length);
            used += length;
        }
        part += length;
    }
    out[used] = 0;
    return used > 0;
}

static uint64_t fnv(const char *text, uint64_t hash) {
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 1099511628211ull;
    return hash;
}
#define FNV_START 14695981039346656037ull

/* Whether this process noted `path` under `kind` before; remembers it. */
static int noted(const char *path, char kind) {
    uint64_t key = fnv(path, FNV_START) * 31 + (uint64_t)kind;
    if (!key) key = 1;
    for (uint32_t i = 0; i < 8; i++) {
        uint64_t expected = 0;
        _Atomic uint64_t *slot = &seen[(key + i) % SEEN_SLOTS];
        if (atomic_load(slot) == key) return 1;
        if (atomic_compare_exchange_strong(slot, &expected, key)) return 0;
        if (expected == key) return 1;
    }
    return 0;
}

static int own_open(const char *path, int flags, int mode) {
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, mode);
}

static void note(char kind, const char *path, const struct stat *info) {
    char line[PATH_MAX + 160], trace[PATH_MAX + 8];
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    int size = snprintf(line, sizeof line, "%c\t%lld\t%d\t%lld\t%lld\t%llu\t%s", kind,
                        (long long)now.tv_sec * 1000000000ll + now.tv_nsec, (int)getpid(), (long long)info->st_size,
                        (long long)info->st_mtim.tv_sec * 1000000000ll + info->st_mtim.tv_nsec,
                        (unsigned long long)info->st_ino, path);
    if (size <= 0 || (size_t)size >= sizeof line) return;
    snprintf(trace, sizeof trace, "%s/trace", spool);
    int fd = own_open(trace, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd < 0) return;
    ssize_t written = write(fd, line, (size_t)size + 1); /* with its NUL */
    (void)written;
    syscall(SYS_close, fd);
}

static int is_stdin(int fd) {
    struct stat info;
    return !fstat(fd, &info) && info.st_ino == stdin_inode && info.st_dev == stdin_device;
}

static void keep_stdin(const void *data, size_t size) {
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/stdin", spool);
    int fd = own_open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    ssize_t done = fd < 0 ? -1 : write(fd, data, size);
    if (fd >= 0) syscall(SYS_close, fd);
    if (done == (ssize_t)size) return;
    snprintf(path, sizeof path, "%s/stdin.lost", spool);
    fd = own_open(path, O_WRONLY | O_CREAT, 0600);
    if (fd >= 0) syscall(SYS_close, fd);
}

static void copy_content(int from, int to, long long left) {
    if (!ioctl(to, FICLONE, from)) return;
    while (left > 0) {
        long long done = syscall(SYS_copy_file_range, from, NULL, to, NULL, (size_t)left, 0);
        if (done <= 0) break;
        left -= done;
    }
    static _Thread_local char block[1 << 16];
    while (left > 0) {
        ssize_t got = read(from, block, sizeof block);
        if (got <= 0 || write(to, block, (size_t)got) != got) break;
        left -= got;
    }
}

/* Keep what stands at `path` before the run's first write to it. */
static void keep(const char *path) {
    char copy[PATH_MAX + 64], fresh[PATH_MAX + 96], part[PATH_MAX + 96];
    uint64_t name = fnv(path, FNV_START);
    struct stat info;
    snprintf(copy, sizeof copy, "%s/pre/%016llx", spool, (unsigned long long)name);
    snprintf(fresh, sizeof fresh, "%s.new", copy);
    if (!access(copy, F_OK) || !access(fresh, F_OK)) return;
    int missing = stat(path, &info);
    if (missing || !S_ISREG(info.st_mode) || info.st_size > MOST_PRE_BYTES) {
        if (missing && (errno == ENOENT || errno == ENOTDIR)) {
            int fd = own_open(fresh, O_WRONLY | O_CREAT | O_EXCL, 0600);
            if (fd >= 0) syscall(SYS_close, fd);
        }
        return;
    }
    int from = own_open(path, O_RDONLY, 0);
    if (from < 0) return;
    snprintf(part, sizeof part, "%s.%d", copy, (int)getpid());
    int to = own_open(part, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (to >= 0) {
        copy_content(from, to, info.st_size);
        syscall(SYS_close, to);
        /* Fails when somebody else was first: theirs is the older one. */
        syscall(SYS_linkat, AT_FDCWD, part, AT_FDCWD, copy, 0);
        syscall(SYS_unlinkat, AT_FDCWD, part, 0);
    }
    syscall(SYS_close, from);
}

static char kind_of(int flags) {
    if ((flags & O_ACCMODE) == O_RDONLY) return 'r';
    return flags & O_TRUNC ? 'w' : (flags & O_ACCMODE) == O_RDWR ? 'a' : 'p';
}

/* Before an open for writing: 'w' or 'a' with `out` set to the path, or 0 when there is nothing to keep. */
static char before(int folder, const char *path, int flags, char *out) {
    if (!active || !path || (flags & O_PATH) == O_PATH || (flags & O_DIRECTORY)) return 0;
    if (!absolute(folder, path, out) || ignored(out)) return 0;
    char kind = kind_of(flags);
    if (kind == 'r' && ends(out, ".so") && !below(out, root)) return 0; /* what is loaded is noted as that */
    if ((kind == 'a' || kind == 'p') && (flags & O_CREAT) && access(out, F_OK)) kind = 'w';
    if (kind != 'r') keep(out);
    return kind;
}

static void after(int fd, char kind, const char *path) {
    struct stat info;
    if (fd >= 0 && stdin_inode && is_stdin(fd)) atomic_store(&stdin_alias, fd);
    if (fd < 0 || !kind || fstat(fd, &info) || !S_ISREG(info.st_mode)) return;
    if (!noted(path, kind)) note(kind, path, &info);
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

#define DEFINE_OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(int, #name, const char *, int, ...); \
        va_list list; \
        va_start(list, flags); \
        int mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(list, int) : 0; \
        va_end(list); \
        char out[PATH_MAX + 2], other[PATH_MAX]; \
        path = mapped(path, other); \
        int saved = errno; \
        char kind = before(AT_FDCWD, path, flags, out); \
        errno = saved; \
        int fd = real(path, flags, mode); \
        saved = errno; \
        after(fd, kind, out); \
        errno = saved; \
        return fd; \
    }

#define DEFINE_OPENAT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        REAL(int, #name, int, const char *, int, ...); \
        va_list list; \
        va_start(list, flags); \
        int mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(list, int) : 0; \
        va_end(list); \
        char out[PATH_MAX + 2], other[PATH_MAX]; \
        path = mapped(path, other); \
        int saved = errno; \
        char kind = before(folder, path, flags, out); \
        errno = saved; \
        int fd = real(folder, path, flags, mode); \
        saved = errno; \
        after(fd, kind, out); \
        errno = saved; \
        return fd; \
    }

#define DEFINE_FOPEN(name) \
    FILE *name(const char *path, const char *mode) { \
        REAL(FILE *, #name, const char *, const char *); \
        char out[PATH_MAX + 2], other[PATH_MAX]; \
        path = mapped(path, other); \
        int saved = errno; \
        int plus = strchr(mode, '+') != NULL; \
        int flags = *mode == 'r' ? (plus ? O_RDWR : O_RDONLY) \
                  : *mode == 'w' ? O_WRONLY | O_CREAT | O_TRUNC : (plus ? O_RDWR : O_WRONLY) | O_CREAT | O_APPEND; \
        char kind = before(AT_FDCWD, path, flags, out); \
        errno = saved; \
        FILE *file = real(path, mode); \
        saved = errno; \
        if (file) after(fileno(file), kind, out); \
        errno = saved; \
        return file; \
    }

#define DEFINE_OPEN_2(name, plain) \
    int name(const char *path, int flags) { return plain(path, flags); }

DEFINE_OPEN(open)
DEFINE_OPEN(open64)
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)
DEFINE_FOPEN(fopen)
DEFINE_FOPEN(fopen64)
DEFINE_OPEN_2(__open_2, open)
DEFINE_OPEN_2(__open64_2, open64)

int __openat_2(int folder, const char *path, int flags) { return openat(folder, path, flags); }
int __openat64_2(int folder, const char *path, int flags) { return openat64(folder, path, flags); }
int creat(const char *path, mode_t mode) { return open(path, O_WRONLY | O_CREAT | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return open64(path, O_WRONLY | O_CREAT | O_TRUNC, mode); }

/* The C library's own buffers (fread, getline) call past this; the supervisor notices that something was read unseen. */
ssize_t read(int fd, void *data, size_t size) {
    REAL(ssize_t, "read", int, void *, size_t);
    ssize_t got = real ? real(fd, data, size) : syscall(SYS_read, fd, data, size);
    if (got > 0 && stdin_inode && active && (fd == 0 || fd == atomic_load(&stdin_alias))) {
        int saved = errno;
        if (is_stdin(fd)) keep_stdin(data, (size_t)got);
        errno = saved;
    }
    return got;
}

ssize_t __read_chk(int fd, void *data, size_t size, size_t room) {
    (void)room;
    return read(fd, data, size);
}

static void before_rename(int from_folder, const char *from, int to_folder, const char *to, char *source, char *target) {
    if (!active || !absolute(from_folder, from, source)) *source = 0;
    if (!active || !absolute(to_folder, to, target)) *target = 0;
    if (*target && !ignored(target)) keep(target);
}

static void after_rename(const char *source, const char *target) {
    struct stat info;
    if (!*target || stat(target, &info) || !S_ISREG(info.st_mode)) return;
    if (*source && !ignored(source)) note('u', source, &info);
    if (!ignored(target)) note('m', target, &info);
}

#define DEFINE_RENAME(name, params, real_params, from_folder, from, to_folder, to, call) \
    int name params { \
        REAL(int, #name, real_params); \
        char source[PATH_MAX + 2] = "", target[PATH_MAX + 2] = "", here[PATH_MAX], there[PATH_MAX]; \
        from = mapped(from, here); \
        to = mapped(to, there); \
        int saved = errno; \
        before_rename(from_folder, from, to_folder, to, source, target); \
        errno = saved; \
        int result = real call; \
        saved = errno; \
        if (!result) after_rename(source, target); \
        errno = saved; \
        return result; \
    }
#define COMMA ,
DEFINE_RENAME(rename, (const char *from, const char *to), const char * COMMA const char *, AT_FDCWD, from, AT_FDCWD, to,
              (from, to))
DEFINE_RENAME(renameat, (int fa, const char *from, int fb, const char *to),
              int COMMA const char * COMMA int COMMA const char *, fa, from, fb, to, (fa, from, fb, to))
DEFINE_RENAME(renameat2, (int fa, const char *from, int fb, const char *to, unsigned flags),
              int COMMA const char * COMMA int COMMA const char * COMMA unsigned, fa, from, fb, to,
              (fa, from, fb, to, flags))

/* A file that goes may have been read before: what stood there is kept as before a write. Whether it stood there. */
static int before_unlink(int folder, const char *name, char *path) {
    int saved = errno, there = 0;
    struct stat info;
    if (active && absolute(folder, name, path) && !ignored(path) && !stat(path, &info) && S_ISREG(info.st_mode)) {
        keep(path);
        there = 1;
    }
    errno = saved;
    return there;
}

static void after_unlink(const char *path) {
    struct stat none = {0};
    int saved = errno;
    note('g', path, &none);
    errno = saved;
}

#define UNLINK(folder, path, call) \
    char out[PATH_MAX + 2], other[PATH_MAX]; \
    path = mapped(path, other); \
    int there = before_unlink(folder, path, out); \
    int result = call; \
    if (!result && there) after_unlink(out); \
    return result

int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    UNLINK(AT_FDCWD, path, real(path));
}

int remove(const char *path) {
    REAL(int, "remove", const char *);
    UNLINK(AT_FDCWD, path, real(path));
}

int unlinkat(int folder, const char *path, int flags) {
    REAL(int, "unlinkat", int, const char *, int);
    if (flags & AT_REMOVEDIR) {
        char other[PATH_MAX];
        return real(folder, mapped(path, other), flags);
    }
    UNLINK(folder, path, real(folder, path, flags));
}

/* A name that the run itself makes for a file: what is opened by it is no input. */
static void note_link(char kind, int folder, const char *name) {
    char path[PATH_MAX + 2];
    struct stat info;
    int saved = errno;
    if (active && absolute(folder, name, path) && !ignored(path) && !lstat(path, &info)) note(kind, path, &info);
    errno = saved;
}

int symlink(const char *target, const char *name) {
    REAL(int, "symlink", const char *, const char *);
    char other[PATH_MAX];
    name = mapped(name, other);
    int result = real(target, name);
    if (!result) note_link('l', AT_FDCWD, name);
    return result;
}

int symlinkat(const char *target, int folder, const char *name) {
    REAL(int, "symlinkat", const char *, int, const char *);
    char other[PATH_MAX];
    name = mapped(name, other);
    int result = real(target, folder, name);
    if (!result) note_link('l', folder, name);
    return result;
}

int link(const char *from, const char *name) {
    REAL(int, "link", const char *, const char *);
    char other[PATH_MAX];
    name = mapped(name, other);
    int result = real(from, name);
    if (!result) note_link('m', AT_FDCWD, name);
    return result;
}

int linkat(int a, const char *from, int folder, const char *name, int flags) {
    REAL(int, "linkat", int, const char *, int, const char *, int);
    char other[PATH_MAX];
    name = mapped(name, other);
    int result = real(a, from, folder, name, flags);
    if (!result) note_link('m', folder, name);
    return result;
}

static void after_mkdir(int folder, const char *name) {
    char path[PATH_MAX + 2];
    struct stat info;
    if (active && absolute(folder, name, path) && !ignored(path) && !stat(path, &info)) note('d', path, &info);
}

int mkdir(const char *path, mode_t mode) {
    REAL(int, "mkdir", const char *, mode_t);
    char other[PATH_MAX];
    path = mapped(path, other);
    int result = real(path, mode), saved = errno;
    if (!result) after_mkdir(AT_FDCWD, path);
    errno = saved;
    return result;
}

int mkdirat(int folder, const char *path, mode_t mode) {
    REAL(int, "mkdirat", int, const char *, mode_t);
    char other[PATH_MAX];
    path = mapped(path, other);
    int result = real(folder, path, mode), saved = errno;
    if (!result) after_mkdir(folder, path);
    errno = saved;
    return result;
}

/* The rest of what takes a path, for the sake of the map alone. */
#define DEFINE_MAPPED(type, name, params, types, args) \
    type name params { \
        REAL(type, #name, types); \
        char other[PATH_MAX]; \
        path = mapped(path, other); \
        return real args; \
    }
DEFINE_MAPPED(int, stat, (const char *path, struct stat *out), const char * COMMA struct stat *, (path, out))
DEFINE_MAPPED(int, lstat, (const char *path, struct stat *out), const char * COMMA struct stat *, (path, out))
DEFINE_MAPPED(int, stat64, (const char *path, struct stat64 *out), const char * COMMA struct stat64 *, (path, out))
DEFINE_MAPPED(int, lstat64, (const char *path, struct stat64 *out), const char * COMMA struct stat64 *, (path, out))
DEFINE_MAPPED(int, fstatat, (int at, const char *path, struct stat *out, int flags),
              int COMMA const char * COMMA struct stat * COMMA int, (at, path, out, flags))
DEFINE_MAPPED(int, fstatat64, (int at, const char *path, struct stat64 *out, int flags),
              int COMMA const char * COMMA struct stat64 * COMMA int, (at, path, out, flags))
DEFINE_MAPPED(int, statx, (int at, const char *path, int flags, unsigned mask, struct statx *out),
              int COMMA const char * COMMA int COMMA unsigned COMMA struct statx *, (at, path, flags, mask, out))
DEFINE_MAPPED(int, access, (const char *path, int mode), const char * COMMA int, (path, mode))
DEFINE_MAPPED(int, faccessat, (int at, const char *path, int mode, int flags),
              int COMMA const char * COMMA int COMMA int, (at, path, mode, flags))
DEFINE_MAPPED(DIR *, opendir, (const char *path), const char *, (path))
DEFINE_MAPPED(int, chdir, (const char *path), const char *, (path))
DEFINE_MAPPED(int, rmdir, (const char *path), const char *, (path))
DEFINE_MAPPED(int, truncate, (const char *path, off_t size), const char * COMMA off_t, (path, size))
DEFINE_MAPPED(int, chmod, (const char *path, mode_t mode), const char * COMMA mode_t, (path, mode))
DEFINE_MAPPED(int, utimensat, (int at, const char *path, const struct timespec times[2], int flags),
              int COMMA const char * COMMA const struct timespec * COMMA int, (at, path, times, flags))

/* Whether the program at `path` is linked statically: then nothing can be preloaded into it. */
static int is_static(const char *path) {
    unsigned char head[4096];
    int fd = own_open(path, O_RDONLY, 0);
    if (fd < 0) return 0;
    ssize_t size = syscall(SYS_pread64, fd, head, sizeof head, 0);
    syscall(SYS_close, fd);
    const Elf64_Ehdr *elf = (const Elf64_Ehdr *)head;
    if (size < (ssize_t)sizeof *elf || memcmp(elf->e_ident, ELFMAG, SELFMAG) || elf->e_ident[EI_CLASS] != ELFCLASS64) return 0;
    for (int i = 0; i < elf->e_phnum; i++) {
        size_t at = elf->e_phoff + (size_t)i * sizeof(Elf64_Phdr);
        if (at + sizeof(Elf64_Phdr) > (size_t)size) return 0;
        if (((const Elf64_Phdr *)(head + at))->p_type == PT_INTERP) return 0;
    }
    return elf->e_phnum > 0;
}

/* Where a program that is named without a slash is found. */
static const char *found_program(const char *name, char *out) {
    const char *list = getenv("PATH");
    if (strchr(name, '/') || !list) return name;
    while (*list) {
        size_t length = strcspn(list, ":");
        if (length && snprintf(out, PATH_MAX, "%.*s/%s", (int)length, list, name) < PATH_MAX &&
            !syscall(SYS_faccessat, AT_FDCWD, out, X_OK, 0))
            return out;
        list += length + (list[length] == ':');
    }
    return name;
}

/* Note a program or a library that is part of the run: neither the system's nor an installed package's. */
static void note_compiled(const char *path) {
    struct stat info;
    if (!active || installed(path) || of_system(path) || noted(path, 'e')) return;
    if (!stat(path, &info) && S_ISREG(info.st_mode)) note('e', path, &info);
}

/* Note every library that is mapped into this process, and its program. No lock is taken: it may be a fork's child. */
static void note_loaded(void) {
    char block[1 << 14];
    size_t held = 0;
    int saved = errno, fd = active ? own_open("/proc/self/maps", O_RDONLY, 0) : -1;
    while (fd >= 0) {
        ssize_t got = syscall(SYS_read, fd, block + held, sizeof block - 1 - held);
        if (got <= 0) break;
        held += (size_t)got;
        block[held] = 0;
        char *line = block, *end;
        for (; (end = strchr(line, '\n')); line = end + 1) {
            *end = 0;
            char *path = strchr(line, '/'), *mode = strchr(line, ' ');
            if (path && mode && mode[3] == 'x') note_compiled(path);
        }
        held -= (size_t)(line - block);
        memmove(block, line, held);
        if (held == sizeof block - 1) break;
    }
    if (fd >= 0) syscall(SYS_close, fd);
    errno = saved;
}

__attribute__((destructor)) static void finish(void) { note_loaded(); }

/* A worker leaves by it, without a look at destructors. */
void _exit(int code) {
    note_loaded();
    for (;;) syscall(SYS_exit_group, code);
}

void _Exit(int code) { _exit(code); }

static __attribute__((noinline)) const char *before_load(const char *path) {
    char other[PATH_MAX], whole[PATH_MAX + 2];
    int saved = errno;
    if (active && path && strchr(path, '/')) {
        const char *there = mapped(path, other);
        if (there != path && (there = strdup(there))) path = there;
        if (absolute(AT_FDCWD, path, whole)) note_compiled(whole);
    }
    errno = saved;
    return path;
}

/* Where the C library looks for a library depends on who calls: the last call must be a jump, so that our caller is
 * still the one it sees. Compilers make it one from -O1 on, as nothing of ours is left on the stack. */
void *dlopen(const char *path, int mode) {
    REAL(void *, "dlopen", const char *, int);
    path = before_load(path);
    return real(path, mode);
}

static size_t count(char *const list[]) {
    size_t size = 0;
    while (list && list[size]) size++;
    return size;
}

static const char *value_in(char *const list[], const char *name) {
    size_t length = strlen(name);
    for (; list && *list; list++)
        if (!strncmp(*list, name, length) && (*list)[length] == '=') return *list + length + 1;
    return NULL;
}

/* `name=first:rest` written to `text`; returns what follows its end. */
static char *with_first(char *text, const char *name, const char *first, const char *rest) {
    return text + sprintf(text, "%s=%s%s%s", name, first, rest && *rest ? ":" : "", rest ? rest : "") + 1;
}

/* What `watched` needs: the list, and the text of three variables. */
static size_t room_for(char *const given[]) {
    const char *preload = value_in(given, "LD_PRELOAD"), *path = value_in(given, "PYTHONPATH");
    size_t text = (preload ? strlen(preload) : 0) + (path ? strlen(path) : 0) + 2 * PATH_MAX + 64;
    return (count(given) + 4) * sizeof(char *) + text;
}
#define ROOM(given) ((char **)alloca(room_for(given)))

/* Note what is to be executed: a part of the run, or one that can't be watched. */
static void before_program(const char *program, const char *preload) {
    char path[PATH_MAX], whole[PATH_MAX + 2];
    int saved = errno;
    program = found_program(program, path);
    if (absolute(AT_FDCWD, program, whole)) {
        struct stat none = {0};
        if (!access(whole, X_OK)) note_compiled(whole);
        if ((is_static(whole) || (preload && !*preload)) && !noted(whole, 'x')) note('x', whole, &none);
    }
    errno = saved;
}

/* The environment of a child: `given`, with what makes it watched, in `room`. An empty LD_PRELOAD is a wish. */
static char *const *watched(const char *program, char *const given[], char **room) {
    if (!active) return given;
    const char *preload = value_in(given, "LD_PRELOAD"), *path = value_in(given, "PYTHONPATH");
    before_program(program, preload);
    if (value_in(given, "ANEW_CAPTURE") || (preload && !*preload)) return given;
    int has_boot = !*boot || (path && !strncmp(path, boot, strlen(boot)));
    size_t size = 0;
    char *text = (char *)(room + count(given) + 4);
    for (char *const *at = given; at && *at; at++)
        if (strncmp(*at, "LD_PRELOAD=", 11) && (has_boot || strncmp(*at, "PYTHONPATH=", 11)))
            room[size++] = *at;
    room[size++] = capture;
    room[size++] = text;
    text = with_first(text, "LD_PRELOAD", library, preload);
    if (!has_boot) {
        room[size++] = text;
        with_first(text, "PYTHONPATH", boot, path);
    }
    room[size] = NULL;
    return room;
}

int execve(const char *path, char *const argv[], char *const envp[]) {
    REAL(int, "execve", const char *, char *const[], char *const[]);
    char other[PATH_MAX];
    path = mapped(path, other);
    return real(path, argv, watched(path, envp, ROOM(envp)));
}

int execv(const char *path, char *const argv[]) { return execve(path, argv, environ); }

int execvpe(const char *name, char *const argv[], char *const envp[]) {
    REAL(int, "execvpe", const char *, char *const[], char *const[]);
    char other[PATH_MAX];
    name = mapped(name, other);
    return real(name, argv, watched(name, envp, ROOM(envp)));
}

int execvp(const char *name, char *const argv[]) { return execvpe(name, argv, environ); }

int fexecve(int fd, char *const argv[], char *const envp[]) {
    REAL(int, "fexecve", int, char *const[], char *const[]);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return real(fd, argv, watched(path, envp, ROOM(envp)));
}

/* The arguments after `first`, up to the NULL, as `argv`; `list` is left behind that. */
#define ARGUMENTS(first) \
    va_list list; \
    size_t size = 1; \
    va_start(list, first); \
    while (va_arg(list, char *)) size++; \
    va_end(list); \
    char **argv = alloca((size + 1) * sizeof *argv); \
    argv[0] = (char *)first; \
    va_start(list, first); \
    for (size_t i = 1; i <= size; i++) argv[i] = va_arg(list, char *)

int execl(const char *path, const char *first, ...) {
    ARGUMENTS(first);
    va_end(list);
    return execve(path, argv, environ);
}

int execlp(const char *name, const char *first, ...) {
    ARGUMENTS(first);
    va_end(list);
    return execvpe(name, argv, environ);
}

int execle(const char *path, const char *first, ...) {
    ARGUMENTS(first);
    char **envp = va_arg(list, char **);
    va_end(list);
    return execve(path, argv, envp);
}

#define DEFINE_SPAWN(name) \
    int name(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes, \
             char *const argv[], char *const envp[]) { \
        REAL(int, #name, pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *, \
             char *const[], char *const[]); \
        char other[PATH_MAX]; \
        path = mapped(path, other); \
        return real(pid, path, actions, attributes, argv, (char *const *)watched(path, envp, ROOM(envp))); \
    }
DEFINE_SPAWN(posix_spawn)
DEFINE_SPAWN(posix_spawnp)

/* While a shell of `system` runs, in whichever thread, this process does not hear what is meant for that one. */
static void hear_no_break(int more) {
    static atomic_flag busy = ATOMIC_FLAG_INIT;
    static int shells;
    static struct sigaction on_int, on_quit;
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    while (atomic_flag_test_and_set(&busy)) {}
    if (more > 0 && shells++ == 0) {
        sigaction(SIGINT, &ignore, &on_int);
        sigaction(SIGQUIT, &ignore, &on_quit);
    } else if (more < 0 && --shells == 0) {
        sigaction(SIGINT, &on_int, NULL);
        sigaction(SIGQUIT, &on_quit, NULL);
    }
    atomic_flag_clear(&busy);
}

/* As POSIX has it; the C library's own would start the shell without a call that we see. */
int system(const char *line) {
    REAL(int, "system", const char *);
    if (!active || !line) return real(line);
    struct sigaction on_int, on_quit;
    sigset_t child, before_call, defaults;
    posix_spawnattr_t attributes;
    char *argv[] = {"sh", "-c", (char *)line, NULL};
    pid_t pid;
    int status = -1;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigemptyset(&defaults);
    sigaction(SIGINT, NULL, &on_int);
    sigaction(SIGQUIT, NULL, &on_quit);
    hear_no_break(1);
    sigprocmask(SIG_BLOCK, &child, &before_call);
    if (on_int.sa_handler != SIG_IGN) sigaddset(&defaults, SIGINT);
    if (on_quit.sa_handler != SIG_IGN) sigaddset(&defaults, SIGQUIT);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &before_call);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    int error = posix_spawn(&pid, "/bin/sh", NULL, &attributes, argv, environ);
    if (error) status = error == ENOENT ? 127 << 8 : -1;
    else
        while (waitpid(pid, &status, 0) < 0)
            if (errno != EINTR) {
                status = -1;
                break;
            }
    posix_spawnattr_destroy(&attributes);
    hear_no_break(-1);
    sigprocmask(SIG_SETMASK, &before_call, NULL);
    return status;
}

/* It starts the shell at once, with the variables that stand there in that moment. */
FILE *popen(const char *line, const char *mode) {
    REAL(FILE *, "popen", const char *, const char *);
    char **before_call = environ;
    environ = (char **)watched("/bin/sh", before_call, ROOM(before_call));
    FILE *file = real(line, mode);
    int saved = errno;
    environ = before_call;
    errno = saved;
    return file;
}

static int64_t clock_now(void) {
    if (clock_pace > 0) {
        struct timespec now;
        syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
        int64_t passed = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - clock_base_ns;
        return clock_base_ns + (int64_t)((double)passed * clock_pace);
    }
    return clock_base_ns + (int64_t)atomic_fetch_add(&clock_reads, 1) * 1000;
}

int clock_gettime(clockid_t id, struct timespec *out) {
    if (clock_base_ns >= 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        int64_t now = clock_now();
        out->tv_sec = now / 1000000000;
        out->tv_nsec = now % 1000000000;
        return 0;
    }
    REAL(int, "clock_gettime", clockid_t, struct timespec *);
    return real ? real(id, out) : (int)syscall(SYS_clock_gettime, id, out);
}

int gettimeofday(struct timeval *out, void *zone) {
    if (clock_base_ns >= 0) {
        int64_t now = clock_now();
        out->tv_sec = now / 1000000000;
        out->tv_usec = now % 1000000000 / 1000;
        return 0;
    }
    REAL(int, "gettimeofday", struct timeval *, void *);
    return real ? real(out, zone) : (int)syscall(SYS_gettimeofday, out, zone);
}

time_t time(time_t *out) {
    time_t now;
    if (clock_base_ns >= 0) {
        now = (time_t)(clock_now() / 1000000000);
    } else {
        struct timespec real_now;
        clock_gettime(CLOCK_REALTIME, &real_now);
        now = real_now.tv_sec;
    }
    if (out) *out = now;
    return now;
}
