/* SPDX-License-Identifier: BSD-3-Clause */
/* The cluster as every process sees it: the validated content of weir.yaml.
 *
 * A model is immutable. config_load() (config.h) parses the file, validates the whole of it and
 * only then makes a model; a reload makes another one, and the old one goes with its last user. All
 * strings and arrays belong to the model; pointers between its objects (a service's pool, a
 * backend's node) are resolved and never NULL unless the comment says so. Paths are absolute:
 * relative ones in the file are relative to the file's own folder. Readable by any thread. */
#ifndef COMMON_MODEL_H
#define COMMON_MODEL_H

#include "common/addr.h"
#include "common/arena.h"
#include "common/flow_sync.h"
#include "common/flow_timeouts.h"
#include "common/prefix.h"
#include "common/tunnel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Limits of what one file may describe; the messages of validation name them. */
#define MODEL_NAME_MAX 31 /* Letters of a name: a-z, 0-9, '-', '_', starting with a letter. */
#define MODEL_WEIGHT_MAX 1000
#define MODEL_PERSISTENCE_S_MAX 86400
#define MODEL_RATE_MAX 10000000          /* Of new flows or packets in a second. */
#define MODEL_FLOWS_MAX 1000000000       /* Of a backend, at once. */
#define MODEL_PORTS_MAX 8                /* Ports of one load balancer. */
#define MODEL_ROUTERS_MAX 64             /* Virtual routers. */
#define MODEL_VIPS_MAX 256               /* Addresses of one virtual router. */
#define MODEL_LOCALS_MAX 64              /* Local addresses of one port. */
#define MODEL_LISTS_MAX 64               /* Source lists. */
#define MODEL_LIST_PREFIXES_MAX 1000     /* Of a list that is not a file. */
#define MODEL_FILED_PREFIXES_MAX 2000000 /* Of all lists that are files. */
#define MODEL_SERVICE_LISTS_MAX 8        /* Lists that a service blocks or allows. */
#define MODEL_TRACKS_MAX 16              /* Things that one virtual router tracks. */
#define MODEL_SCRIPTS_MAX 64             /* Scripts that are tracked. */
#define MODEL_COMMAND_MAX 32             /* Words of a command. */
#define MODEL_STATUS_RANGES_MAX 8        /* Of the HTTP statuses that a check expects. */
#define MODEL_CHECK_HEADERS_MAX 16       /* That an HTTP check sends. */
#define MODEL_CHECK_BYTES_MAX 1024       /* That a UDP check sends or expects. */

enum node_role {
	ROLE_LB,
	ROLE_WEB,
	ROLE_APP,
	ROLE_DB,
	ROLE_MONITOR
};

enum protocol {
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17
}; /* IANA numbers. */

enum forward_mode {
	MODE_DR,
	MODE_TUNNEL,
	MODE_NAT,
	MODE_FULLNAT
};

/* How backends in mode fullnat are told who the client is. */
enum client_address {
	CLIENT_ADDRESS_NONE,
	CLIENT_ADDRESS_TOA,   /* A TCP option in the connection's first packets. */
	CLIENT_ADDRESS_PROXY2 /* PROXY protocol version 2, in front of what the client says. */
};

/* Whether packets get other addresses, and answers come back through the load balancer. */
static inline bool
mode_translates(unsigned int mode)
{
	return mode == MODE_NAT || mode == MODE_FULLNAT;
}

enum scheduler_kind {
	SCHEDULER_MAGLEV,
	SCHEDULER_ROUND_ROBIN,
	SCHEDULER_LEAST_CONNECTIONS,
	SCHEDULER_SOURCE_HASH,
	N_SCHEDULERS
};

enum check_type {
	CHECK_NONE,
	CHECK_TCP,
	CHECK_HTTP,
	CHECK_HTTPS,
	CHECK_TLS,
	CHECK_UDP,
	CHECK_DNS,
	CHECK_ICMP,
	CHECK_MARIADB,
	CHECK_SCRIPT,
	N_CHECK_TYPES
};

/* What a backend counts as before the first result. */
enum check_start {
	CHECK_START_WAIT, /* Nothing: the first result decides. */
	CHECK_START_UP,
	CHECK_START_DOWN
};

enum database_role {
	DATABASE_PRIMARY,
	DATABASE_REPLICA
};

enum log_format {
	LOG_FORMAT_COMBINED,
	LOG_FORMAT_JSON
};

/* One dataplane port: a NIC or a virtual device, and the host's interface behind it. */
struct lb_port {
	const char *name;
	const char *device;         /* PCI address, or a DPDK vdev ("net_af_xdp0,iface=front"). */
	const char *host_interface; /* The exception TAP by which the host's kernel is reached. */
	uint16_t n_queues;          /* RX queues. */
	uint16_t n_workers;         /* Not fewer: a queue has a worker of its own. */
	uint16_t vlan;              /* That its frames are tagged with; 0: they have no tag. */
	struct addr *locals;        /* Mode fullnat speaks to backends from these. */
	size_t n_locals;
};

/* Who may use a UNIX socket. Whoever gets in may look; root, the process's own user and those named
 * here may change something. */
struct socket_access {
	const char *owner;              /* Of the socket's file; NULL: the process's user ... */
	const char *group;              /* ... and group. */
	uint16_t mode;                  /* Of the file: who gets in. */
	const char *const *write_users; /* Ended by NULL; NULL: none. */
	const char *const *write_groups;
};

#define MODEL_NO_LIMIT (-1)

struct lb_node {
	struct lb_port *ports;
	size_t n_ports;
	uint32_t memory_mb; /* For DPDK: pools and flow tables. */
	bool hugepages;
	uint32_t n_flows;        /* Flow table entries per worker. */
	const char *cores;       /* EAL --lcores list, or NULL: as the operating system places. */
	int32_t wake_latency_us; /* That a processor may take to wake up; or MODEL_NO_LIMIT. */
	const char *control_socket; /* Dataplane listens, control plane connects. */
	const char *admin_socket;   /* Control plane listens, weirctl connects. */
	struct addr sync_address;   /* Where it hears of the others' flows. */
	struct socket_access control_access;
	struct socket_access admin_access;
};

struct db_node {
	struct endpoint listen;
	enum database_role role;
};

struct node {
	const char *name;
	enum node_role role;
	struct endpoint metrics; /* Where the node serves /metrics; ADDR_NONE for db nodes. */
	struct endpoint listen; /* app: HTTP for the web tier; monitor: its page; else ADDR_NONE. */
	struct lb_node lb;      /* role lb only. */
	struct db_node db;      /* role db only. */
};

/* A VRRP virtual router: addresses that move together between load balancers. */
struct router_member {
	const struct node *node;
	uint8_t priority;    /* 1 to 255; the highest wins. */
	struct addr address; /* Its adverts come from and go to this one; ADDR_NONE: multicast. */
};

/* A command that says by its exit status whether the node is fit. */
struct script {
	const char *name;
	const char *const *command; /* Words, ended by NULL; the first is an absolute path. */
	uint32_t interval_ms;
	uint32_t timeout_ms;
	uint32_t rise; /* Successes in a row that make it good. */
	uint32_t fall; /* Failures in a row that make it bad. */
};

enum track_kind {
	TRACK_PORT,
	TRACK_POOL,
	TRACK_SCRIPT
};

/* What a virtual router on a node depends on. */
struct track {
	enum track_kind kind;
	const char *port;            /* port: its link must be up. */
	const struct pool *pool;     /* pool: so many backends must be up ... */
	uint32_t min_up;             /* ... at least. */
	const struct script *script; /* script: must succeed. */
	uint8_t weight; /* What it takes from the priority while it is not so; 0: is a fault. */
};

struct virtual_router {
	const char *name;
	uint8_t vrid;       /* 1 to 255. */
	const char *port;   /* Name of the dataplane port, the same on every member. */
	uint32_t advert_cs; /* Centiseconds between adverts, 1 to 4095. */
	bool preempt;
	uint32_t preempt_delay_ms;
	enum addr_family family; /* Of all its addresses. */
	struct addr *addresses;
	size_t n_addresses;
	struct addr *locals; /* Mode fullnat speaks from them wherever the router is held. */
	size_t n_locals;
	struct router_member *members;
	size_t n_members;
	bool virtual_mac;  /* Its addresses have the MAC of RFC 9568 7.3, not the port's. */
	uint8_t min_ttl;   /* Of adverts between members' addresses. */
	bool accept;       /* Answers echo requests to its addresses. */
	const char *group; /* Of routers that move together; NULL: none. */
	struct track *tracks;
	size_t n_tracks;
	const char *const *notify; /* Run with each transition; words, ended by NULL. NULL: none. */
};

struct status_range {
	uint16_t first, last;
};

/* Bytes as they are on the wire. */
struct check_bytes {
	const uint8_t *data;
	size_t size;
};

struct check_http {
	const char *method;
	const char *path;
	const char *host;           /* Host header; NULL: the backend's address. */
	const char *const *headers; /* "Name: value", ended by NULL; NULL: none. */
	struct status_range statuses[MODEL_STATUS_RANGES_MAX]; /* The good ones. */
	size_t n_statuses;
	const char *expected;   /* The same as a text. */
	const char *body;       /* What the body must contain, ... */
	const char *body_regex; /* ... or match (POSIX extended). NULL: it may be anything. */
};

struct check_tls {
	bool verify;         /* The certificate must be valid and made out to 'name'. */
	const char *ca_file; /* PEM authorities; NULL: the system's. */
	const char *name;    /* Also asked for by SNI. NULL: the backend's address, no SNI. */
};

struct check_udp {
	struct check_bytes send;
	struct check_bytes expect; /* What an answer must contain. */
};

struct check_dns {
	const char *name;
	uint16_t type;      /* IANA numbers. */
	uint8_t rcode;      /* That the answer must have. */
	const char *answer; /* Data that a record of the answer must have; NULL: any or none. */
};

/* What a MariaDB server must be besides reachable. */
enum check_read_only {
	CHECK_READ_ONLY_ANY,
	CHECK_READ_ONLY_NO,
	CHECK_READ_ONLY_YES
};

struct check_mariadb {
	const char *user;
	const char *password_file; /* NULL: no password. */
	enum check_read_only read_only;
	bool replica;       /* Must replicate, and be behind ... */
	uint32_t max_lag_s; /* ... by this at most. */
};

struct check {
	const char *name;
	enum check_type type;
	uint16_t port; /* Port to probe; 0: the service's own port. */
	uint32_t interval_ms;
	uint32_t timeout_ms;
	uint8_t jitter_pct; /* Of the interval. */
	uint32_t rise;      /* Successes in a row that make a backend up. */
	uint32_t fall;      /* Failures in a row that make it down. */
	enum check_start start;
	bool via_vip; /* Probes have the virtual address, and go as clients' packets do. */
	struct check_http http; /* http, https. */
	struct check_tls tls;   /* https, tls. */
	struct check_udp udp;
	struct check_dns dns;
	struct check_mariadb mariadb;
	const char *const *command; /* script: words, ended by NULL. */
};

struct backend {
	const char *name; /* Unique in its pool. */
	struct addr addr;
	uint16_t weight;    /* 0 to MODEL_WEIGHT_MAX; 0 takes no new flows. */
	uint32_t max_flows; /* At once; 0: any number. */
	uint16_t port;      /* Where it serves (nat, fullnat); 0: at the service's port. */
	bool sorry;         /* Serves only while the pool has no quorum; never checked. */
};

/* Backends that serve the same thing, and how they are checked. */
struct pool {
	const char *name;
	const struct check *check; /* NULL: never checked, always up. */
	struct backend *backends;
	size_t n_backends;
	uint32_t slow_start_ms; /* Ramp of a backend that comes back; 0: none. */
	uint32_t quorum;        /* With a sorry backend: fewer of the others up are too few ... */
	uint32_t quorum_hysteresis; /* ... until there are so many more. */
};

/* How clients are kept with their backend from one connection to the next. */
struct persistence_config {
	uint32_t timeout_s; /* After the last new flow; 0: they are not kept. */
	uint8_t prefix4;    /* Bits of the address that make a client. */
	uint8_t prefix6;
};

/* What a service takes at most; 0: any number. */
struct service_limits {
	uint32_t new_flows_per_s;
	uint32_t packets_per_s;
};

/* Prefixes that clients come from. */
struct source_list {
	const char *name;
	const char *file; /* NULL: the prefixes are here. */
	struct prefix *prefixes;
	size_t n_prefixes;
	char stamp[PREFIX_STAMP_SIZE]; /* Of the file: source_lists_read(). */
};

/* Lists that a service goes by. */
struct service_lists {
	const struct source_list *lists[MODEL_SERVICE_LISTS_MAX];
	size_t n;
};

struct service {
	const char *name;
	struct addr address; /* One of a virtual router's addresses. */
	uint16_t port;       /* Host order; 0: all ports that no other service has. */
	enum protocol protocol;
	enum forward_mode mode;
	enum scheduler_kind scheduler;
	struct persistence_config persistence;
	const struct pool *pool; /* Its backends have the family of 'address' (mode dr). */
	struct tunnel tunnel;    /* Mode tunnel only. */
	uint16_t mss;            /* TCP: the largest that a SYN may offer; 0: any. */
	enum client_address client_address; /* Mode fullnat only. */
	bool syn_cookies;    /* TCP in modes nat and fullnat: the dataplane answers SYNs itself. */
	uint16_t probe_port; /* From it on its pool's backends are probed by it; 0: they are not. */
	const struct virtual_router *router; /* The one that holds 'address'. */
	struct service_limits limits;
	struct service_lists block; /* Clients in one of these get nothing. */
	struct service_lists allow; /* If there are any: clients in none of these get nothing. */
};

/* Limits and times of an HTTP server; web tier and app tier have one each. */
struct http_limits {
	uint32_t n_threads;       /* Workers; 0: one per core. */
	uint32_t max_connections; /* Per worker. */
	uint64_t max_body_bytes;
	uint32_t max_header_bytes;
	uint32_t header_timeout_ms; /* From accept or the previous response to the whole header. */
	uint32_t idle_timeout_ms;   /* Kept-alive connections. */
	uint32_t drain_timeout_ms;  /* After SIGTERM, for requests in flight. */
};

struct proxy_prefix {
	const char *prefix;   /* Begins with '/'. */
	const char **methods; /* Allowed ones; all if there is none. */
	size_t n_methods;
	bool websocket; /* A client and an app node may change to one (RFC 6455). */
};

/* Files of a certificate of the web tier. */
struct web_certificate {
	const char *certificate;   /* PEM chain. */
	const char *private_key;   /* PEM. */
	const char *ocsp_response; /* DER; NULL: none. */
};

/* What Cache-Control says of the static files whose path fits. */
struct cache_rule {
	const char *match; /* A pattern of fnmatch(3): "*.css". */
	const char *value;
};

/* The page shown to people instead of an error of the web tier's own. */
struct error_page {
	uint16_t status;
	const char *file; /* Below the root. */
};

struct web_header {
	const char *name;
	const char *value;
};

/* What keeps the web tier from overloading app nodes, and from waiting for those that fail. */
struct circuit_config {
	uint32_t n_failures;   /* In a row, after which a node is left alone; 0: never. */
	uint32_t open_ms;      /* For so long. */
	uint32_t max_requests; /* At a time of one worker at one node; 0: any number. */
	uint32_t max_waiting;  /* Of one worker, until there are fewer ... */
	uint32_t wait_ms;      /* ... for so long. */
};

/* Responses of app nodes that the web tier keeps to use them again. */
struct response_cache_config {
	uint64_t max_bytes; /* Of all workers; 0: there is no cache. */
	uint64_t max_object_bytes;
};

/* What one client may do to the web tier. */
struct shield_config {
	uint32_t client_connections;    /* At a time; 0: any number. */
	uint32_t client_requests_per_s; /* 0: any number. */
	uint32_t client_burst;          /* Requests that may come at once. */
	struct prefix *exempt;          /* Clients to whom none of it applies. */
	size_t n_exempt;
};

/* What TLS clients of the web tier may do by HTTP/2. */
struct http2_config {
	bool enabled;
	uint32_t max_streams;  /* Requests at a time on a connection. */
	uint32_t resets_per_s; /* Streams that a connection's client may reset. */
	uint32_t reset_burst;  /* Of these, so many may come at once. */
};

/* A secret that load balancers share. */
struct flow_sync_file {
	uint8_t id; /* 1 to 255. */
	const char *file;
};

/* How load balancers tell each other of flows. */
struct flow_sync_config {
	uint16_t port; /* UDP. */
	struct flow_sync_file keys[FLOW_SYNC_KEYS_MAX];
	size_t n_keys; /* 0: they do not. */
};

#define WEB_LOG_JOURNAL "journal" /* No path: those are whole. */

struct web_config {
	uint16_t http_port;
	uint16_t https_port;
	const char *root;        /* Folder of static files. */
	const char *certificate; /* PEM chain. */
	const char *private_key; /* PEM. */
	/* A file ("%n" stands for the name of the node) or WEB_LOG_JOURNAL. NULL: none. */
	const char *access_log;
	enum log_format access_log_format;
	struct http_limits limits;
	struct proxy_prefix *proxies;
	size_t n_proxies;
	uint32_t connect_timeout_ms;
	uint32_t response_timeout_ms; /* Until the first byte of an app node's response. */
	uint32_t websocket_idle_ms;   /* One in which nothing moves is closed. */
	struct circuit_config circuit;
	struct response_cache_config cache;
	struct check upstream_check;               /* Of each app node; type http. */
	const char *ocsp_response;                 /* About 'certificate'; NULL: none. */
	struct web_certificate *more_certificates; /* For other names. */
	size_t n_more_certificates;
	const char *ticket_keys; /* Shared by web nodes; NULL: each has its own. */
	const char *client_ca;   /* Signs clients' certificates; NULL: they are not asked for. */
	bool client_required;    /* No connection without one. */
	bool only_tls_1_3;
	bool kernel_tls;         /* What is sent is encrypted by the kernel, where it can. */
	bool redirect_https;     /* Plain HTTP says where HTTPS is. */
	uint32_t hsts_max_age_s; /* 0: none. */
	bool precompressed;      /* Files with .br and .gz beside them are sent so. */
	bool gzip;               /* Text is compressed. */
	struct cache_rule *cache_rules;
	size_t n_cache_rules;
	struct error_page *error_pages;
	size_t n_error_pages;
	struct web_header *headers; /* Of every response. */
	size_t n_headers;
	struct shield_config shield;
	struct http2_config http2;
};

/* The link shortener. */
struct links_config {
	bool anonymous;                   /* Links may be made without a token. */
	uint32_t owner_writes_per_minute; /* Of one owner, on all nodes together, ... */
	uint32_t owner_burst;             /* ... and so many at once. */
};

struct app_config {
	const char *public_url; /* "https://www.example.org", without a slash at the end. */
	struct http_limits limits;
	uint32_t n_connections; /* To each database server, per worker. */
	uint32_t queue_max;     /* Queries that may wait for a connection, per worker. */
	uint32_t query_timeout_ms;
	uint32_t n_min_connections;     /* Of n_connections, those that are kept open. */
	uint32_t connection_lifetime_s; /* After it one is replaced; 0: never. */
	uint32_t max_lag_ms;            /* A replica that is further behind is not read. */
	uint32_t n_work_threads;        /* Of the process, for long work of modules. */
	uint32_t work_queue_max;        /* Pieces of it that may wait, per worker. */
	/* Ended by NULL: names of those that are compiled in, absolute paths of others. */
	const char *const *modules;
	const char
		*session_key_file; /* Secret that signs session cookies; the same on every node. */
	struct links_config links;
};

/* For scripts/database and scripts/promote; no process uses it. */
struct replication_config {
	const char *user; /* By which a replica follows; NULL: no section 'replication'. */
	const char *password_file;
	const char *admin_user; /* Who changes roles and makes backups. */
	const char *admin_password_file;
	bool semi_sync;                /* A write is answered when a replica has it. */
	uint32_t semi_sync_timeout_ms; /* How long it waits for one; 0: as long as it takes. */
	const char *const
		*fence; /* Cuts a server off for good; words, ended by NULL; NULL: none. */
};

struct database_config {
	const char *name; /* NULL in a cluster without database. */
	const char *user;
	const char *password_file;
	const char *migrate_user; /* May alter the schema. */
	const char *migrate_password_file;
	const char *monitor_user;
	const char *monitor_password_file;
	const char *migrations; /* Folder of numbered .sql files. */
	const char *read_user;  /* May only read; NULL: 'user' does. */
	const char *read_password_file;
	const char *tls_ca; /* PEM authorities of the servers' certificates; NULL: no TLS. */
	struct replication_config replication;
};

struct monitor_config {
	uint32_t scrape_interval_ms;
	uint32_t scrape_timeout_ms;
	const char *probe_url; /* Asked through the VIPs as a client would; NULL: no probe. */
	const char
		*probe_ca; /* PEM bundle that signs the site's certificate; NULL: the system's. */
	struct endpoint
		probe_dns; /* DNS server to ask for the site's name; ADDR_NONE: the system's. */
};

struct model {
	struct arena arena;   /* Owns everything below. */
	unsigned int n_users; /* model_share() */
	const char *path;     /* The file it came from, ... */
	const char *text;     /* ... and what was in it. */
	const char *cluster;
	const char *site; /* The site's DNS name; NULL if not given. */
	struct node *nodes;
	size_t n_nodes;
	struct virtual_router *routers;
	size_t n_routers;
	struct check *checks;
	size_t n_checks;
	struct pool *pools;
	size_t n_pools;
	struct script *scripts;
	size_t n_scripts;
	struct source_list *lists;
	size_t n_lists;
	struct service *services;
	size_t n_services;
	struct flow_timeouts flow_timeouts; /* Of all load balancers. */
	struct flow_sync_config flow_sync;
	struct web_config web;
	struct app_config app;
	struct database_config database;
	struct monitor_config monitor;
};

/* One more user of the model: each of them ends with model_free() (config.h). Users are counted in
 * one thread. */
struct model *model_share(struct model *model);

/* The node called 'name', or NULL. */
const struct node *model_node(const struct model *model, const char *name);

/* The next node with 'role' after 'previous' (NULL: the first), or NULL. */
const struct node *model_next_node(
	const struct model *model, enum node_role role, const struct node *previous);

const char *node_role_name(enum node_role role);

/* True if health checks look at the backend. */
static inline bool
pool_checks(const struct pool *pool, const struct backend *backend)
{
	return pool->check && !backend->sorry;
}

/* Whether a check of 'pool' that goes by the virtual address may go by 'service'. */
bool check_goes_by(
	const struct check *check, const struct pool *pool, const struct service *service);

/* "tcp", "http" ... */
const char *check_type_name(enum check_type type);

/* True if the check is content with the HTTP status. */
bool check_http_expects(const struct check_http *http, unsigned int status);

#endif /* COMMON_MODEL_H */
