/* SPDX-License-Identifier: BSD-3-Clause */
/* Database questions; see database_probe.h. A server's struct belongs to the loop while it waits
 * and to a pool thread while 'is_busy'; its result fields are read by the loop afterwards. */
#include "monitor/database_probe.h"

#include "common/config.h"
#include "monitor/wall.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <mysql.h>

#define SECRET_SIZE 256
#define TEXT_SIZE 256

struct server {
	uv_timer_t timer; /* First: the handle is the server. */
	uv_work_t work;
	const struct node *node;
	struct model *model; /* Shared: a pool thread may look at it to the end. */
	struct view *view;
	char password[SECRET_SIZE];
	bool is_busy, is_closed;
	MYSQL *mysql; /* NULL: not connected. */
	/* The last result. */
	struct view_database result;
	char error[TEXT_SIZE], replication_error[TEXT_SIZE], gtid[TEXT_SIZE];
};

struct database_probe {
	struct server **servers;
	size_t n_servers;
};

static void
disconnect(struct server *server)
{
	if (server->mysql)
		mysql_close(server->mysql);
	server->mysql = NULL;
}

static int
connect_server(struct server *server)
{
	const struct database_config *config = &server->model->database;
	unsigned int timeout_s = (server->model->monitor.scrape_timeout_ms + 999) / 1000;
	char host[ADDR_TEXT_SIZE];
	my_bool yes = 1;
	MYSQL *mysql;

	if (server->mysql)
		return 0;
	mysql = mysql_init(NULL);
	if (!mysql)
		return -1;
	mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &timeout_s);
	mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &timeout_s);
	mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &timeout_s);
	if (config->tls_ca) {
		mysql_options(mysql, MYSQL_OPT_SSL_CA, config->tls_ca);
		mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &yes);
		mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
	}
	server->mysql = mysql;
	addr_format(&server->node->db.listen.addr, host, sizeof(host));
	if (mysql_real_connect(mysql, host, config->monitor_user, server->password, NULL,
		    server->node->db.listen.port, NULL, 0))
		return 0;
	return -1;
}

static const char *
field(MYSQL_RES *set, MYSQL_ROW row, const char *name)
{
	const MYSQL_FIELD *fields = mysql_fetch_fields(set);

	for (unsigned int i = 0; i < mysql_num_fields(set); i++) {
		if (strcmp(fields[i].name, name) == 0)
			return row[i];
	}
	return NULL;
}

static bool
is_yes(const char *text)
{
	return text && strcmp(text, "Yes") == 0;
}

static int
ask_status(struct server *server)
{
	MYSQL_RES *set;
	MYSQL_ROW row;

	if (mysql_query(server->mysql, "SELECT @@global.read_only, @@global.gtid_current_pos") != 0)
		return -1;
	set = mysql_store_result(server->mysql);
	if (!set)
		return -1;
	row = mysql_fetch_row(set);
	server->result.is_read_only = row && row[0] && strcmp(row[0], "0") != 0;
	snprintf(server->gtid, sizeof(server->gtid), "%s", row && row[1] ? row[1] : "");
	mysql_free_result(set);
	return row ? 0 : -1;
}

static int
ask_replication(struct server *server)
{
	struct view_database *result = &server->result;
	const char *lag, *why;
	MYSQL_RES *set;
	MYSQL_ROW row;

	if (mysql_query(server->mysql, "SHOW REPLICA STATUS") != 0)
		return -1;
	set = mysql_store_result(server->mysql);
	if (!set)
		return -1;
	row = mysql_fetch_row(set);
	result->is_replica = row != NULL;
	if (row) {
		result->io_running = is_yes(field(set, row, "Slave_IO_Running"));
		result->sql_running = is_yes(field(set, row, "Slave_SQL_Running"));
		lag = field(set, row, "Seconds_Behind_Master");
		result->lag_s = lag ? strtoll(lag, NULL, 10) : -1;
		why = field(set, row, "Last_SQL_Error");
		if (!why || !*why)
			why = field(set, row, "Last_IO_Error");
		snprintf(server->replication_error, sizeof(server->replication_error), "%s",
			why ? why : "");
	}
	mysql_free_result(set);
	return 0;
}

/* Pool thread. */
static void
ask(uv_work_t *work)
{
	struct server *server = work->data;

	memset(&server->result, 0, sizeof(server->result));
	server->result.lag_s = -1;
	server->replication_error[0] = '\0';
	if (connect_server(server) == 0 && ask_status(server) == 0 &&
		ask_replication(server) == 0) {
		server->result.replication_error = server->replication_error;
		server->result.gtid = server->gtid;
	} else {
		snprintf(server->error, sizeof(server->error), "%s",
			server->mysql ? mysql_error(server->mysql) : "out of memory");
		server->result.error = server->error;
		disconnect(server);
	}
	mysql_thread_end();
}

static void
free_server(uv_handle_t *handle)
{
	struct server *server = (struct server *)handle;

	disconnect(server);
	model_free(server->model);
	free(server);
}

static void
on_asked(uv_work_t *work, int status)
{
	struct server *server = work->data;

	server->is_busy = false;
	if (server->is_closed)
		uv_close((uv_handle_t *)&server->timer, free_server);
	else if (status == 0)
		view_database_result(server->view, server->node, &server->result, wall_now());
}

static void
on_timer(uv_timer_t *timer)
{
	struct server *server = (struct server *)timer;

	if (server->is_busy)
		return;
	server->is_busy = uv_queue_work(timer->loop, &server->work, ask, on_asked) == 0;
}

static int
read_secret(const char *path, char *secret, size_t size, struct err *err)
{
	FILE *file = fopen(path, "re");

	if (!file)
		return err_set(err, -errno,
			"database.monitor_password_file: %s cannot be opened: %s", path,
			strerror(errno));
	if (!fgets(secret, (int)size, file))
		secret[0] = '\0';
	fclose(file);
	secret[strcspn(secret, "\r\n")] = '\0';
	if (!*secret)
		return err_set(err, -EINVAL,
			"database.monitor_password_file: %s is empty: its first line must be the "
			"password",
			path);
	return 0;
}

static int
add_server(struct database_probe *probe, uv_loop_t *loop, struct model *model,
	const struct node *node, struct view *view)
{
	struct server *server = calloc(1, sizeof(*server));

	if (!server)
		return -ENOMEM;
	server->model = model_share(model);
	server->node = node;
	server->view = view;
	server->work.data = server;
	uv_timer_init(loop, &server->timer);
	uv_timer_start(&server->timer, on_timer, 0, model->monitor.scrape_interval_ms);
	probe->servers[probe->n_servers++] = server;
	return 0;
}

int
database_probe_new(struct database_probe **out, uv_loop_t *loop, struct model *model,
	struct view *view, struct err *err)
{
	struct database_probe *probe;
	const struct node *node = NULL;
	char password[SECRET_SIZE];
	int code;

	*out = NULL;
	if (!model->database.monitor_user)
		return 0;
	code = read_secret(model->database.monitor_password_file, password, sizeof(password), err);
	if (code < 0)
		return code;
	probe = calloc(1, sizeof(*probe));
	if (!probe || !(probe->servers = calloc(model->n_nodes, sizeof(struct server *)))) {
		free(probe);
		return err_set(err, -ENOMEM, "out of memory");
	}
	while ((node = model_next_node(model, ROLE_DB, node))) {
		if (add_server(probe, loop, model, node, view) < 0) {
			database_probe_free(probe);
			return err_set(err, -ENOMEM, "out of memory");
		}
		memcpy(probe->servers[probe->n_servers - 1]->password, password, sizeof(password));
	}
	*out = probe;
	return 0;
}

void
database_probe_free(struct database_probe *probe)
{
	if (!probe)
		return;
	for (size_t i = 0; i < probe->n_servers; i++) {
		struct server *server = probe->servers[i];

		server->is_closed = true;
		uv_timer_stop(&server->timer);
		if (!server->is_busy)
			uv_close((uv_handle_t *)&server->timer, free_server);
	}
	free(probe->servers);
	free(probe);
}
