/* SPDX-License-Identifier: BSD-3-Clause */
/* Flow sync of one node, with the secrets from their files; see flow_sync.h. */
#include "common/flow_sync.h"

#include "common/model.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a file with a secret may not allow. */
#define MODE_REFUSED (S_IRWXO | S_IWGRP)

static int
check_mode(int fd, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "%s: is no file", path);
	if (st.st_mode & MODE_REFUSED)
		return err_set(err, -EPERM,
			"%s: holds a secret that others may read or change: chmod 600 it", path);
	return 0;
}

static int
take_text(
	struct flow_sync_key *key, const char *text, size_t size, const char *path, struct err *err)
{
	while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r'))
		size--;
	if (size < FLOW_SYNC_SECRET_MIN || size > FLOW_SYNC_SECRET_MAX)
		return err_set(err, -EINVAL,
			"%s: a secret has %d to %d bytes, this one %zu%s; 'openssl rand -hex 32' "
			"makes a good one",
			path, FLOW_SYNC_SECRET_MIN, FLOW_SYNC_SECRET_MAX, size,
			size > FLOW_SYNC_SECRET_MAX ? " or more" : "");
	memcpy(key->secret, text, size);
	key->size = (uint8_t)size;
	return 0;
}

static int
read_key(struct flow_sync_key *key, const struct flow_sync_file *from, struct err *err)
{
	char text[FLOW_SYNC_SECRET_MAX + 2];
	int fd = open(from->file, O_RDONLY | O_CLOEXEC);
	ssize_t n = 0;
	int rc;

	if (fd < 0)
		return err_set(err, -errno,
			"%s: cannot be opened (key %u of flow sync): %s; the same file has to be "
			"on all load balancers",
			from->file, from->id, strerror(errno));
	rc = check_mode(fd, from->file, err);
	if (rc == 0) {
		n = read(fd, text, sizeof(text));
		if (n < 0)
			rc = err_set(
				err, -errno, "%s: cannot be read: %s", from->file, strerror(errno));
	}
	close(fd);
	if (rc == 0)
		rc = take_text(key, text, (size_t)n, from->file, err);
	explicit_bzero(text, sizeof(text));
	key->id = from->id;
	return rc;
}

static void
add_peers(struct flow_sync *sync, const struct model *model, const struct node *self)
{
	const struct node *node = NULL;

	while ((node = model_next_node(model, ROLE_LB, node)))
		if (node != self && sync->n_peers < FLOW_SYNC_PEERS_MAX)
			sync->peers[sync->n_peers++] = (struct endpoint){
				.addr = node->lb.sync_address, .port = model->flow_sync.port};
}

int
flow_sync_read(
	struct flow_sync *out, const struct model *model, const struct node *node, struct err *err)
{
	struct flow_sync sync = {.n_peers = 0};
	int rc = 0;

	if (model->flow_sync.n_keys > 0) {
		sync.listen = (struct endpoint){
			.addr = node->lb.sync_address, .port = model->flow_sync.port};
		add_peers(&sync, model, node);
	}
	for (size_t i = 0; i < model->flow_sync.n_keys && rc == 0; i++) {
		rc = read_key(&sync.keys[i], &model->flow_sync.keys[i], err);
		sync.n_keys++;
	}
	if (rc == 0)
		*out = sync;
	flow_sync_fini(&sync);
	return rc;
}

void
flow_sync_fini(struct flow_sync *sync)
{
	explicit_bzero(sync->keys, sizeof(sync->keys));
	sync->n_keys = 0;
}
