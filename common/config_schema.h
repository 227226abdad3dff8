/* SPDX-License-Identifier: BSD-3-Clause */
/* weir.yaml as text: which keys and lists there are, with every scalar still a string.
 *
 * libcyaml checks the structure (known keys, maps where maps belong); numbers, names, addresses
 * and everything that depends on two keys are checked by config_build.c, which can name the line
 * and the allowed range. A missing key is NULL. */
#ifndef COMMON_CONFIG_SCHEMA_H
#define COMMON_CONFIG_SCHEMA_H

#include <cyaml/cyaml.h>

struct raw_port {
	char *name, *device, *host_interface, *queues, *workers, *vlan;
	char **local_addresses;
	unsigned int local_addresses_count;
};

struct raw_access {
	char *owner, *group, *mode;
	char **write_users;
	unsigned int write_users_count;
	char **write_groups;
	unsigned int write_groups_count;
};

struct raw_lb {
	char *memory_mb, *hugepages, *flows, *cores, *control_socket, *admin_socket;
	char *wake_latency_us, *sync_address;
	struct raw_access *control_access, *admin_access;
	struct raw_port *ports;
	unsigned int ports_count;
};

struct raw_node {
	char *name, *role, *metrics, *listen, *database;
	struct raw_lb *lb;
};

struct raw_member {
	char *node, *priority, *address;
};

struct raw_track {
	char *port, *pool, *script, *min_up, *weight;
};

struct raw_script {
	char *name, *interval_ms, *timeout_ms, *rise, *fall;
	char **command;
	unsigned int command_count;
};

struct raw_router {
	char *name, *vrid, *port, *advert_ms, *preempt, *preempt_delay_ms;
	char **addresses;
	unsigned int addresses_count;
	char **local_addresses;
	unsigned int local_addresses_count;
	struct raw_member *members;
	unsigned int members_count;
	char *mac, *accept, *sync_group, *min_ttl;
	struct raw_track *track;
	unsigned int track_count;
	char **notify;
	unsigned int notify_count;
};

struct raw_check {
	char *name, *type, *port, *path, *host, *expect_status;
	char *interval_ms, *timeout_ms, *rise, *fall;
	char *jitter_pct, *start, *via;
	char *method, *expect_body, *expect_body_regex;
	char **headers;
	unsigned int headers_count;
	char *tls_verify, *tls_ca, *tls_name;
	char *send, *send_hex, *expect, *expect_hex;
	char *query, *query_type, *expect_rcode, *expect_answer;
	char *user, *password_file, *read_only, *replica, *max_lag_s;
	char **command;
	unsigned int command_count;
};

struct raw_backend {
	char *name, *address, *weight, *max_flows, *port, *sorry;
};

struct raw_pool {
	char *name, *check;
	struct raw_backend *backends;
	unsigned int backends_count;
	char *slow_start_s, *quorum, *quorum_hysteresis;
};

struct raw_persistence {
	char *timeout_s, *prefix4, *prefix6;
};

struct raw_service_limits {
	char *new_flows_per_s, *packets_per_s;
};

struct raw_source_list {
	char *name, *file;
	char **prefixes;
	unsigned int prefixes_count;
};

struct raw_flow_timeouts {
	char *embryonic_ms, *established_ms, *fin_ms, *closed_ms, *udp_new_ms, *udp_ms;
	char *evict_idle_ms;
};

struct raw_sync_key {
	char *id, *file;
};

struct raw_flow_sync {
	char *port;
	struct raw_sync_key *keys;
	unsigned int keys_count;
};

struct raw_tunnel {
	char *type, *source, *source4, *source6, *gue_port, *mtu;
};

struct raw_service {
	char *name, *address, *port, *protocol, *mode, *scheduler, *pool;
	struct raw_persistence *persistence;
	struct raw_service_limits *limits;
	char *mss;
	struct raw_tunnel *tunnel;
	char **block;
	unsigned int block_count;
	char **allow;
	unsigned int allow_count;
	char *client_address, *syn_cookies;
};

struct raw_limits {
	char *threads, *max_connections, *max_body_bytes, *max_header_bytes;
	char *header_timeout_ms, *idle_timeout_ms, *drain_timeout_ms;
};

struct raw_proxy {
	char *prefix, *websocket;
	char **methods;
	unsigned int methods_count;
};

struct raw_web_certificate {
	char *certificate, *private_key, *ocsp_response;
};

struct raw_cache_rule {
	char *match, *value;
};

struct raw_error_page {
	char *status, *file;
};

struct raw_web_header {
	char *name, *value;
};

struct raw_shield {
	char *client_connections, *client_requests_per_s, *client_burst;
	char **exempt;
	unsigned int exempt_count;
};

struct raw_circuit {
	char *failures, *open_ms, *max_requests, *max_waiting, *wait_ms;
};

struct raw_response_cache {
	char *max_bytes, *max_object_bytes;
};

struct raw_http2 {
	char *enabled, *max_streams, *resets_per_s, *reset_burst;
};

struct raw_web {
	char *http_port, *https_port, *root, *certificate, *private_key;
	char *access_log, *access_log_format, *connect_timeout_ms, *response_timeout_ms;
	char *websocket_idle_ms;
	struct raw_limits *limits;
	struct raw_proxy *proxy;
	unsigned int proxy_count;
	struct raw_check *upstream_check;
	char *min_tls, *ocsp_response, *ticket_keys, *client_ca, *client_certificate;
	char *kernel_tls, *redirect_https, *hsts_max_age_s, *precompressed, *gzip;
	struct raw_web_certificate *certificates;
	unsigned int certificates_count;
	struct raw_cache_rule *cache_control;
	unsigned int cache_control_count;
	struct raw_error_page *error_pages;
	unsigned int error_pages_count;
	struct raw_web_header *headers;
	unsigned int headers_count;
	struct raw_shield *shield;
	struct raw_http2 *http2;
	struct raw_circuit *circuit;
	struct raw_response_cache *cache;
};

struct raw_links {
	char *anonymous, *owner_writes_per_minute, *owner_burst;
};

struct raw_app {
	char *public_url, *session_key_file, *connections, *queue, *query_timeout_ms;
	char *min_connections, *connection_lifetime_s, *max_lag_ms, *work_threads, *work_queue;
	char **modules;
	unsigned int modules_count;
	struct raw_limits *limits;
	struct raw_links *links;
};

struct raw_replication {
	char *user, *password_file, *admin_user, *admin_password_file;
	char *semi_sync, *semi_sync_timeout_ms;
	char **fence;
	unsigned int fence_count;
};

struct raw_database {
	char *name, *user, *password_file, *migrate_user, *migrate_password_file;
	char *monitor_user, *monitor_password_file, *migrations;
	char *read_user, *read_password_file, *tls_ca;
	struct raw_replication *replication;
};

struct raw_monitor {
	char *scrape_interval_ms, *scrape_timeout_ms, *probe_url, *probe_ca, *probe_dns;
};

struct raw_config {
	char *cluster, *site, *probe_ports;
	struct raw_node *nodes;
	unsigned int nodes_count;
	struct raw_router *virtual_routers;
	unsigned int virtual_routers_count;
	struct raw_check *checks;
	unsigned int checks_count;
	struct raw_pool *pools;
	unsigned int pools_count;
	struct raw_script *scripts;
	unsigned int scripts_count;
	struct raw_source_list *source_lists;
	unsigned int source_lists_count;
	struct raw_service *services;
	unsigned int services_count;
	struct raw_flow_timeouts *flow_timeouts;
	struct raw_flow_sync *flow_sync;
	struct raw_web *web;
	struct raw_app *app;
	struct raw_database *database;
	struct raw_monitor *monitor;
};

extern const cyaml_schema_value_t config_schema;

#endif /* COMMON_CONFIG_SCHEMA_H */
