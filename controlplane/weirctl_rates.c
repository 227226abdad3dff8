/* SPDX-License-Identifier: BSD-3-Clause */
/* Rates; see weirctl_rates.h. */
#include "controlplane/weirctl_rates.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define KEY_SIZE 256

static const char *const counters[] = {"packets", "bytes", "new_flows", "drops", "return_packets",
	"return_bytes", "rx_packets", "rx_bytes", "rx_missed", "tx_packets", "tx_bytes",
	"tx_errors", "host_rx_packets", "host_tx_packets", "host_drops", "returns_home",
	"steered_in", "steered_out", "steer_drops", "changes", "transitions", NULL};

static const char *const maps[] = {"verdicts", "flow_events", "path_events", "counters", NULL};

static bool
is_one_of(const char *name, const char *const *names)
{
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names != NULL;
}

static json_t *
rate_of(json_t *now, json_t *before, double seconds)
{
	json_int_t grown = json_integer_value(now) - json_integer_value(before);

	if (!json_is_integer(before) || grown < 0 || seconds <= 0)
		return json_null();
	return json_real((double)grown / seconds);
}

static json_t *
rates_of_map(json_t *now, json_t *before, double seconds)
{
	json_t *rates = json_object();
	const char *name;
	json_t *value;

	json_object_foreach(now, name, value)
	{
		if (json_is_integer(value))
			json_object_set_new(rates, name,
				rate_of(value, json_object_get(before, name), seconds));
	}
	return rates;
}

/* The elements of an array are told apart by their names, and backends also by their pools. */
static const char *
identify(json_t *element, char buf[static KEY_SIZE])
{
	static const char *const keys[] = {"pool", "backend", "name", "address", "port"};
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && used < KEY_SIZE; i++) {
		const char *text = json_string_value(json_object_get(element, keys[i]));

		used += (size_t)snprintf(buf + used, KEY_SIZE - used, "%s/", text ? text : "");
	}
	return buf;
}

static json_t *
index_elements(json_t *array)
{
	json_t *by_name = json_object();
	char key[KEY_SIZE];
	json_t *element;
	size_t i;

	json_array_foreach(array, i, element)
		json_object_set(by_name, identify(element, key), element);
	return by_name;
}

/* Adds the rates of an object's own counters and maps. */
static void
visit_object(json_t *now, json_t *before, double seconds)
{
	json_t *added = json_object();
	char key[KEY_SIZE];
	const char *name;
	json_t *value;

	json_object_foreach(now, name, value)
	{
		json_t *was = json_object_get(before, name);

		snprintf(key, sizeof(key), "%s" RATE_SUFFIX, name);
		if (json_is_object(value) && is_one_of(name, maps))
			json_object_set_new(added, key, rates_of_map(value, was, seconds));
		else if (json_is_integer(value) && is_one_of(name, counters))
			json_object_set_new(added, key, rate_of(value, was, seconds));
	}
	json_object_update(now, added);
	json_decref(added);
}

static void
visit_array(json_t *now, json_t *before, double seconds)
{
	json_t *by_name = index_elements(before);
	char key[KEY_SIZE];
	json_t *element;
	size_t i;

	json_array_foreach(now, i, element)
		visit_object(element, json_object_get(by_name, identify(element, key)), seconds);
	json_decref(by_name);
}

static void
visit_arrays(json_t *now, json_t *before, double seconds)
{
	const char *name;
	json_t *value;

	json_object_foreach(now, name, value)
	{
		if (json_is_array(value))
			visit_array(value, json_object_get(before, name), seconds);
	}
}

void
rates_add(json_t *answer, json_t *before, double seconds)
{
	json_t *sync = json_object_get(answer, "sync");
	json_t *sync_before = json_object_get(before, "sync");

	if (json_is_array(answer)) {
		visit_array(answer, before, seconds);
		return;
	}
	visit_object(answer, before, seconds);
	visit_arrays(answer, before, seconds);
	visit_object(sync, sync_before, seconds);
	visit_arrays(sync, sync_before, seconds);
}
