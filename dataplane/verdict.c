/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of verdicts; see verdict.h. */
#include "dataplane/verdict.h"

static const struct {
	const char *name;
	const char *help;
} verdicts[N_VERDICTS_ALL] = {
#define VERDICT(id, name, help) [V_##id] = {name, help},
	VERDICTS
#undef VERDICT
		[V_HOLD] = {"hold", "kept until its first fragment comes"},
	[V_STEER] = {"steer", "handed to the worker of its flow"},
};

const char *
verdict_name(enum verdict verdict)
{
	return verdicts[verdict].name;
}

const char *
verdict_help(enum verdict verdict)
{
	return verdicts[verdict].help;
}
