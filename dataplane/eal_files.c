/* SPDX-License-Identifier: BSD-3-Clause */
/* EAL's files; see eal_files.h. */
#include "dataplane/eal_files.h"

#include "common/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

LOG_MODULE("dpdk");

/* The kernel gives back what a socket of AF_XDP had pinned a moment after its process has ended. */
#define LATE_TRIES 100
#define LATE_US 10000

/* Which files of a folder are meant. */
struct choice {
	char start[NAME_MAX]; /* Of their names. */
	bool unused;          /* Only those that no EAL has locked. */
};

static bool
is_unused(int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	bool unused = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;

	if (fd >= 0)
		close(fd);
	return unused;
}

static void
remove_files(const char *path, const struct choice *choice)
{
	DIR *folder = opendir(path);
	const struct dirent *entry;

	while (folder && (entry = readdir(folder)) != NULL) {
		if (strncmp(entry->d_name, choice->start, strlen(choice->start)) != 0 ||
			strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
			(choice->unused && !is_unused(dirfd(folder), entry->d_name)))
			continue;
		if (unlinkat(dirfd(folder), entry->d_name, 0) == 0)
			LOG_DBG("removed %s/%s", path, entry->d_name);
	}
	if (folder)
		closedir(folder);
}

/* Removes pages wherever they may be: EAL takes the file system that it likes best. NULL: none.
 * Returns how many file systems for huge pages there are. */
static unsigned int
remove_pages(const struct choice *choice)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	const struct mntent *mount;
	unsigned int n = 0;

	while (mounts && (mount = getmntent(mounts)) != NULL) {
		if (strcmp(mount->mnt_type, "hugetlbfs") != 0)
			continue;
		n++;
		if (choice)
			remove_files(mount->mnt_dir, choice);
	}
	if (mounts)
		endmntent(mounts);
	return n;
}

/* As EAL names them. */
static struct choice
pages_of(const char *prefix, bool unused)
{
	struct choice choice = {.unused = unused};

	snprintf(choice.start, sizeof(choice.start), "%smap_", prefix);
	return choice;
}

void
eal_files_remove_stale(const char *prefix)
{
	const struct choice choice = pages_of(prefix, true);

	remove_pages(&choice);
}

void
eal_files_remove_own(const char *prefix, const char *folder)
{
	const struct choice choice = pages_of(prefix, false);
	const struct choice all = {.start = ""};

	remove_pages(&choice);
	remove_files(folder, &all);
}

static unsigned long
count_free_mb(void)
{
	static const unsigned int sizes_kb[] = {2048, 1048576};
	unsigned long n_mb = 0;

	for (size_t i = 0; i < sizeof(sizes_kb) / sizeof(sizes_kb[0]); i++) {
		char path[128], line[32];
		FILE *file;

		snprintf(path, sizeof(path),
			"/sys/kernel/mm/hugepages/hugepages-%ukB/free_hugepages", sizes_kb[i]);
		file = fopen(path, "re");
		if (!file)
			continue;
		if (fgets(line, sizeof(line), file))
			n_mb += strtoul(line, NULL, 10) * (sizes_kb[i] / 1024);
		fclose(file);
	}
	return n_mb;
}

int
eal_files_check_pages(uint32_t memory_mb, struct err *err)
{
	unsigned long n_free = count_free_mb();

	for (unsigned int i = 0; i < LATE_TRIES && n_free < memory_mb; i++) {
		usleep(LATE_US);
		n_free = count_free_mb();
	}
	if (n_free < memory_mb)
		return err_set(err, -ENOMEM,
			"memory_mb: %u MB of huge pages are needed and %lu MB are free: reserve "
			"them (echo %u > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages) "
			"or set hugepages: no",
			memory_mb, n_free, (memory_mb + 1) / 2);
	if (remove_pages(NULL) == 0)
		return err_set(err, -ENOENT,
			"hugepages: no hugetlbfs is mounted: mount one (mount -t hugetlbfs none "
			"/dev/hugepages) or set hugepages: no");
	return 0;
}
