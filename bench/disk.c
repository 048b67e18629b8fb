/* Makes each sync of a file below a folder take longer, as on a slower disk. Built by the benchmarks and put before
 * the C library with LD_PRELOAD, for the service and for a Postgres server alike.
 *
 *   LEADLINE_DISK_FOLDER        the folder
 *   LEADLINE_DISK_SYNC_MICROS   how much longer each fsync and fdatasync takes
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void delay(int file) {
  const char *folder = getenv("LEADLINE_DISK_FOLDER"), *micros = getenv("LEADLINE_DISK_SYNC_MICROS");
  char link[32], path[PATH_MAX];
  if (!folder || !micros) return;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return;
  path[length] = 0;
  if (strncmp(path, folder, strlen(folder)) == 0) usleep((useconds_t)atoi(micros));
}

static int sync_with(const char *name, int file) {
  int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  delay(file);
  return next(file);
}

int fsync(int file) { return sync_with("fsync", file); }
int fdatasync(int file) { return sync_with("fdatasync", file); }
