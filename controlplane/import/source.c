/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading files that are translated; see source.h. */
#include "controlplane/import/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BLOCK_SIZE 65536u

int
source_check(const char *text, size_t size, const char *path, struct err *err)
{
	unsigned int line = 1;

	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];

		line += c == '\n';
		if ((c < ' ' && !strchr("\t\n\v\f\r", c)) || c == '\0' || c == 0x7f)
			return err_set(err, -EINVAL,
				"%s:%u: is not a text: byte %zu is 0x%02x; give the configuration "
				"file itself",
				path, line, i, c);
	}
	return 0;
}

/* Reads on until the end, or until there is more than a source may have. */
static int
read_stream(FILE *stream, const char *path, struct source *source, struct err *err)
{
	size_t capacity = BLOCK_SIZE;
	char *text = malloc(capacity + 1);
	size_t size = 0, n = 1;

	while (text && n > 0 && size <= SOURCE_SIZE_MAX) {
		if (size == capacity) {
			char *grown = realloc(text, (capacity *= 2) + 1);

			if (!grown)
				free(text);
			text = grown;
			if (!text)
				break;
		}
		n = fread(text + size, 1, capacity - size, stream);
		size += n;
	}
	if (!text)
		return err_set(err, -ENOMEM, "%s: out of memory", path);
	if (ferror(stream) || size > SOURCE_SIZE_MAX) {
		int code = ferror(stream) ? -EIO : -EFBIG;

		free(text);
		return ferror(stream)
			       ? err_set(err, code, "%s: cannot be read: %s", path, strerror(errno))
			       : err_set(err, code,
					 "%s: larger than %u MB, which no configuration is", path,
					 SOURCE_SIZE_MAX >> 20);
	}
	text[size] = '\0';
	source->text = text;
	source->size = size;
	return 0;
}

int
source_read(struct source *source, const char *path, struct err *err)
{
	bool standard = strcmp(path, "-") == 0;
	FILE *stream = standard ? stdin : fopen(path, "re");
	struct stat status;
	int rc;

	if (!stream)
		return err_set(err, -errno, "%s: cannot be opened: %s", path, strerror(errno));
	*source = (struct source){.path = standard ? "standard input" : path, .follows = true};
	if (fstat(fileno(stream), &status) == 0 && S_ISDIR(status.st_mode))
		rc = err_set(err, -EISDIR, "%s: is a folder: give a file", path);
	else
		rc = read_stream(stream, source->path, source, err);
	if (!standard)
		fclose(stream);
	if (rc == 0)
		rc = source_check(source->text, source->size, source->path, err);
	if (rc < 0)
		source_fini(source);
	return rc;
}

void
source_fini(struct source *source)
{
	free(source->text);
	source->text = NULL;
}
