/* SPDX-License-Identifier: BSD-3-Clause */
/* A service's keys 'client_address' and 'syn_cookies'; see config_build.h. */
#include "common/config_build.h"
#include "common/control.h"

static void
build_client_address(
	struct config_reader *reader, const char *path, const char *raw, struct service *service)
{
	static const char *const words[] = {"none", "toa", "proxy2", NULL};

	service->client_address = (enum client_address)config_word(
		reader, path, "client_address", raw, words, CLIENT_ADDRESS_NONE);
	if (service->client_address == CLIENT_ADDRESS_NONE)
		return;
	if (service->mode != MODE_FULLNAT)
		config_fail(reader, path, "client_address",
			"'%s' is of mode fullnat only: in the other modes packets come to the "
			"backend from the client's address",
			raw);
	if (service->client_address == CLIENT_ADDRESS_TOA && service->protocol != PROTOCOL_TCP)
		config_fail(reader, path, "client_address",
			"'toa' is an option of TCP: choose proxy2 for protocol udp");
}

void
config_build_nat(struct config_reader *reader, const char *path, const struct raw_service *raw,
	struct service *service)
{
	if (raw->client_address)
		build_client_address(reader, path, raw->client_address, service);
	service->syn_cookies = config_bool(reader, path, "syn_cookies", raw->syn_cookies, false);
	if (service->syn_cookies && service->protocol != PROTOCOL_TCP)
		config_fail(reader, path, "syn_cookies", "is of protocol tcp only");
	else if (service->syn_cookies && !mode_translates(service->mode))
		config_fail(reader, path, "syn_cookies",
			"is of modes nat and fullnat only: in mode %s the backend answers the "
			"client itself",
			forward_mode_name(service->mode));
}
