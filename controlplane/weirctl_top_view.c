/* SPDX-License-Identifier: BSD-3-Clause */
/* The view of 'weirctl top'; see weirctl_top_view.h. */
#include "controlplane/weirctl_top_view.h"

#include "controlplane/weirctl_cells.h"
#include "controlplane/weirctl_rates.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define INTERVAL_MIN_S 0.5
#define INTERVAL_MAX_S 60.0
#define PAGE 10      /* Rows that the page keys go over. */
#define FIXED_ROWS 4 /* Head, sums, an empty line, help. */

static const struct sort_key {
	int key;
	const char *name;
	const char *rate;  /* Member that is compared; NULL: names are. */
	const char *total; /* Instead of it, while there are no rates. */
} sort_keys[] = {
	{'p', "packets", "packets" RATE_SUFFIX, "packets"},
	{'b', "bytes", "bytes" RATE_SUFFIX, "bytes"},
	{'f', "new flows", "new_flows" RATE_SUFFIX, "new_flows"},
	{'n', "names", NULL, NULL},
};

#define N_SORT_KEYS (sizeof(sort_keys) / sizeof(sort_keys[0]))

static const char help[] = "q quit  p packets b bytes f flows n name  r reverse  tab lists  "
			   "arrows  +/- speed";

void
top_view_init(struct top_view *view, double interval_s)
{
	*view = (struct top_view){.interval_s = interval_s};
}

/* --- Keys --- */

static void
scroll(struct top_view *view, long n_rows)
{
	if (n_rows < 0 && view->offset < (size_t)-n_rows)
		view->offset = 0;
	else
		view->offset += (size_t)n_rows;
}

static void
change_speed(struct top_view *view, double factor)
{
	double interval_s = view->interval_s * factor;

	view->interval_s = fmin(fmax(interval_s, INTERVAL_MIN_S), INTERVAL_MAX_S);
}

static void
choose_sort(struct top_view *view, int key)
{
	for (size_t i = 0; i < N_SORT_KEYS; i++) {
		if (sort_keys[i].key == key) {
			view->sort = i;
			view->offset = 0;
		}
	}
}

bool
top_view_key(struct top_view *view, int key)
{
	switch (key) {
	case 'q':
		return false;
	case 'r':
		view->reverse = !view->reverse;
		break;
	case ' ':
		view->paused = !view->paused;
		break;
	case '\t':
		view->panel = (enum top_panel)((view->panel + 1) % N_TOP_PANELS);
		view->offset = 0;
		break;
	case '+':
		change_speed(view, 0.5);
		break;
	case '-':
		change_speed(view, 2);
		break;
	case TOP_KEY_UP:
		scroll(view, -1);
		break;
	case TOP_KEY_DOWN:
		scroll(view, 1);
		break;
	case TOP_KEY_PAGE_UP:
		scroll(view, -PAGE);
		break;
	case TOP_KEY_PAGE_DOWN:
		scroll(view, PAGE);
		break;
	case TOP_KEY_HOME:
		view->offset = 0;
		break;
	default:
		choose_sort(view, key);
	}
	return true;
}

/* --- Sorting --- */

struct element {
	json_t *json;
	double value;
	char name[2 * UNIT_TEXT_SIZE + 64];
};

static int
compare(const void *left, const void *right)
{
	const struct element *a = left, *b = right;

	if (a->value != b->value)
		return a->value > b->value ? -1 : 1;
	return strcmp(a->name, b->name);
}

static double
value_of(const struct sort_key *key, json_t *json)
{
	json_t *rate = key->rate ? json_object_get(json, key->rate) : NULL;

	if (!key->rate)
		return 0;
	if (json_is_real(rate))
		return json_real_value(rate);
	return rate ? -1 : (double)integer_of(json, key->total);
}

/* A new array with the elements of 'array' in order: most first, and names from a to z. */
static json_t *
sorted(const struct top_view *view, json_t *array)
{
	size_t n = json_array_size(array);
	struct element *elements = calloc(n > 0 ? n : 1, sizeof(*elements));
	json_t *out = json_array();

	for (size_t i = 0; elements && i < n; i++) {
		json_t *json = json_array_get(array, i);

		elements[i].json = json;
		elements[i].value = value_of(&sort_keys[view->sort], json);
		snprintf(elements[i].name, sizeof(elements[i].name), "%s%s/%s",
			text_of(json, "name"), text_of(json, "pool"), text_of(json, "backend"));
	}
	if (elements)
		qsort(elements, n, sizeof(*elements), compare);
	for (size_t i = 0; elements && i < n; i++)
		json_array_append(out, elements[view->reverse ? n - 1 - i : i].json);
	free(elements);
	return out;
}

/* --- Lines --- */

static void
add_line(struct top_lines *lines, enum top_style style, const char *text, size_t size)
{
	if (lines->n == lines->capacity)
		return;
	lines->lines[lines->n].text = strndup(text, size);
	lines->lines[lines->n].style = style;
	if (lines->lines[lines->n].text)
		lines->n++;
}

void
top_lines_fini(struct top_lines *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		free(lines->lines[i].text);
	free(lines->lines);
	memset(lines, 0, sizeof(*lines));
}

/* A list as a table: how it is printed, and how its rows look. */
struct list {
	void (*print)(json_t *array, FILE *file);
	enum top_style (*style)(json_t *element);
};

static enum top_style
service_style(json_t *service)
{
	if (integer_of(service, "backends_up") == 0)
		return TOP_BAD;
	return strcmp(text_of(service, "router_state"), "master") == 0 ? TOP_PLAIN : TOP_DIM;
}

static void
print_services(json_t *services, FILE *file)
{
	static const struct table_column columns[] = {
		{"SERVICE", false},
		{"ADDRESS", false},
		{"UP", true},
		{"FLOWS", true},
		{"PACKETS", true},
		{"BYTES", true},
		{"DROPS", true},
		{NULL, false},
	};
	struct table table;
	json_t *service;
	size_t i;

	table_init(&table, columns);
	json_array_foreach(services, i, service)
	{
		cell_text(&table, service, "name");
		cell_endpoint(&table, service);
		table_cell(&table, "%" JSON_INTEGER_FORMAT "/%" JSON_INTEGER_FORMAT,
			integer_of(service, "backends_up"), integer_of(service, "backends"));
		cell_counter(&table, service, "new_flows", format_count);
		cell_counter(&table, service, "packets", format_count);
		cell_counter(&table, service, "bytes", format_bytes);
		cell_counter(&table, service, "drops", format_count);
	}
	table_print(&table, "There are no services.", file);
	table_fini(&table);
}

static enum top_style
backend_style(json_t *backend)
{
	const char *state = text_of(backend, "state");

	if (strcmp(state, "up") == 0)
		return TOP_PLAIN;
	return strcmp(state, "drained") == 0 ? TOP_DIM : TOP_BAD;
}

static void
print_backends(json_t *backends, FILE *file)
{
	static const struct table_column columns[] = {
		{"BACKEND", false},
		{"POOL", false},
		{"STATE", false},
		{"WEIGHT", true},
		{"FLOWS", true},
		{"NEW", true},
		{"PACKETS", true},
		{"BYTES", true},
		{NULL, false},
	};
	struct table table;
	json_t *backend;
	size_t i;

	table_init(&table, columns);
	json_array_foreach(backends, i, backend)
	{
		cell_text(&table, backend, "backend");
		cell_text(&table, backend, "pool");
		cell_text(&table, backend, "state");
		cell_integer(&table, backend, "weight");
		cell_unit(&table, backend, "active_flows", format_count);
		cell_counter(&table, backend, "new_flows", format_count);
		cell_counter(&table, backend, "packets", format_count);
		cell_counter(&table, backend, "bytes", format_bytes);
	}
	table_print(&table, "There are no backends.", file);
	table_fini(&table);
}

/* Adds the title and at most 'n_rows' rows of the array, those behind the view's offset; the end of
 * the list stays at the bottom. Returns how far it is scrolled. */
static size_t
add_list(const struct top_view *view, const struct list *list, json_t *array, size_t n_rows,
	struct top_lines *out)
{
	json_t *rows = sorted(view, array);
	size_t n = json_array_size(rows);
	size_t most = n > n_rows ? n - n_rows : 0;
	size_t offset = view->offset < most ? view->offset : most;
	char *text = NULL, *line;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	if (file) {
		list->print(rows, file);
		fclose(file);
	}
	line = text;
	for (size_t i = 0; line && *line; i++) {
		size_t length = strcspn(line, "\n");

		if (i == 0)
			add_line(out, n > 0 ? TOP_TITLE : TOP_PLAIN, line, length);
		else if (i > offset && i <= offset + n_rows)
			add_line(out, list->style(json_array_get(rows, i - 1)), line, length);
		line += length + (line[length] == '\n');
	}
	free(text);
	json_decref(rows);
	return offset;
}

/* The sum of a rate over all of an array, or over all of a map's members that begin so. */
static double
sum_of(json_t *array, const char *key)
{
	double sum = 0;
	json_t *element;
	size_t i;

	json_array_foreach(array, i, element) sum +=
		json_number_value(json_object_get(element, key));
	return sum;
}

static double
sum_of_drops(json_t *rates)
{
	double sum = 0;
	const char *name;
	json_t *value;

	json_object_foreach(rates, name, value)
	{
		if (strncmp(name, "drop_", strlen("drop_")) == 0)
			sum += json_number_value(value);
	}
	return sum;
}

static void
add_head(const struct top_view *view, const struct top_data *data, struct top_lines *out)
{
	bool ready = json_is_true(json_object_get(data->status, "ready"));
	const char *waiting = text_of(data->status, "waiting");
	char masters[128] = "", text[512];
	json_t *router;
	size_t i, used = 0;

	json_array_foreach(json_object_get(data->status, "routers"), i, router)
	{
		if (strcmp(text_of(router, "state"), "master") == 0 && used < sizeof(masters))
			used += (size_t)snprintf(masters + used, sizeof(masters) - used, " %s",
				text_of(router, "name"));
	}
	snprintf(text, sizeof(text), "%s %s of %s: %s%s%s  holds%s  by %s, every %gs%s", data->time,
		text_of(data->status, "node"), text_of(data->status, "cluster"),
		ready ? "ready" : "not ready", waiting[0] ? ": " : "", waiting,
		used > 0 ? masters : " nothing", sort_keys[view->sort].name, view->interval_s,
		view->paused ? "  PAUSED" : "");
	add_line(out, TOP_HEAD, text, strlen(text));
}

static void
add_sums(const struct top_data *data, struct top_lines *out)
{
	json_t *flows = json_object_get(data->stats, "flows");
	json_t *ports = json_object_get(data->stats, "ports");
	json_t *drops = json_object_get(data->stats, "verdicts" RATE_SUFFIX);
	char active[UNIT_TEXT_SIZE], capacity[UNIT_TEXT_SIZE], in[UNIT_TEXT_SIZE];
	char bytes[UNIT_TEXT_SIZE], created[UNIT_TEXT_SIZE], dropped[UNIT_TEXT_SIZE], text[256];

	if (data->problem) {
		add_line(out, TOP_BAD, data->problem, strlen(data->problem));
		return;
	}
	if (!drops) {
		add_line(out, TOP_PLAIN, "rates come with the second look ...",
			strlen("rates come with the second look ..."));
		return;
	}
	snprintf(text, sizeof(text), "flows %s of %s  rx %s packets/s %s/s  new %s/s  dropped %s/s",
		format_count((uint64_t)integer_of(flows, "active"), active),
		format_count((uint64_t)integer_of(flows, "capacity"), capacity),
		format_rate(sum_of(ports, "rx_packets" RATE_SUFFIX), format_count, in),
		format_rate(sum_of(ports, "rx_bytes" RATE_SUFFIX), format_bytes, bytes),
		format_rate(sum_of(data->services, "new_flows" RATE_SUFFIX), format_count, created),
		format_rate(sum_of_drops(drops), format_count, dropped));
	add_line(out, TOP_PLAIN, text, strlen(text));
}

static size_t
most_of(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* Shares the rows between the lists: what one does not need is the other's. */
static void
add_lists(struct top_view *view, const struct top_data *data, size_t n_rows, struct top_lines *out)
{
	static const struct list services = {print_services, service_style};
	static const struct list backends = {print_backends, backend_style};
	size_t n_services = json_array_size(data->services);
	size_t n_backends = json_array_size(data->backends);
	size_t room, half, for_services, first = 0, second = 0;

	if (view->panel != TOP_BOTH) {
		bool is_services = view->panel == TOP_SERVICES;

		view->offset = add_list(view, is_services ? &services : &backends,
			is_services ? data->services : data->backends, n_rows > 0 ? n_rows - 1 : 0,
			out);
		return;
	}
	room = n_rows > 3 ? n_rows - 3 : 0; /* Two titles and the line between. */
	half = room / 2;
	for_services = n_backends < room - half ? room - n_backends : half;
	if (n_services < for_services)
		for_services = n_services;
	first = add_list(view, &services, data->services, for_services, out);
	add_line(out, TOP_PLAIN, "", 0);
	second = add_list(view, &backends, data->backends, room - for_services, out);
	view->offset = most_of(first, second);
}

void
top_view_draw(struct top_view *view, const struct top_data *data, size_t width, size_t height,
	struct top_lines *out)
{
	*out = (struct top_lines){
		.lines = calloc(height > 0 ? height : 1, sizeof(*out->lines)), .capacity = height};
	if (!out->lines || height == 0)
		return;
	out->capacity = height - 1; /* The last line is for help. */
	add_head(view, data, out);
	add_sums(data, out);
	add_line(out, TOP_PLAIN, "", 0);
	add_lists(view, data, height > FIXED_ROWS ? height - FIXED_ROWS : 0, out);
	while (out->n < out->capacity) {
		size_t n = out->n;

		add_line(out, TOP_PLAIN, "", 0);
		if (out->n == n)
			break; /* Memory is short. */
	}
	out->capacity = height;
	add_line(out, TOP_HELP, help, sizeof(help) - 1);
	for (size_t i = 0; i < out->n; i++) {
		if (strlen(out->lines[i].text) > width)
			out->lines[i].text[width] = '\0';
	}
}
