/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs a fuzz target over files, for builds without libFuzzer: over those of the folder that
 * WEIR_CORPUS names, or over the files given as arguments. */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX (1u << 20)

/* Returns whether the file could be read. The buffer has just the input's size, so that a
 * sanitizer sees what is read beyond it. */
static bool
replay_file(const char *path)
{
	static uint8_t buffer[INPUT_MAX];
	FILE *file = fopen(path, "rb");
	uint8_t *input;
	size_t size;

	if (!file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return false;
	}
	size = fread(buffer, 1, sizeof(buffer), file);
	fclose(file);
	input = malloc(size ? size : 1);
	fuzz_require(input != NULL, "memory for the test");
	memcpy(input, buffer, size);
	printf("%s: %zu bytes\n", path, size);
	fflush(stdout);
	LLVMFuzzerTestOneInput(input, size);
	free(input);
	return true;
}

/* Returns how many files were replayed, or -1. */
static int
replay_folder(const char *folder)
{
	DIR *dir = opendir(folder);
	int n = 0;

	if (!dir) {
		fprintf(stderr, "%s: %s\n", folder, strerror(errno));
		return -1;
	}
	for (struct dirent *entry = readdir(dir); entry && n >= 0; entry = readdir(dir)) {
		char path[4096];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		n = replay_file(path) ? n + 1 : -1;
	}
	closedir(dir);
	return n;
}

int
main(int argc, char **argv)
{
	const char *corpus = getenv("WEIR_CORPUS");
	int n = argc - 1;

	for (int i = 1; i < argc; i++)
		if (!replay_file(argv[i]))
			return 1;
	if (argc == 1 && corpus)
		n = replay_folder(corpus);
	if (n <= 0) {
		fprintf(stderr, "nothing was replayed: give files, or a folder in WEIR_CORPUS\n");
		return 1;
	}
	printf("%d inputs replayed\n", n);
	return 0;
}
