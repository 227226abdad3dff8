/* SPDX-License-Identifier: BSD-3-Clause */
/* Schema of weir.yaml for libcyaml; see config_schema.h. */
#include "common/config_schema.h"

#define OPTIONAL (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT(type, key) CYAML_FIELD_STRING_PTR(#key, OPTIONAL, struct type, key, 0, CYAML_UNLIMITED)
#define MAP(type, key, fields) CYAML_FIELD_MAPPING_PTR(#key, OPTIONAL, struct type, key, fields)
#define LIST(type, key, entry) \
	CYAML_FIELD_SEQUENCE(#key, OPTIONAL, struct type, key, &(entry), 0, CYAML_UNLIMITED)
#define ENTRY(type, fields)                                                  \
	{                                                                    \
		CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct type, fields) \
	}

static const cyaml_schema_value_t text_entry = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, CYAML_UNLIMITED)};

static const cyaml_schema_field_t port_fields[] = {
	TEXT(raw_port, name),
	TEXT(raw_port, device),
	TEXT(raw_port, host_interface),
	TEXT(raw_port, queues),
	TEXT(raw_port, workers),
	TEXT(raw_port, vlan),
	LIST(raw_port, local_addresses, text_entry),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t port_entry = ENTRY(raw_port, port_fields);

static const cyaml_schema_field_t access_fields[] = {
	TEXT(raw_access, owner),
	TEXT(raw_access, group),
	TEXT(raw_access, mode),
	LIST(raw_access, write_users, text_entry),
	LIST(raw_access, write_groups, text_entry),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t lb_fields[] = {
	TEXT(raw_lb, memory_mb),
	TEXT(raw_lb, hugepages),
	TEXT(raw_lb, flows),
	TEXT(raw_lb, cores),
	TEXT(raw_lb, wake_latency_us),
	TEXT(raw_lb, control_socket),
	TEXT(raw_lb, admin_socket),
	TEXT(raw_lb, sync_address),
	MAP(raw_lb, control_access, access_fields),
	MAP(raw_lb, admin_access, access_fields),
	LIST(raw_lb, ports, port_entry),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t node_fields[] = {
	TEXT(raw_node, name),
	TEXT(raw_node, role),
	TEXT(raw_node, metrics),
	TEXT(raw_node, listen),
	TEXT(raw_node, database),
	MAP(raw_node, lb, lb_fields),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t node_entry = ENTRY(raw_node, node_fields);

static const cyaml_schema_field_t member_fields[] = {
	TEXT(raw_member, node),
	TEXT(raw_member, priority),
	TEXT(raw_member, address),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t member_entry = ENTRY(raw_member, member_fields);

static const cyaml_schema_field_t track_fields[] = {
	TEXT(raw_track, port),
	TEXT(raw_track, pool),
	TEXT(raw_track, script),
	TEXT(raw_track, min_up),
	TEXT(raw_track, weight),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t track_entry = ENTRY(raw_track, track_fields);

static const cyaml_schema_field_t script_fields[] = {
	TEXT(raw_script, name),
	LIST(raw_script, command, text_entry),
	TEXT(raw_script, interval_ms),
	TEXT(raw_script, timeout_ms),
	TEXT(raw_script, rise),
	TEXT(raw_script, fall),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t script_entry = ENTRY(raw_script, script_fields);

static const cyaml_schema_field_t router_fields[] = {
	TEXT(raw_router, name),
	TEXT(raw_router, vrid),
	TEXT(raw_router, port),
	TEXT(raw_router, advert_ms),
	TEXT(raw_router, preempt),
	TEXT(raw_router, preempt_delay_ms),
	LIST(raw_router, addresses, text_entry),
	LIST(raw_router, local_addresses, text_entry),
	LIST(raw_router, members, member_entry),
	TEXT(raw_router, mac),
	TEXT(raw_router, accept),
	TEXT(raw_router, min_ttl),
	TEXT(raw_router, sync_group),
	LIST(raw_router, track, track_entry),
	LIST(raw_router, notify, text_entry),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t router_entry = ENTRY(raw_router, router_fields);

static const cyaml_schema_field_t check_fields[] = {
	TEXT(raw_check, name),
	TEXT(raw_check, type),
	TEXT(raw_check, port),
	TEXT(raw_check, path),
	TEXT(raw_check, host),
	TEXT(raw_check, expect_status),
	TEXT(raw_check, interval_ms),
	TEXT(raw_check, timeout_ms),
	TEXT(raw_check, rise),
	TEXT(raw_check, fall),
	TEXT(raw_check, jitter_pct),
	TEXT(raw_check, start),
	TEXT(raw_check, via),
	TEXT(raw_check, method),
	TEXT(raw_check, expect_body),
	TEXT(raw_check, expect_body_regex),
	TEXT(raw_check, tls_verify),
	TEXT(raw_check, tls_ca),
	TEXT(raw_check, tls_name),
	TEXT(raw_check, send),
	TEXT(raw_check, send_hex),
	TEXT(raw_check, expect),
	TEXT(raw_check, expect_hex),
	TEXT(raw_check, query),
	TEXT(raw_check, query_type),
	TEXT(raw_check, expect_rcode),
	TEXT(raw_check, expect_answer),
	TEXT(raw_check, user),
	TEXT(raw_check, password_file),
	TEXT(raw_check, read_only),
	TEXT(raw_check, replica),
	TEXT(raw_check, max_lag_s),
	LIST(raw_check, headers, text_entry),
	LIST(raw_check, command, text_entry),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t check_entry = ENTRY(raw_check, check_fields);

static const cyaml_schema_field_t backend_fields[] = {
	TEXT(raw_backend, name),
	TEXT(raw_backend, address),
	TEXT(raw_backend, weight),
	TEXT(raw_backend, max_flows),
	TEXT(raw_backend, port),
	TEXT(raw_backend, sorry),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t backend_entry = ENTRY(raw_backend, backend_fields);

static const cyaml_schema_field_t pool_fields[] = {
	TEXT(raw_pool, name),
	TEXT(raw_pool, check),
	LIST(raw_pool, backends, backend_entry),
	TEXT(raw_pool, slow_start_s),
	TEXT(raw_pool, quorum),
	TEXT(raw_pool, quorum_hysteresis),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t pool_entry = ENTRY(raw_pool, pool_fields);

static const cyaml_schema_field_t persistence_fields[] = {
	TEXT(raw_persistence, timeout_s),
	TEXT(raw_persistence, prefix4),
	TEXT(raw_persistence, prefix6),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t service_limits_fields[] = {
	TEXT(raw_service_limits, new_flows_per_s),
	TEXT(raw_service_limits, packets_per_s),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t tunnel_fields[] = {
	TEXT(raw_tunnel, type),
	TEXT(raw_tunnel, source),
	TEXT(raw_tunnel, source4),
	TEXT(raw_tunnel, source6),
	TEXT(raw_tunnel, gue_port),
	TEXT(raw_tunnel, mtu),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t source_list_fields[] = {
	TEXT(raw_source_list, name),
	TEXT(raw_source_list, file),
	LIST(raw_source_list, prefixes, text_entry),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t source_list_entry = ENTRY(raw_source_list, source_list_fields);

static const cyaml_schema_field_t sync_key_fields[] = {
	TEXT(raw_sync_key, id),
	TEXT(raw_sync_key, file),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t sync_key_entry = ENTRY(raw_sync_key, sync_key_fields);

static const cyaml_schema_field_t flow_sync_fields[] = {
	TEXT(raw_flow_sync, port),
	LIST(raw_flow_sync, keys, sync_key_entry),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t flow_timeouts_fields[] = {
	TEXT(raw_flow_timeouts, embryonic_ms),
	TEXT(raw_flow_timeouts, established_ms),
	TEXT(raw_flow_timeouts, fin_ms),
	TEXT(raw_flow_timeouts, closed_ms),
	TEXT(raw_flow_timeouts, udp_new_ms),
	TEXT(raw_flow_timeouts, udp_ms),
	TEXT(raw_flow_timeouts, evict_idle_ms),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t service_fields[] = {
	TEXT(raw_service, name),
	TEXT(raw_service, address),
	TEXT(raw_service, port),
	TEXT(raw_service, protocol),
	TEXT(raw_service, mode),
	TEXT(raw_service, scheduler),
	TEXT(raw_service, pool),
	MAP(raw_service, persistence, persistence_fields),
	MAP(raw_service, limits, service_limits_fields),
	TEXT(raw_service, mss),
	MAP(raw_service, tunnel, tunnel_fields),
	LIST(raw_service, block, text_entry),
	LIST(raw_service, allow, text_entry),
	TEXT(raw_service, client_address),
	TEXT(raw_service, syn_cookies),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t service_entry = ENTRY(raw_service, service_fields);

static const cyaml_schema_field_t limits_fields[] = {
	TEXT(raw_limits, threads),
	TEXT(raw_limits, max_connections),
	TEXT(raw_limits, max_body_bytes),
	TEXT(raw_limits, max_header_bytes),
	TEXT(raw_limits, header_timeout_ms),
	TEXT(raw_limits, idle_timeout_ms),
	TEXT(raw_limits, drain_timeout_ms),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t proxy_fields[] = {
	TEXT(raw_proxy, prefix),
	LIST(raw_proxy, methods, text_entry),
	TEXT(raw_proxy, websocket),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t proxy_entry = ENTRY(raw_proxy, proxy_fields);

static const cyaml_schema_field_t web_certificate_fields[] = {
	TEXT(raw_web_certificate, certificate),
	TEXT(raw_web_certificate, private_key),
	TEXT(raw_web_certificate, ocsp_response),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t web_certificate_entry =
	ENTRY(raw_web_certificate, web_certificate_fields);

static const cyaml_schema_field_t cache_rule_fields[] = {
	TEXT(raw_cache_rule, match),
	TEXT(raw_cache_rule, value),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t cache_rule_entry = ENTRY(raw_cache_rule, cache_rule_fields);

static const cyaml_schema_field_t error_page_fields[] = {
	TEXT(raw_error_page, status),
	TEXT(raw_error_page, file),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t error_page_entry = ENTRY(raw_error_page, error_page_fields);

static const cyaml_schema_field_t web_header_fields[] = {
	TEXT(raw_web_header, name),
	TEXT(raw_web_header, value),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t web_header_entry = ENTRY(raw_web_header, web_header_fields);

static const cyaml_schema_field_t shield_fields[] = {
	TEXT(raw_shield, client_connections),
	TEXT(raw_shield, client_requests_per_s),
	TEXT(raw_shield, client_burst),
	LIST(raw_shield, exempt, text_entry),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t http2_fields[] = {
	TEXT(raw_http2, enabled),
	TEXT(raw_http2, max_streams),
	TEXT(raw_http2, resets_per_s),
	TEXT(raw_http2, reset_burst),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t circuit_fields[] = {
	TEXT(raw_circuit, failures),
	TEXT(raw_circuit, open_ms),
	TEXT(raw_circuit, max_requests),
	TEXT(raw_circuit, max_waiting),
	TEXT(raw_circuit, wait_ms),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t response_cache_fields[] = {
	TEXT(raw_response_cache, max_bytes),
	TEXT(raw_response_cache, max_object_bytes),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t web_fields[] = {
	TEXT(raw_web, http_port),
	TEXT(raw_web, https_port),
	TEXT(raw_web, root),
	TEXT(raw_web, certificate),
	TEXT(raw_web, private_key),
	TEXT(raw_web, access_log),
	TEXT(raw_web, access_log_format),
	TEXT(raw_web, connect_timeout_ms),
	TEXT(raw_web, response_timeout_ms),
	TEXT(raw_web, websocket_idle_ms),
	MAP(raw_web, limits, limits_fields),
	LIST(raw_web, proxy, proxy_entry),
	MAP(raw_web, upstream_check, check_fields),
	TEXT(raw_web, min_tls),
	TEXT(raw_web, ocsp_response),
	TEXT(raw_web, ticket_keys),
	TEXT(raw_web, client_ca),
	TEXT(raw_web, client_certificate),
	TEXT(raw_web, kernel_tls),
	TEXT(raw_web, redirect_https),
	TEXT(raw_web, hsts_max_age_s),
	TEXT(raw_web, precompressed),
	TEXT(raw_web, gzip),
	LIST(raw_web, certificates, web_certificate_entry),
	LIST(raw_web, cache_control, cache_rule_entry),
	LIST(raw_web, error_pages, error_page_entry),
	LIST(raw_web, headers, web_header_entry),
	MAP(raw_web, shield, shield_fields),
	MAP(raw_web, http2, http2_fields),
	MAP(raw_web, circuit, circuit_fields),
	MAP(raw_web, cache, response_cache_fields),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t links_fields[] = {
	TEXT(raw_links, anonymous),
	TEXT(raw_links, owner_writes_per_minute),
	TEXT(raw_links, owner_burst),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t app_fields[] = {
	TEXT(raw_app, public_url),
	TEXT(raw_app, session_key_file),
	TEXT(raw_app, connections),
	TEXT(raw_app, queue),
	TEXT(raw_app, query_timeout_ms),
	TEXT(raw_app, min_connections),
	TEXT(raw_app, connection_lifetime_s),
	TEXT(raw_app, max_lag_ms),
	TEXT(raw_app, work_threads),
	TEXT(raw_app, work_queue),
	LIST(raw_app, modules, text_entry),
	MAP(raw_app, limits, limits_fields),
	MAP(raw_app, links, links_fields),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t replication_fields[] = {
	TEXT(raw_replication, user),
	TEXT(raw_replication, password_file),
	TEXT(raw_replication, admin_user),
	TEXT(raw_replication, admin_password_file),
	TEXT(raw_replication, semi_sync),
	TEXT(raw_replication, semi_sync_timeout_ms),
	LIST(raw_replication, fence, text_entry),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t database_fields[] = {
	TEXT(raw_database, name),
	TEXT(raw_database, user),
	TEXT(raw_database, password_file),
	TEXT(raw_database, migrate_user),
	TEXT(raw_database, migrate_password_file),
	TEXT(raw_database, monitor_user),
	TEXT(raw_database, monitor_password_file),
	TEXT(raw_database, migrations),
	TEXT(raw_database, read_user),
	TEXT(raw_database, read_password_file),
	TEXT(raw_database, tls_ca),
	MAP(raw_database, replication, replication_fields),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t monitor_fields[] = {
	TEXT(raw_monitor, scrape_interval_ms),
	TEXT(raw_monitor, scrape_timeout_ms),
	TEXT(raw_monitor, probe_url),
	TEXT(raw_monitor, probe_ca),
	TEXT(raw_monitor, probe_dns),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t config_fields[] = {
	TEXT(raw_config, cluster),
	TEXT(raw_config, site),
	TEXT(raw_config, probe_ports),
	LIST(raw_config, nodes, node_entry),
	LIST(raw_config, virtual_routers, router_entry),
	LIST(raw_config, checks, check_entry),
	LIST(raw_config, pools, pool_entry),
	LIST(raw_config, scripts, script_entry),
	LIST(raw_config, source_lists, source_list_entry),
	LIST(raw_config, services, service_entry),
	MAP(raw_config, flow_timeouts, flow_timeouts_fields),
	MAP(raw_config, flow_sync, flow_sync_fields),
	MAP(raw_config, web, web_fields),
	MAP(raw_config, app, app_fields),
	MAP(raw_config, database, database_fields),
	MAP(raw_config, monitor, monitor_fields),
	CYAML_FIELD_END,
};

const cyaml_schema_value_t config_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_config, config_fields)};
