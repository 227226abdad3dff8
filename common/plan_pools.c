/* SPDX-License-Identifier: BSD-3-Clause */
/* What a change of a check, a pool or a backend does; see plan_data.h. */
#include "common/plan_data.h"

#define CP PLAN_CONTROLPLANE
#define WEB PLAN_WEBTIER
#define MON PLAN_MONITOR

static const struct plan_treatment is_checked = {
	CP, 0, "none; backends keep their verdicts until the new check has others", false};
static const struct plan_treatment is_unused = {CP, 0, "none", false};

/* --- Checks --- */

static void
format_type(FILE *out, const void *field, const void *object)
{
	(void)object;
	fputs(check_type_name(*(const enum check_type *)field), out);
}

static void
format_start(FILE *out, const void *field, const void *object)
{
	static const char *const names[] = {
		[CHECK_START_WAIT] = "wait", [CHECK_START_UP] = "up", [CHECK_START_DOWN] = "down"};

	(void)object;
	fputs(names[*(const enum check_start *)field], out);
}

static void
format_read_only(FILE *out, const void *field, const void *object)
{
	static const char *const names[] = {[CHECK_READ_ONLY_ANY] = "any",
		[CHECK_READ_ONLY_NO] = "no",
		[CHECK_READ_ONLY_YES] = "yes"};

	(void)object;
	fputs(names[*(const enum check_read_only *)field], out);
}

static void
format_via(FILE *out, const void *field, const void *object)
{
	(void)object;
	fputs(*(const bool *)field ? "vip" : "backend", out);
}

const struct plan_key plan_check_keys[] = {
	PLAN_KEY(check, type, "type", format_type, is_checked),
	PLAN_KEY(check, via_vip, "via", format_via, is_checked),
	PLAN_KEY(check, port, "port", plan_format_some16, is_checked),
	PLAN_KEY(check, interval_ms, "interval_ms", plan_format_u32, is_checked),
	PLAN_KEY(check, timeout_ms, "timeout_ms", plan_format_u32, is_checked),
	PLAN_KEY(check, jitter_pct, "jitter_pct", plan_format_u8, is_checked),
	PLAN_KEY(check, rise, "rise", plan_format_u32, is_checked),
	PLAN_KEY(check, fall, "fall", plan_format_u32, is_checked),
	PLAN_KEY(check, start, "start", format_start, is_checked),
	PLAN_KEY(check, http.method, "method", plan_format_text, is_checked),
	PLAN_KEY(check, http.path, "path", plan_format_text, is_checked),
	PLAN_KEY(check, http.host, "host", plan_format_text, is_checked),
	PLAN_KEY(check, http.headers, "headers", plan_format_words, is_checked),
	PLAN_KEY(check, http.expected, "expect_status", plan_format_text, is_checked),
	PLAN_KEY(check, http.body, "expect_body", plan_format_text, is_checked),
	PLAN_KEY(check, http.body_regex, "expect_body_regex", plan_format_text, is_checked),
	PLAN_KEY(check, tls.verify, "tls_verify", plan_format_bool, is_checked),
	PLAN_KEY(check, tls.ca_file, "tls_ca", plan_format_text, is_checked),
	PLAN_KEY(check, tls.name, "tls_name", plan_format_text, is_checked),
	PLAN_KEY(check, udp.send, "send|send_hex", plan_format_bytes, is_checked),
	PLAN_KEY(check, udp.expect, "expect|expect_hex", plan_format_bytes, is_checked),
	PLAN_KEY(check, dns.name, "query", plan_format_text, is_checked),
	PLAN_KEY(check, dns.type, "query_type", plan_format_some16, is_checked),
	PLAN_KEY(check, dns.rcode, "expect_rcode", plan_format_u8, is_checked),
	PLAN_KEY(check, dns.answer, "expect_answer", plan_format_text, is_checked),
	PLAN_KEY(check, mariadb.user, "user", plan_format_text, is_checked),
	PLAN_KEY(check, mariadb.password_file, "password_file", plan_format_text, is_checked),
	PLAN_KEY(check, mariadb.read_only, "read_only", format_read_only, is_checked),
	PLAN_KEY(check, mariadb.replica, "replica", plan_format_bool, is_checked),
	PLAN_KEY(check, mariadb.max_lag_s, "max_lag_s", plan_format_u32, is_checked),
	PLAN_KEY(check, command, "command", plan_format_words, is_checked),
	PLAN_KEYS_END,
};

static const void *
find_checks(const void *parent, size_t *n)
{
	const struct model *model = parent;

	*n = model->n_checks;
	return model->checks;
}

const struct plan_class plan_checks = {"checks", "name", find_checks, sizeof(struct check),
	plan_format_name, plan_check_keys, NULL, &is_unused, &is_unused, NULL};

/* The web tier's; only some of the keys are allowed there. */
static const void *
find_upstream_check(const void *parent, size_t *n)
{
	const struct web_config *web = parent;

	*n = 1;
	return &web->upstream_check;
}

static const struct plan_treatment of_upstream = {
	WEB, 0, "none; app nodes keep their verdicts until the new check has others", false};

static const struct plan_key upstream_check_keys[] = {
	PLAN_KEY(check, http.path, "path", plan_format_text, of_upstream),
	PLAN_KEY(check, http.host, "host", plan_format_text, of_upstream),
	PLAN_KEY(check, http.expected, "expect_status", plan_format_text, of_upstream),
	PLAN_KEY(check, interval_ms, "interval_ms", plan_format_u32, of_upstream),
	PLAN_KEY(check, timeout_ms, "timeout_ms", plan_format_u32, of_upstream),
	PLAN_KEY(check, rise, "rise", plan_format_u32, of_upstream),
	PLAN_KEY(check, fall, "fall", plan_format_u32, of_upstream),
	PLAN_KEYS_END,
};

const struct plan_class plan_upstream_check = {"upstream_check", NULL, find_upstream_check,
	sizeof(struct check), plan_format_nothing, upstream_check_keys, NULL, NULL, NULL, NULL};

/* --- Pools --- */

static const struct plan_treatment new_flows = {
	CP, 0, "new ones go by the new weights; those there are stay", false};
static const struct plan_treatment is_limited = {CP, 0, "those there are stay", false};
static const struct plan_treatment is_another = {CP | MON, 0,
	"it counts as another backend: flows of the old one go to others, and it is checked first",
	false};
static const struct plan_treatment is_translated = {
	CP, 0, "those there are keep their port until they end", false};
static const struct plan_treatment backend_added = {
	CP | MON, 0, "it gets new flows when its check succeeds; those there are stay", false};
static const struct plan_treatment backend_removed = {CP | MON, 0,
	"its flows go to other backends; the others stay. weight 0 first lets them end", false};
static const struct plan_treatment pool_added = {
	CP | MON, 0, "none before a service uses it", false};
static const struct plan_treatment pool_removed = {CP | MON, 0, "none", false};

static const struct plan_key backend_keys[] = {
	PLAN_KEY(backend, addr, "address", plan_format_addr, is_another),
	PLAN_KEY(backend, weight, "weight", plan_format_u16, new_flows),
	PLAN_KEY(backend, max_flows, "max_flows", plan_format_some32, is_limited),
	PLAN_KEY(backend, sorry, "sorry", plan_format_bool, new_flows),
	PLAN_KEY(backend, port, "port", plan_format_some16, is_translated),
	PLAN_KEYS_END,
};

static const void *
find_backends(const void *parent, size_t *n)
{
	const struct pool *pool = parent;

	*n = pool->n_backends;
	return pool->backends;
}

static const struct plan_class pool_parts_class = {"backends", "name", find_backends,
	sizeof(struct backend), plan_format_name, backend_keys, NULL, &backend_added,
	&backend_removed, NULL};
static const struct plan_class *const pool_parts[] = {&pool_parts_class, NULL};

static const struct plan_key pool_keys[] = {
	PLAN_KEY(pool, check, "check", plan_format_reference, is_checked),
	PLAN_KEY(pool, quorum, "quorum", plan_format_some32, new_flows),
	PLAN_KEY(pool, quorum_hysteresis, "quorum_hysteresis", plan_format_some32, new_flows),
	PLAN_KEY(pool, slow_start_ms, "slow_start_s", plan_format_seconds, is_limited),
	PLAN_KEYS_END,
};

static const void *
find_pools(const void *parent, size_t *n)
{
	const struct model *model = parent;

	*n = model->n_pools;
	return model->pools;
}

const struct plan_class plan_pools = {"pools", "name", find_pools, sizeof(struct pool),
	plan_format_name, pool_keys, pool_parts, &pool_added, &pool_removed, NULL};
