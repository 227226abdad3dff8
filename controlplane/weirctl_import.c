/* SPDX-License-Identifier: BSD-3-Clause */
/* weirctl import; see weirctl_import.h. */
#include "controlplane/weirctl_import.h"

#include "common/config.h"
#include "controlplane/import/import.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct parameter weirctl_import_parameters[] = {
	{NULL, "file", "FILE",
		"keepalived.conf, or what 'ipvsadm -S -n' writes; - is standard input", false,
		false},
	{"--peer", "peer", "PEER", "keepalived.conf of the node beside it", false, false},
	{"--ipvsadm", "ipvsadm", "RULES", "what 'ipvsadm -S -n' writes, by itself or beside FILE",
		false, false},
	{NULL, NULL, NULL, NULL, false, false},
};

/* The files that are given. */
struct files {
	struct source file, peer, ipvsadm;
};

static int
read_given(const struct arguments *arguments, const char *member, struct source *source,
	struct err *err)
{
	const char *path = json_string_value(json_object_get(arguments->params, member));

	return path ? source_read(source, path, err) : 0;
}

/* Which of the files is what. */
static int
sort_out(const struct files *files, struct import_sources *sources, struct err *err)
{
	if (!files->file.text && !files->ipvsadm.text)
		return err_set(err, -EINVAL,
			"import needs FILE, a keepalived.conf, or --ipvsadm RULES; try 'weirctl "
			"help import'");
	if (files->peer.text && !files->file.text)
		return err_set(err, -EINVAL, "--peer goes beside FILE");
	sources->ipvsadm = files->ipvsadm.text ? &files->ipvsadm : NULL;
	sources->peer = files->peer.text ? &files->peer : NULL;
	if (files->file.text && import_is_ipvsadm(&files->file)) {
		if (sources->ipvsadm || sources->peer)
			return err_set(err, -EINVAL,
				"%s: is what ipvsadm writes: give it alone, or by --ipvsadm beside "
				"a keepalived.conf",
				files->file.path);
		sources->ipvsadm = &files->file;
	} else if (files->file.text) {
		sources->keepalived = &files->file;
	}
	return 0;
}

static void
tell_fill(void *ctx, unsigned int line, const char *text)
{
	(void)ctx;
	fprintf(stderr, "fill in: line %u: %s\n", line, text);
}

/* What is written must be a cluster file. */
static int
check_result(const struct import_result *result, struct err *err)
{
	struct model *model;
	int rc = config_parse(result->text, result->size, "imported", &model, err);

	if (rc == 0)
		model_free(model);
	else
		err_prefix(err, "what was made of it is no cluster file, which is a fault of "
				"weirctl import");
	return rc;
}

static int
translate(const struct files *files, struct err *err)
{
	struct import_sources sources = {.fill = tell_fill};
	struct import_result result = {.text = NULL};
	int rc = sort_out(files, &sources, err);

	if (rc == 0)
		rc = import_translate(&sources, &result, err);
	if (rc < 0)
		return rc;
	fwrite(result.text, 1, result.size, stdout);
	if (fflush(stdout) != 0)
		rc = err_set(err, -errno, "cannot write the cluster file: %s", strerror(errno));
	if (rc == 0)
		rc = check_result(&result, err);
	fprintf(stderr,
		"%zu to fill in (FILL IN), %zu comments on what has no counterpart or another "
		"meaning\n",
		result.n_fills, result.n_comments);
	free(result.text);
	return rc;
}

int
weirctl_import(const struct arguments *arguments, struct err *err)
{
	struct files files = {.file = {.text = NULL}};
	int rc = read_given(arguments, "file", &files.file, err);

	if (rc == 0)
		rc = read_given(arguments, "peer", &files.peer, err);
	if (rc == 0)
		rc = read_given(arguments, "ipvsadm", &files.ipvsadm, err);
	if (rc == 0)
		rc = translate(&files, err);
	source_fini(&files.file);
	source_fini(&files.peer);
	source_fini(&files.ipvsadm);
	return rc;
}
